"""The line for the accelerator, with real processes: who goes first, who waits and why, and that no one who dies keeps it."""

import contextlib
import json
import os
import shlex
import signal
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from tests.test_jobs import RUN, wait_for
from workbench import jobs, turns
from workbench.errors import InputError, StoreError
from workbench.job_kinds import kind_of, kind_of_command
from workbench.job_record import change_record, note_own_end, read_record
from workbench.jobs import find, start, start_what_waited, stop
from workbench.page import resident as residence
from workbench.page.accelerator_strip import accelerator_strip
from workbench.page.resident import ResidentJudge, Stopped
from workbench.page.run_status import status_card
from workbench.process_identity import began, is_process, this_process
from workbench.run_progress import how_far
from workbench.store import Run
from workbench.turn_words import job_waits
from workbench.turns import Turn


@pytest.fixture
def line(tmp_path, monkeypatch):
    """A line of its own, in which every command waits for its turn."""
    monkeypatch.setenv("WORKBENCH_QUEUE", str(tmp_path / "line"))
    monkeypatch.setattr(jobs, "kind_of", lambda words: SimpleNamespace(takes_turn=True))


@pytest.fixture
def begin(line, tmp_path):
    """Starts a job that does something; stops them all at the end."""

    def begin(name, what="sleep"):
        return start(["-c", RUN, str(tmp_path / name), what], tmp_path / name)

    yield begin
    for record in tmp_path.glob("*/job.json"):
        change_record(record.parent, stopped=True)
        if find(record.parent).alive:
            os.killpg(read_record(record.parent)["pid"], signal.SIGKILL)


def eventually(true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert true()


def test_one_job_at_a_time_and_the_other_says_why_it_waits(begin):
    first = begin("first").folder
    wait_for(first, "running")
    second = begin("second", "finish").folder
    eventually(lambda: turns.waiting())
    job = find(second)
    assert job.state == "waiting" and job.alive
    assert job_waits(job) == "It waits for the accelerator: the job first (1 of 3) has it."
    assert "the job first" in status_card(job, "", {}, "Steps")
    assert "the job first (1 of 3)" in accelerator_strip() and "made room" in accelerator_strip()
    with pytest.raises(StoreError, match=rf"worked on already by process {job.record['pid']}"):
        begin("second")
    stop(first)
    done = wait_for(second, "done")
    assert done.record["waiting"] is False and done.record["pid"] == job.record["pid"] == done.status["pid"]
    assert turns.holders() == turns.waiting() == [] and accelerator_strip() == ""


def test_they_go_in_the_order_they_came_and_one_may_leave(begin):
    first = begin("first").folder
    wait_for(first, "running")
    folders = [begin(name, "finish").folder for name in ("second", "third", "fourth")]
    eventually(lambda: len(turns.waiting()) == 3)
    assert "1 in line before" in job_waits(find(folders[1]))
    left = stop(folders[0])
    assert left.state == "stopped" and not (left.folder / "run.json").exists()
    stop(first)
    ended = [wait_for(folder, "done").status["updated"] for folder in folders[1:]]
    began_work = [read_record(folder)["began_work"] for folder in folders[1:]]
    assert began_work == sorted(began_work) and ended[0] <= began_work[1]


def test_one_that_is_killed_gives_its_place_back(begin):
    first, second = begin("first").folder, begin("second", "finish").folder
    wait_for(first, "running")
    os.kill(read_record(first)["pid"], signal.SIGKILL)
    wait_for(second, "done")
    assert find(first).state == "failed"


def test_the_line_survives_the_end_of_all_its_processes(begin, tmp_path):
    folders = [begin(name, what).folder for name, what in (("b", "sleep"), ("c", "finish"), ("a", "finish"))]
    wait_for(folders[0], "running")
    eventually(lambda: len(turns.waiting()) == 2)
    for folder in folders:
        os.killpg(read_record(folder)["pid"], signal.SIGKILL)
    eventually(lambda: not any(find(folder).alive for folder in folders))
    assert [find(folder).state for folder in folders] == ["failed", "failed", "failed"]
    again = start_what_waited(tmp_path)
    assert [job.folder.name for job in again] == ["c", "a"]  # in their old order; what ran is left to its reader
    done = [wait_for(folder, "done") for folder in folders[1:]]
    assert done[0].record["began_work"] <= done[1].record["began_work"]
    assert start_what_waited(tmp_path) == []


def test_a_job_knows_its_end_when_whoever_started_it_is_gone(begin, tmp_path, monkeypatch):
    folder = begin("mine", "finish").folder
    wait_for(folder, "done")
    change_record(folder, returncode=None, **this_process())
    monkeypatch.setenv("WORKBENCH_JOB", str(folder))
    note_own_end(1)
    assert read_record(folder)["returncode"] == 1
    change_record(folder, returncode=None, began="another process of this pid")
    note_own_end(0)
    assert read_record(folder)["returncode"] is None


def test_more_places_for_more_jobs(begin):
    assert turns.limits() == turns.Limits(1, 100)
    turns.set_limits(places=2)
    first, second, third = (begin(name).folder for name in ("first", "second", "third"))
    wait_for(first, "running")
    wait_for(second, "running")
    assert find(third).state == "waiting" and "first (1 of 3) and the job second (1 of 3) have it" in job_waits(
        find(third)
    )
    turns.set_limits(places=3)  # at once, for those who wait too
    wait_for(third, "running")


def test_a_full_queue_and_limits_that_cannot_be_are_refused(begin, tmp_path):
    turns.set_limits(waiting=1)
    wait_for(begin("first").folder, "running")
    begin("second")
    eventually(lambda: turns.waiting())
    with pytest.raises(InputError, match="queue is full: 1 jobs wait already"):
        begin("third")
    assert not (tmp_path / "third").exists()
    with pytest.raises(InputError, match="got 0 places"):
        turns.set_limits(places=0)


def test_there_are_no_jobs_on_zerogpu(begin, tmp_path, monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    with pytest.raises(InputError, match="ZeroGPU"):
        begin("first")
    assert not (tmp_path / "first").exists()


def test_a_verdict_goes_before_jobs_that_came_shortly_before_it(line):
    now = time.time()
    came = (("job", "long ago", 400), ("job", "just now", 10), ("page", "judge", 0))
    with contextlib.ExitStack() as stack:
        long, just, page = (
            stack.enter_context(turns.ask(Turn(kind, name, os.getpid(), now - ago))) for kind, name, ago in came
        )
        assert [turn.name for turn in turns.waiting()] == ["long ago", "judge", "just now"]
        assert just.take() is None and page.take() is None
        place = long.take()
        assert [turn.name for turn in turns.holders()] == ["long ago"]
    place.give_back()
    assert turns.holders() == turns.waiting() == []


def test_what_a_killed_process_left_in_the_line_is_nobody(line):
    (turns.line_folder() / "waiting" / "00000000000000001-1-1.json").write_text(
        json.dumps(Turn("job", "gone", 1, 0.0)._asdict())
    )
    (turns.line_folder() / "place-0.json").write_text("{}")
    assert turns.waiting() == turns.holders() == []
    with turns.ask(Turn("job", "here", os.getpid(), time.time())) as ticket:
        ticket.take().give_back()
    assert not list((turns.line_folder() / "waiting").iterdir())


# -- the page's own judge


@pytest.fixture
def loaded(line, monkeypatch):
    """A resident judge whose models are names; what is loaded at this moment."""
    there = []

    def load(spec):
        there.append(spec)
        return SimpleNamespace(name=spec, close=lambda: there.remove(spec))

    monkeypatch.setattr(residence, "load_for_page", load)
    return ResidentJudge(), there


def test_the_page_frees_its_judge_while_a_job_has_the_accelerator_and_takes_it_again(loaded, begin):
    resident, there = loaded
    with resident.judge("embedded"):
        assert there == ["embedded"] and [turn.kind for turn in turns.holders()] == ["page"]
        folder = begin("job").folder
        eventually(lambda: turns.waiting())
        time.sleep(2 * turns.LOOK_SECONDS)
        assert there == ["embedded"]  # not in the middle of a verdict
        assert "the page's judge embedded has it" in job_waits(find(folder))
    eventually(lambda: not there)
    wait_for(folder, "running")
    told, verdict = [], []

    def judge():
        with resident.judge("embedded", told.append) as backend:
            verdict.append(backend.name)

    waiting = threading.Thread(target=judge)
    waiting.start()
    eventually(lambda: told)
    assert told[0].startswith("waiting for the accelerator: the job job (1 of 3) has it") and not there
    stop(folder)
    waiting.join(60)
    assert verdict == ["embedded"] == there and told[-1] == "loading the judge embedded"


def test_a_reader_may_stop_waiting(loaded, begin):
    resident, there = loaded
    wait_for(begin("job").folder, "running")
    with pytest.raises(Stopped), resident.judge("embedded", stop_requested=lambda: bool(turns.waiting())):
        raise AssertionError("it was let in")
    assert turns.waiting() == [] and not there
    with resident.judge("metric:bleu"):  # needs no accelerator
        assert there == ["metric:bleu"]


def test_a_judge_that_cannot_be_loaded_keeps_no_place(loaded, monkeypatch):
    def fail(spec):
        raise InputError("no such weights")

    monkeypatch.setattr(residence, "load_for_page", fail)
    with pytest.raises(InputError), loaded[0].judge("embedded"):
        pass
    assert turns.holders() == []


# -- pids that are given out again


def test_a_process_is_known_by_its_pid_and_its_beginning(tmp_path):
    mine = this_process()
    assert is_process(mine["pid"], mine["began"]) and is_process(mine["pid"], None)
    assert not is_process(mine["pid"], "another moment") and not is_process(None, None) and began(2**22 + 1) is None


def test_nothing_is_signalled_for_a_pid_that_is_another_process_now(tmp_path):
    folder = start(["-c", RUN, str(tmp_path / "run"), "sleep"], tmp_path / "run").folder
    pid = wait_for(folder, "running").record["pid"]
    change_record(folder, pid=os.getpid(), began="before this process")  # as if the pid had been given out again
    assert stop(folder, grace_seconds=0.2).state == "stopped"  # by its log, which the job alone writes
    assert began(pid) is None


def test_a_lock_without_its_process_is_no_lock_and_a_second_writer_hears_the_pid_of_the_first(tmp_path):
    run = Run.create(tmp_path / "run", config={})
    (run.folder / "writer.json").write_text(json.dumps({**this_process(), "began": "an earlier process of this pid"}))
    (run.folder / "run.lock").write_text(str(os.getpid()))  # left by one that was killed
    assert run.state() == ""
    with run.writing():
        run.set_status("running", done=0, total=1)
        code = f"from workbench.store import Run\nwith Run.open({str(run.folder)!r}).writing(): pass"
        second = start(["-c", code], tmp_path / "second").folder
        wait_for(second, "failed")
        assert f"is being written by process {os.getpid()};" in jobs.log_tail(second)
    start(["-c", code], tmp_path / "third")
    wait_for(tmp_path / "third", "done")


# -- words


@pytest.mark.parametrize(
    ("command", "name", "takes_turn"),
    [
        ("python -m workbench judge --items t.csv", "judging", True),
        ("python -m workbench judge --judge server:m@http://h --judge=server:n@http://h", "judging", False),
        ("python -m workbench judge --judge server:m@http://h --judge=embedded", "judging", True),
        ("python -m bootstrap run --seeds=w", "bootstrap", True),
        ("python -m bootstrap run --generator=server:m@http://h --evaluator world", "bootstrap", True),
        ("python -m training fit --preset embedded", "training", True),
        ("python -m training push x --repo=a/b", "push", False),
        ("python -m analysis sweep --items=x", "sweep", True),
        ("python -m analysis sweep --items=x --plan", "sweep plan", True),
        ("python -m analysis sweep --items=x --judge=server:m@http://h --plan", "sweep plan", False),
        ("python -m", "command", False),
        ("python -m analysis audit x", "audit", True),
        ("python -m analysis report x --out=y", "report", False),
        ("python -c 'print(1)'", "command", False),
        ("it's no command", "command", False),
        ("", "command", False),
    ],
)
def test_a_job_is_of_the_kind_its_command_says(command, name, takes_turn):
    kind = kind_of_command(command)
    assert (kind.name, kind.takes_turn) == (name, takes_turn)
    if "'" not in command:
        assert kind_of(shlex.split(command)[1:]) == kind  # without "python"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({}, ""),
        ({"done": 0, "total": 10}, "0 of 10 verdicts"),
        ({"done": 10, "total": 40, "eta_seconds": 15.0}, "10 of 40 verdicts, 2 a second, about 15 s left"),
        ({"done": 10, "total": 40, "eta_seconds": 300}, "10 of 40 verdicts, 6 a minute, about 5 min left"),
        ({"done": 1, "total": 4, "eta_seconds": 7200}, "1 of 4 verdicts, 1.5 an hour, about 2.0 h left"),
    ],
)
def test_progress_has_counts_a_rate_and_the_time_left(tmp_path, status, said):
    assert how_far(jobs.Job(tmp_path, "running", "", status), "verdicts") == said


def test_this_python_runs_the_jobs(begin):
    folder = start(["-c", "import sys; print(sys.executable)"], begin("first", "finish").folder.parent / "other").folder
    wait_for(folder, "done")
    assert sys.executable in jobs.log_tail(folder)
