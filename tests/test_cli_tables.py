"""Tables on the command line: what is read, and runs that go on after a kill or with other wishes."""

import json
import signal
import time
from pathlib import Path

import pytest

from analysis.__main__ import main as analysis
from tests.command_line import ASK, JUDGE, clip, command, run, table, work
from workbench.store import Run

__all__ = ["clip", "work"]  # fixtures


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


def test_labels_are_no_verdicts_that_are_gone_on_from(work, capsys):
    table("t.csv", [("", "What?", f"Answer {number}", number, "anna") for number in (1, 2)],
          ("video", "question", "answer", "score", "annotator"))  # fmt: skip
    assert analysis(["import", "labels", "--data=t.csv", "--out=r", "--column=video="]) == 0
    assert len(Run.open("r").judgments()) == 2
    _, _, first = run(capsys, "judge", "--items=r", *JUDGE, "--no-video")
    _, _, again = run(capsys, "judge", "--items=r", *JUDGE, "--no-video")
    assert "resuming" not in first and "resuming r: 2 verdicts are there" in again


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


def test_a_column_may_be_left_alone(work, capsys):
    table("t.csv", [("a.mp4", "q", "r")])
    code, _, err = run(capsys, "judge", "--items=t.csv", *JUDGE, "--no-video", "--column=video=", "--out=r")
    assert code == 0 and "columns: instruction=question, response=answer" in err
    (item,) = Run.open("r").items().values()
    assert item.video is None and item.tags["video"] == "a.mp4"  # its text is kept, and nothing opened
    code, _, err = run(capsys, "judge", "--items=t.csv", *JUDGE, "--column=video")
    assert code == 2 and "ROLE= for none" in err


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


def test_a_limit_counts_what_is_judged(work, capsys):
    lines = [{"video": "a.mp4", "question": f"q{row}", "responses": [f"{row}{one}" for one in "xyz"]} for row in (1, 2)]
    Path("t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for limit, judged in ((2, 2), (4, 4), (9, 6)):
        run(capsys, "judge", "--items=t.jsonl", *JUDGE, f"--limit={limit}", f"--out=r{limit}")
        assert len(Run.open(f"r{limit}").judgments()) == judged
    run(capsys, "judge", "--items=t.jsonl", *JUDGE, "--mode=ranking", "--limit=1", "--out=rank")
    assert [len(item.responses) for item in Run.open("rank").items().values()] == [3]


@pytest.mark.parametrize("change, said", [
    ("--frames=4", "video.frames was 'absent', now 4"),
    ("--temperature=1", "sampling.temperature was 'absent', now 1.0"),
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
