"""The command line end to end: real clips, real tables, real processes, a scripted judge."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from clips import Clip

from workbench.__main__ import main, parser
from workbench.demo import demo
from workbench.judge_options import prompt_options
from workbench.page.examples import Example
from workbench.page.form import JudgeForm
from workbench.page.form import prompt_options as form_options
from workbench.page.receipt import repeat_command
from workbench.prompts import list_prompts
from workbench.schema import Sampling, VideoPolicy
from workbench.store import Run

ROOT = Path(__file__).parent.parent
SCRIPT = r"""
rules:
  - {where: {response: overloaded}, fail: the judge is overloaded}
  - {where: {response: noise}, reply: "no verdict \e[31mred\e[0m \e]0;title\a here"}
  - {contains: <response_c>, reply: <thinking>hm</thinking><ranking>C > A > B</ranking>}
  - {where: {response: first is best}, reply: <answer>A</answer>}
  - {contains: <response_a>, matches: "<response_a>\\s*better", reply: <answer>A</answer>, probs: {"A": 0.9, "B": 0.1}}
  - {contains: <response_a>, reply: <answer>B</answer>, probs: {"A": 0.2, "B": 0.8}}
  - where: {response: ""}
    reply:
      - "<rubric>1 wrong\n5 right</rubric><thinking>The ball \e[2Jis red.</thinking><score>4</score>"
      - "<rubric>1 wrong\n5 right</rubric><thinking>Less sure.</thinking><score>2</score>"
    probs: {"1": 0.0, "2": 0.05, "3": 0.1, "4": 0.65, "5": 0.2}
"""


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    return Clip(frames=24).write(tmp_path_factory.mktemp("clip") / "a.mp4")


@pytest.fixture
def work(tmp_path, clip, monkeypatch):
    """A working folder with a clip, a file that is none, and a scripted judge."""
    (tmp_path / "a.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "broken.mp4").write_bytes(b"not a video at all")
    (tmp_path / "judge.yaml").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


JUDGE = ["--judge=scripted:judge.yaml"]
ASK = ["judge", "a.mp4", "--instruction=What is it?", "--response=A red ball.", *JUDGE]


def run(capsys, *argv):
    """Exit code, stdout and stderr of a command line."""
    code = main([str(word) for word in argv])
    said = capsys.readouterr()
    return code, said.out, said.err


def table(path, rows, header=("video", "question", "answer")):
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return Path(path)


def command(*argv, **options):
    """A real process of the command line."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-m", "workbench", *map(str, argv)], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # fmt: skip


# -- help and start


def test_help_tells_defaults_and_prompts():
    judge = parser().parse_args(["judge"])
    assert judge.mode in list_prompts()
    argv = [sys.executable, "-m", "workbench", "judge", "--help"]
    shown = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    words = " ".join(shown.stdout.split())
    assert shown.returncode == 0
    assert all(name in words for name in list_prompts())
    for default in (Sampling().max_new_tokens, Sampling().temperature, f"{VideoPolicy(frames=1).max_pixels:,}"):
        assert f"(usual: {default})" in words


def test_help_and_show_start_without_the_heavy_libraries(work, capsys):
    run(capsys, *ASK, "--out=r")
    code = ("import sys; from workbench.__main__ import main; main(['show', 'r']);"
            "print(sorted({'torch', 'transformers', 'gradio', 'pandas', 'av'} & set(sys.modules)))")  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    shown = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert shown.stdout.strip().splitlines()[-1] == "[]", shown.stderr


# -- one video


def test_a_rubric_verdict_is_readable(work, capsys):
    code, out, _ = run(capsys, *ASK, "--mode=rubric", "--out=r")
    assert code == 0
    for part in ("A red ball.", "score 4 on a scale of 1 to 5 (mean of its distribution 4.00)", "65.0% <", "1 wrong",
                 "The ball is red.", "frames: 8 (", "at seconds", "run folder: r"):  # fmt: skip
        assert part in out
    assert "\x1b" not in out


def test_several_responses_are_scored_one_by_one(work, capsys):
    code, out, _ = run(capsys, *ASK, "--response=noise", "--samples=2", "--out=r")
    assert code == 1
    assert [judgment.status for judgment in Run.open("r").judgments()] == ["scored"] * 2 + ["unparsed"] * 2
    assert "2 samples: 4, 2; mean of 2 scores 3.00" in out and "no verdict (unparsed)" in out
    assert "no verdict red  here" in out and "\x1b" not in out and "title" not in out


@pytest.mark.parametrize("responses, said", [
    (("better", "worse"), "A is better, in both orders"),
    (("worse", "better"), "B is better, in both orders"),
    (("first is best", "so-so"), "inconsistent: A when shown A, B; B when shown B, A"),
])  # fmt: skip
def test_a_pair_is_asked_in_both_orders(work, capsys, responses, said):
    code, out, _ = run(capsys, "judge", "a.mp4", "--instruction=q", *JUDGE, "--mode=pairwise",
                       *(f"--response={response}" for response in responses))  # fmt: skip
    assert code == 0 and said in out


def test_a_ranking_and_one_order(work, capsys):
    code, out, _ = run(capsys, *ASK, "--response=b", "--response=c", "--mode=ranking", "--orders=given")
    assert code == 0 and "ranking C > A > B, asked in one order only" in out


def test_json_holds_the_records(work, capsys):
    _, out, _ = run(capsys, *ASK, "--json", "--temperature=0.5", "--seed=3", "--frames=3", "--max-pixels=8000")
    (judgment,) = json.loads(out)["judgments"]
    assert judgment["settings"]["sampling"] == {**Sampling(temperature=0.5, seed=3).to_dict()}
    assert judgment["settings"]["video"]["frames"] == 3 and judgment["settings"]["video"]["max_pixels"] == 8000
    assert len(judgment["frames"]["seconds"]) == 3 and json.loads(out)["outcomes"][0]["outcome"] == "2"


def test_the_prompt_is_fitted_to_the_wishes(work, capsys):
    Path("rubric.txt").write_text("Only colours count.")
    run(capsys, *ASK, "--rubric=rubric.txt", "--scale=0-3", "--labels=bad,poor,fair,good", "--reference=A ball.",
        "--criterion=accuracy:2=facts hold", "--criterion=style=reads well", "--out=r")  # fmt: skip
    (prompt,) = Run.open("r").head()["prompts"]
    assert "Only colours count." in prompt["guide"] and prompt["reference"] is True
    assert (prompt["form"]["low"], prompt["form"]["high"]) == (0, 3)
    assert prompt["form"]["labels"] == {"0": "bad", "1": "poor", "2": "fair", "3": "good"}
    assert [(c["name"], c["weight"]) for c in prompt["form"]["criteria"]] == [("accuracy", 2.0), ("style", 1.0)]


def test_frames_a_second_and_the_control_without_video(work, capsys):
    run(capsys, *ASK, "--fps=4", "--max-frames=3", "--out=r")
    run(capsys, *ASK, "--no-video", "--out=control")
    looked, control = (Run.open(folder).judgments()[0] for folder in ("r", "control"))
    assert len(looked.frames["seconds"]) == 3 and control.frames is None
    assert looked.item == control.item and control.settings["view"] == "none"


def test_without_out_a_folder_of_its_own_is_made(work, capsys):
    folders = {run(capsys, *ASK)[1].split("run folder: ")[1].strip() for _ in range(2)}
    assert len(folders) == 2 and all(Path(folder, "summary.json").exists() for folder in folders)


def test_two_judges_in_one_run(work, capsys):
    code, out, err = run(capsys, *ASK, "--judge=metric:rouge_l", "--reference=A red ball.", "--out=r")
    assert code == 0 and "score 100 on a scale of 0 to 100" in out and "sees no video" in err
    assert {judgment.judge for judgment in Run.open("r").judgments()} == {"scripted:judge.yaml", "metric:rouge_l"}


def test_a_real_checkpoint(work, capsys, qwen25_checkpoint):
    code, out, _ = run(capsys, *ASK[:4], f"--judge={qwen25_checkpoint}", "--max-new-tokens=8", "--out=r")
    (judgment,) = Run.open("r").judgments()
    assert code == 1 and judgment.status == "unparsed" and judgment.settings["judge"]["dtype"] == "float32"
    assert "no verdict (unparsed)" in out


# -- what cannot be

REFUSED = [
    (["judge"], "Give a VIDEO, a table with --items FILE, or --no-video"),
    (["judge", "a.mp4", "--response=r", *JUDGE], "--instruction is missing"),
    (["judge", "a.mp4", "--instruction=q", *JUDGE], "--response is missing"),
    (["judge", "a.mp4", "--instruction=q", "--response= ", *JUDGE], "response 1 of 1 is empty"),
    (["judge", "a.mp4", "--instruction=q", "--response=caf\udce9", *JUDGE], "not text in the terminal's encoding"),
    (["judge", "none.mp4", *ASK[2:]], "none.mp4"),
    (["judge", "broken.mp4", *ASK[2:]], "broken.mp4"),
    (["judge", "https://example.org/a.mp4", *ASK[2:]], "example.org/a.mp4"),
    ([*ASK, "--items=t.csv"], "--response is for a single VIDEO"),
    ([*ASK, "--limit=3"], "--limit is for a table"),
    ([*ASK, "--judge=gpt-17"], "Known are embedded"),
    ([*ASK[:4], "--score-only", "--judge=embedded", "--judge=metric:bleu"], "metric:bleu cannot score"),
    ([*ASK, "--mode=pairwise"], "got 1 response(s), expected 2"),
    ([*ASK, "--mode=chess"], "Known are pairwise"),
    ([*ASK, "--scale=five"], "expected its two ends, such as 1-5"),
    ([*ASK, "--labels=a,b"], "expected 5 words from 1 to 5"),
    ([*ASK, "--labels=1=bad,1=worse"], "names a rating twice"),
    ([*ASK, "--rubric=mine.txt"], "there is no such file"),
    ([*ASK, "--rubric=rubrics/mine"], "there is no such file"),
    ([*ASK, "--rubric=a.mp4"], "is not a text file"),
    ([*ASK, "--criterion=accuracy"], 'expected "name=what it asks"'),
    ([*ASK, "--temperature=nan"], "temperature: got nan"),
    ([*ASK, "--top-p=0"], "top_p: got 0"),
    ([*ASK, "--frames=0"], "frames: got 0"),
    ([*ASK, "--fps=2"], "got no max_frames"),
    ([*ASK, "--max-pixels=1"], "max_pixels: got 1, expected at least 3136"),
    ([*ASK, "--judge-option=fast"], "expected NAME=VALUE"),
    ([*ASK, "--judge-option=fast=1"], "got the option 'fast'"),
    (["judge", "--items=none.csv", *JUDGE], "there is no such file"),
    (["judge", "--items=a.mp4", *JUDGE], "got the ending '.mp4'"),
    (["judge", "--items=t.csv", "--videos=none", *JUDGE], "'none', which is no folder"),
    (["show", "none"], "is not a run folder"),
    (["export", "none", "--to=x.csv"], "is not a run folder"),
    ([*ASK, "--out=a.mp4/run"], "cannot be made a run folder"),
]


@pytest.mark.parametrize("argv, said", REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_request_that_cannot_be_is_one_line(work, capsys, argv, said):
    code, out, err = run(capsys, *argv)
    assert code == 2 and said in err and not out
    assert err.startswith("error: ") and err.count("\n") == 1
    assert not list(work.glob("runs/*"))


@pytest.mark.parametrize("argv", [["judge", "--frames=1", "--fps=2"], ["fly"], ["show"], ["judge", "--samples=0"],
                                  ["judge", "--limit=-1"], ["judge", "--orders=some"]])  # fmt: skip
def test_usage_errors_exit_with_2(argv, capsys):
    with pytest.raises(SystemExit) as exit:
        main(argv)
    assert exit.value.code == 2 and "usage:" in capsys.readouterr().err


# -- tables


def break_row(kind, row):
    """A row of the table, broken in one of ten ways: the bytes of its line."""
    video, question, answer = row
    return {
        0: f"missing.mp4,{question},{answer}",
        1: f"{video},{question},",
        2: f'{video},"{question},{answer}',
        3: f"{video},{question},NaN",
        4: f"{video},{question}",
        5: f"{video},{question},{answer},more",
        6: f"{video},{question},caf\xe9".encode("latin-1"),
        7: f"broken.mp4,{question},{answer}",
        8: f"{video},  ,{answer}",
        9: f"{video},{question},overloaded",
    }[kind]


def test_two_hundred_rows_with_every_tenth_broken(work, capsys):
    good = [("a.mp4", f"What happens in {number}?", f"Answer {number}: 球") for number in range(1, 201)]
    lines = [",".join(row) if number % 10 else break_row(number // 10 % 10, row) for number, row in enumerate(good, 1)]
    data = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
    Path("t.csv").write_bytes(b"video,question,answer\n" + data)
    code, out, err = run(capsys, "judge", "--items=t.csv", *JUDGE, "--out=r")
    assert code == 1
    assert "columns: video=video, instruction=question, response=answer" in err
    assert "items: 184, rejected rows: 16, repeated: 0" in err and "180 scored, 4 failed" in out
    opened = Run.open("r")
    failing = {70, 90, 170, 190}  # a file that is no video, and a judge that does not answer
    assert {row["row"] for row in opened.rejected()} == set(range(10, 201, 10)) - failing
    failed = [judgment for judgment in opened.judgments() if judgment.status == "failed"]
    assert {int(opened.items()[judgment.item].tags["row"]) for judgment in failed} == failing
    assert "row 70: scripted:judge.yaml: failed: broken.mp4" in err
    _, out, _ = run(capsys, "show", "r", "--failed")
    said = "".join(out.split())  # whole reasons, over as many lines as they take
    assert "thejudgeisoverloaded" in said and "missing.mp4doesnotexist" in said and "Answer 1:" not in out
    _, again, err = run(capsys, "judge", "--items=t.csv", *JUDGE, "--out=r")
    assert "resuming r: 180 verdicts" in err and "180 scored, 4 failed" in again
    lines = Path("r/judgments.jsonl").read_text().splitlines()
    assert len(lines) == 188  # only the four failures were asked again


def test_columns_by_name_pairs_and_lists(work, capsys):
    table("t.csv", [("a.mp4", "q", "better", "worse")], ("clip", "ask", "one", "two"))
    code, out, _ = run(capsys, "judge", "--items=t.csv", *JUDGE, "--mode=pairwise", "--column=instruction=ask",
                       "--column=response=two", "--column=response=one", "--json")  # fmt: skip
    record = json.loads(out)
    assert code == 0 and record["outcomes"][0]["outcome"] == "B"
    assert next(iter(record["items"].values()))["responses"] == ["worse", "better"]
    Path("t.jsonl").write_text(json.dumps({"video": "a.mp4", "question": "q", "responses": ["x", "y", "z"]}))
    run(capsys, "judge", "--items=t.jsonl", *JUDGE, "--out=points")
    assert [item.responses for item in Run.open("points").items().values()] == [("x",), ("y",), ("z",)]
    run(capsys, "judge", "--items=t.jsonl", *JUDGE, "--mode=ranking", "--out=rank")
    assert {judgment.status for judgment in Run.open("rank").judgments()} == {"scored"}
    assert run(capsys, "judge", "--items=t.jsonl", *JUDGE, "--mode=pairwise", "--out=pair")[0] == 1
    assert {judgment.status for judgment in Run.open("pair").judgments()} == {"skipped"}


@pytest.mark.parametrize("encoding, option", [("utf-8-sig", None), ("utf-16", None), ("latin-1", "latin-1")])
def test_encodings(work, capsys, encoding, option):
    Path("t.csv").write_bytes("video;question;answer\r\na.mp4;Wo?;Fluß\r\n".encode(encoding))
    code, _, _ = run(capsys, "judge", "--items=t.csv", *JUDGE, "--out=r", *([f"--encoding={option}"] if option else []))
    assert code == 0 and next(iter(Run.open("r").items().values())).responses == ("Fluß",)


def test_a_table_without_videos_needs_a_word(work, capsys):
    table("t.csv", [("q", "r")], ("question", "answer"))
    code, _, err = run(capsys, "judge", "--items=t.csv", *JUDGE)
    assert code == 2 and "no column holds their paths" in err and not Path("runs").exists()
    assert run(capsys, "judge", "--items=t.csv", *JUDGE, "--no-video")[0] == 0


def test_videos_folder_and_equal_rows(work, capsys):
    Path("t").mkdir()
    table("t/t.csv", [("a.mp4", "q", "r")] * 3 + [("a.mp4", "q", "s")])
    code, _, err = run(capsys, "judge", "--items=t/t.csv", "--videos=.", *JUDGE, "--out=r")
    assert code == 0 and "items: 2, rejected rows: 0, repeated: 2" in err


def test_no_row_that_can_be_judged(work, capsys):
    table("t.csv", [("none.mp4", "q", "r")])
    code, _, err = run(capsys, "judge", "--items=t.csv", *JUDGE, "--out=r")
    assert code == 2 and "No row can be judged" in err and len(Run.open("r").rejected()) == 1


# -- going on


def test_a_limit_then_the_rest_then_another_judge(work, capsys):
    table("t.csv", [("a.mp4", "q", f"r{number}") for number in range(9)])
    same = ["judge", "--items=t.csv", *JUDGE, "--out=r"]
    run(capsys, *same, "--limit=4")
    assert len(Run.open("r").judgments()) == 4
    run(capsys, *same)
    first = {(judgment.key, judgment.created) for judgment in Run.open("r").judgments()}
    assert len(first) == 9
    Path("other.yaml").write_text("rules: [{reply: <score>1</score>}]")
    run(capsys, *same, "--judge=scripted:other.yaml")
    judgments = Run.open("r").judgments()
    assert len(judgments) == 18 and first < {(judgment.key, judgment.created) for judgment in judgments}


@pytest.mark.parametrize("change, said", [
    ("--frames=4", "video was {}, now {'frames': 4}"),
    ("--temperature=1", "sampling was {}"),
    ("--mode=rubric", "prompt was 'pointwise@"),
    ("--samples=2", "samples was 1, now 2"),
    ("--no-video", "view was None, now 'none'"),
])  # fmt: skip
def test_other_settings_are_not_mixed_into_a_run(work, capsys, change, said):
    run(capsys, *ASK, "--out=r")
    code, _, err = run(capsys, *ASK, "--out=r", change)
    assert code == 2 and said in err and len(Run.open("r").judgments()) == 1


def test_a_row_that_was_repaired_joins_its_run(work, capsys):
    table("t.csv", [("a.mp4", "q", "r"), ("late.mp4", "q", "r2")])
    same = ["judge", "--items=t.csv", *JUDGE, "--out=r"]
    assert run(capsys, *same)[0] == 1
    Path("late.mp4").write_bytes(Path("a.mp4").read_bytes())
    assert run(capsys, *same)[0] == 0
    assert len(Run.open("r").judgments()) == 2 and Run.open("r").rejected() == []


def slow_table(count=40):
    Path("slow.yaml").write_text("rules: [{reply: '<score>3</score>', delay_seconds: 0.03}]")
    table("t.csv", [("a.mp4", "q", f"r{number}") for number in range(count)])
    return ["judge", "--items=t.csv", "--judge=scripted:slow.yaml"]


def wait_for_lines(path, count, process):
    deadline = time.monotonic() + 120  # a machine may be busy; a process that ends is told at once
    while time.monotonic() < deadline and process.poll() is None:
        if Path(path).exists() and Path(path).read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.02)
    process.kill()
    raise AssertionError(f"{path} never got {count} lines: {process.communicate()[1]}")


def test_a_killed_run_goes_on_where_it_was(work, capsys):
    argv = slow_table()
    run(capsys, *argv, "--out=undisturbed")
    process = command(*argv, "--out=killed")
    wait_for_lines("killed/judgments.jsonl", 8, process)
    process.kill()
    process.communicate()
    with Path("killed/judgments.jsonl").open("a") as file:
        file.write('{"item": "half a li')  # what a write cut short leaves
    before = Path("killed/judgments.jsonl").read_bytes().count(b"\n")
    assert before < 40
    code, _, err = run(capsys, *argv, "--out=killed")
    assert code == 0 and f"{before} verdicts are there" in err
    keys = [{judgment.key for judgment in Run.open(folder).judgments()} for folder in ("undisturbed", "killed")]
    assert keys[0] == keys[1] and len(keys[0]) == 40
    assert Path("killed/judgments.jsonl").read_bytes().count(b"\n") == 40


def test_a_killed_run_is_not_shown_as_running(work, capsys):
    process = command(*slow_table(), "--out=killed")
    wait_for_lines("killed/judgments.jsonl", 8, process)
    assert "state    running" in run(capsys, "show", "killed")[1]
    process.kill()
    process.communicate()
    assert "state    interrupted, " in run(capsys, "show", "killed")[1]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_is_done(work, sign):
    process = command(*slow_table(400), "--out=r")
    wait_for_lines("r/judgments.jsonl", 8, process)
    process.send_signal(sign)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    assert "stopped: what is judged is kept in r" in err and Run.open("r").status()["state"] == "stopped"


def test_two_processes_do_not_write_one_run(work, capsys):
    argv = slow_table(400)
    process = command(*argv, "--out=r")
    wait_for_lines("r/judgments.jsonl", 2, process)
    code, _, err = run(capsys, *argv, "--out=r")
    process.kill()
    process.communicate()
    assert code == 2 and f"process {process.pid}" in err


# -- show and export


def test_show_tells_an_item_in_full(work, capsys):
    run(capsys, *ASK, "--out=r")
    (item,) = Run.open("r").items()
    _, out, _ = run(capsys, "show", "r")
    assert item in out and "state    done, 1 of 1 verdicts" in out
    _, out, _ = run(capsys, "show", "r", "--item", item[:5])
    assert "The ball is red." in out and "\x1b" not in out
    assert run(capsys, "show", "r", "--item", "zzz")[0] == 2


def test_show_cuts_long_tables(work, capsys):
    table("t.csv", [("a.mp4", "q", f"r{number}") for number in range(9)])
    run(capsys, "judge", "--items=t.csv", *JUDGE, "--out=r")
    _, out, _ = run(capsys, "show", "r", "--rows=4")
    assert "... and 5 more; see them with --rows 9" in out


def test_whoever_reads_may_leave(work, capsys):
    run(capsys, *ASK, "--out=r")
    shell, environment = f"'{sys.executable}' -m workbench show r | true", {**os.environ, "PYTHONPATH": str(ROOT)}
    shown = subprocess.run(shell, shell=True, capture_output=True, text=True, env=environment)
    assert "Traceback" not in shown.stderr and "Error" not in shown.stderr


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_exports_read_back(work, capsys, ending):
    run(capsys, *ASK, '--response=Ein "roter" Ball,\nja. 球', "--response=noise", "--out=r")
    code, out, _ = run(capsys, "export", "r", f"--to=out/x.{ending}")
    assert code == 0 and f"x.{ending}" in out
    judgments = Run.open("r").judgments()
    if ending == "jsonl":
        rows = [json.loads(line)["judgment"] for line in Path("out/x.jsonl").read_text().splitlines()]
        assert [row["reply"] for row in rows] == [judgment.reply for judgment in judgments]
        return
    frame = pd.read_parquet("out/x.parquet") if ending == "parquet" else pd.read_csv("out/x.csv")
    assert list(frame["key"]) == [judgment.key for judgment in judgments]
    assert frame["score"].tolist()[:2] == [4.0, 4.0] and pd.isna(frame["score"].iloc[2])
    assert list(frame["reply"]) == [judgment.reply for judgment in judgments]


def test_backends_are_listed(capsys):
    code, out, _ = run(capsys, "backends")
    assert code == 0 and all(name in out for name in ("embedded", "qwen2.5-vl-7b", "metric:rouge_l", "scripted:<file>"))


# -- the demo and the page type the same commands


def test_the_demo_types_commands_that_can_be_parsed(work, capsys, monkeypatch):
    example = Example("A ball", str(work / "a.mp4"), "What is it?", ("-5 balls", "a ball"), ratings=(1, 5))
    monkeypatch.setattr("workbench.demo.load_examples", lambda: (example,))
    typed = []
    assert demo("out", lambda words: typed.append(parser().parse_args(words)) or 1) == 0
    assert [args.mode for args in typed] == ["rubric", "pairwise"]
    assert all(args.response == ["-5 balls", "a ball"] and args.video == example.video for args in typed)
    assert "known to deserve, in order: 1, 5" in capsys.readouterr().out
    assert demo("out", lambda words: 2) == 2


def test_the_page_types_commands_that_can_be_parsed():
    form = JudgeForm(video="a.mp4", instruction="-q", responses=("-r", "s"), labels="bad,poor,fair,good", low=0, high=3,
                     criteria="accuracy:2=facts hold", text_only=True, reference="ref", rubric="--rub")  # fmt: skip
    words = shlex.split(repeat_command(form))
    args = parser().parse_args(words[3:])
    assert words[:4] == ["python", "-m", "workbench", "judge"]
    assert (args.instruction, args.response, args.no_video, args.rubric) == ("-q", ["-r", "s"], True, "--rub")
    assert prompt_options(args) == {**form_options(form), "rubric": "--rub"}
