"""The run folder: what is written is read back, a torn tail costs one line, one process writes, exports hold everything."""

import csv
import json
import os
import signal
import subprocess
import sys

import pandas as pd
import pytest

from workbench.errors import InputError, StoreError
from workbench.owners import ask_for_owners, claim
from workbench.schema import Item, Judgment
from workbench.store import Run

ITEM = Item(None, "What happens?", ("=cmd", "A dog\nruns, “home”."), tags={"row": "1"})
SETTINGS = {"order": [0, 1], "sampling": {"temperature": 0.0, "seed": 7}}


def judgment(sample=0, status="scored", **fields):
    scored = {"choice": "A", "probs": {"A": 0.75, "B": 0.25}} if status == "scored" else {"error": "out of memory"}
    return Judgment(ITEM.id, "scripted", "pairwise@0", status, settings=SETTINGS, sample=sample, **{**scored, **fields})


@pytest.fixture
def run(tmp_path):
    run = Run.create(tmp_path / "run", config={"mode": "pairwise"}, command="python -m workbench judge")
    with run.writing():
        run.add_items([ITEM])
    return run


def test_what_is_appended_is_read_back(run):
    written = [judgment(0), judgment(1, "failed")]
    with run.writing():
        for one in written:
            run.append(one)
    again = Run.open(run.folder)
    assert [j.to_dict() for j in again.judgments()] == [json.loads(json.dumps(j.to_dict())) for j in written]
    assert list(again.items()) == [ITEM.id] and again.head()["versions"]["torch"]


def test_the_last_line_of_a_key_wins_and_failed_ones_are_asked_again(run):
    run.append(judgment(0, "failed"))
    run.append(judgment(1))
    assert run.done_keys() == {judgment(1).key}
    run.append(judgment(0))
    assert [j.status for j in run.judgments()] == ["scored", "scored"]
    assert run.done_keys() == {judgment(0).key, judgment(1).key}


@pytest.mark.parametrize("torn", ['{"item": "half', "\x00\x00\x00", '{"item": "whole but no newline"}'])
def test_a_torn_last_line_is_passed_over_and_cut_before_writing(run, torn):
    run.append(judgment(0))
    with (run.folder / "judgments.jsonl").open("a") as file:
        file.write(torn)
    assert len(run.judgments()) == 1
    with run.writing():
        run.append(judgment(1))
    assert [j.sample for j in run.judgments()] == [0, 1]


def test_a_torn_only_line_longer_than_a_block_is_cut(run):
    path = run.folder / "judgments.jsonl"
    path.write_text("x" * 200_000)
    with run.writing():
        run.append(judgment())
    assert len(run.judgments()) == 1


def test_a_broken_line_in_the_middle_is_named(run):
    run.append(judgment(0))
    with (run.folder / "judgments.jsonl").open("a") as file:
        file.write("not json\n")
    with pytest.raises(InputError, match="line 2"):
        run.judgments()


HOLD = """
import sys, time
from workbench.store import Run
with Run.open(sys.argv[1]).writing() as run:
    run.set_status("running")
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_with_the_pid_and_a_killed_one_leaves_no_lock(run):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(run.folder)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StoreError, match=f"process {holder.pid}"), run.writing():
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with run.writing():
        run.append(judgment())


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_writer_that_is_told_to_end_says_stopped(run, sign):
    argv = [sys.executable, "-c", HOLD, str(run.folder)]
    holder = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert holder.stdout.readline() == "held\n" and run.state() == "running"
    holder.send_signal(sign)
    assert holder.wait(timeout=30) != 0
    assert run.status()["state"] == run.state() == "stopped"


def test_a_killed_writer_says_nothing_and_readers_tell_the_truth(run):
    assert run.state() == ""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(run.folder)], stdout=subprocess.PIPE, text=True)
    holder.stdout.readline()
    holder.kill()
    holder.wait()
    assert run.status()["state"] == "running" and run.state() == "interrupted"
    with run.writing():
        run.set_status("running")
        assert run.state() == "running"


def test_handlers_of_others_and_what_is_ignored_stay(run):
    before = [signal.signal(signal.SIGTERM, print), signal.signal(signal.SIGHUP, signal.SIG_IGN)]
    try:
        with run.writing():
            assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)) == (print, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with run.writing():
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGHUP, before[1])


def test_resume_asks_for_the_same_config(run):
    assert Run.create_or_resume(run.folder, config={"mode": "pairwise"}).folder == run.folder
    with pytest.raises(StoreError, match="mode was 'pairwise', now 'pointwise'"):
        Run.create_or_resume(run.folder, config={"mode": "pointwise"})
    with pytest.raises(StoreError, match="holds a run already"):
        Run.create(run.folder, config={})
    with pytest.raises(StoreError, match="not a run folder"):
        Run.open(run.folder.parent)


def test_leaving_by_an_exception_is_told_in_the_status(run):
    with pytest.raises(ZeroDivisionError), run.writing():
        raise ZeroDivisionError("division by zero")
    assert run.status()["state"] == "failed" and "division by zero" in run.status()["last_error"]
    with pytest.raises(KeyboardInterrupt), run.writing():
        raise KeyboardInterrupt
    assert run.status()["state"] == "stopped"


def test_a_run_that_ends_early_tells_its_last_counts(run):
    """Those that came within half a second of the ones before are written with the state it ends in."""
    with pytest.raises(KeyboardInterrupt), run.writing():
        for done in (1, 2, 3):
            run.set_status("running", done=done, total=9)
        assert run.status()["done"] == 1
        raise KeyboardInterrupt
    assert (run.status()["state"], run.status()["done"]) == ("stopped", 3)


@pytest.mark.parametrize("end", ["summary.json", "status.json"])
def test_what_says_how_a_run_ended_is_written_when_the_disk_holds_the_rest(run, monkeypatch, end):
    """A power cut keeps what was synced: no summary of verdicts that are not there."""
    on_disk, renamed = set(), []
    sync, replace = os.fsync, type(run.folder).replace

    def synced(descriptor):
        on_disk.add(os.readlink(f"/proc/self/fd/{descriptor}").rpartition("/")[2])
        sync(descriptor)

    def replaced(path, target):
        renamed.append((target.name, {"items.jsonl", "judgments.jsonl"} <= on_disk))
        return replace(path, target)

    with pytest.raises(KeyboardInterrupt), run.writing():
        run.set_status("running", done=0, total=1)
        run.append(judgment(0))
        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(type(run.folder), "replace", replaced)
        if end == "summary.json":
            run.finish()
        raise KeyboardInterrupt
    assert (end, True) in renamed and (end, False) not in renamed


def test_a_run_of_somebodys_is_theirs_on_the_disk_before_it_is_made(tmp_path, monkeypatch):
    on_disk, sync = [], os.fsync

    def synced(descriptor):
        on_disk.append((os.readlink(f"/proc/self/fd/{descriptor}"), os.fstat(descriptor).st_size > 0))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    ask_for_owners(lambda: "anna")
    try:
        claim(tmp_path / "hers")
    finally:
        ask_for_owners(lambda: None)
    assert on_disk[0] == (str(tmp_path / "hers" / "owner.json"), True) and on_disk[1][0] == str(tmp_path / "hers")


def test_summary_counts_by_status(run):
    run.append(judgment(0))
    run.append(judgment(1, "failed"))
    assert run.finish()["by_status"] == {"scored": 1, "failed": 1}
    assert run.status()["state"] == "done"


def test_exports_hold_every_judgment_with_its_item(run, tmp_path):
    run.append(judgment(0, reasoning="zażółć\u202e gęślą"))
    run.append(judgment(1, "failed"))
    parquet = pd.read_parquet(run.export(tmp_path / "out.parquet"))
    table = pd.read_csv(run.export(tmp_path / "out.csv"))
    lines = [json.loads(line) for line in run.export(tmp_path / "out.jsonl").read_text().splitlines()]
    assert parquet["choice"][0] == "A" and pd.isna(parquet["choice"][1])
    assert list(parquet["responses"][0]) == list(ITEM.responses)
    assert json.loads(table["responses"][0]) == list(ITEM.responses) and table["reasoning"][0] == "zażółć\u202e gęślą"
    assert Judgment.from_dict(lines[0]["judgment"]).key == judgment(0).key and Item.from_dict(lines[0]["item"]) == ITEM
    assert list(parquet.columns) == list(table.columns) == list(run.to_frame().columns)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-2 of 3", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_a_csv_is_a_formula(run, tmp_path, text):
    item = Item(None, text, ("a", "b"), reference=text)
    with run.writing():
        run.add_items([item])
    run.append(Judgment(item.id, "s", "p@0", "scored", score=-1.0, reasoning=text, reply=f"{text} in full"))
    with run.export(tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        cells = next(csv.DictReader(file))
    assert [cells[name] for name in ("instruction", "reference", "reasoning")] == ["'" + text] * 3
    assert cells["reply"] == f"'{text} in full" and cells["score"] == "-1.0"  # a number is no formula
    assert pd.read_parquet(run.export(tmp_path / "out.parquet"))["instruction"][0] == text


def test_an_export_that_fails_leaves_the_old_one(run, tmp_path, monkeypatch):
    run.append(judgment(0))
    before = run.export(tmp_path / "out.csv").read_bytes()
    monkeypatch.setattr(pd.DataFrame, "to_csv", _half_a_table)
    with pytest.raises(OSError):
        run.export(tmp_path / "out.csv")
    assert [path.name for path in tmp_path.glob("*.csv*")] == ["out.csv"] and not list(tmp_path.glob(".*"))
    assert (tmp_path / "out.csv").read_bytes() == before


def _half_a_table(frame, path, **options):
    path.write_text("item,jud")
    raise OSError(28, "No space left on device")


def test_an_empty_run_exports_an_empty_table_and_other_endings_are_refused(run, tmp_path):
    assert len(pd.read_parquet(run.export(tmp_path / "out.parquet"))) == 0
    with pytest.raises(InputError, match="xlsx"):
        run.export(tmp_path / "out.xlsx")
