"""The command line end to end: real clips, real tables, real processes, a scripted judge."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.command_line import ASK, JUDGE, ROOT, clip, run, table, work
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

__all__ = ["clip", "work"]  # fixtures


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
