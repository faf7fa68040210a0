"""Detached jobs, with real processes: who lives, what they come to, and that stopping stops everything."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench import jobs, run_progress
from workbench.errors import StoreError
from workbench.job_kinds import KINDS
from workbench.jobs import find, list_jobs, log_tail, start, stop
from workbench.store import Run

# A run that says "running", then does what its argument says.
RUN = """
import os, signal, subprocess, sys, time
from workbench.store import Run
folder, what = sys.argv[1:]
if what == "refuse":
    sys.exit(2)
if what in ("deaf", "saves"):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
run = Run.create_or_resume(folder, config={})
with run.writing():
    run.set_status("running", done=1, total=3)
    print("under way", flush=True)
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "child":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open(folder + "/child", "w").write(str(child.pid))
    while what == "saves":
        time.sleep(0.02)
        if os.path.exists(folder + "/saved"):
            raise KeyboardInterrupt
    if what in ("sleep", "deaf", "child"):
        time.sleep(600)
    run.finish(done=3, total=3)
"""


@pytest.fixture
def begin(tmp_path):
    """Starts a job that does something; stops them all at the end."""

    def begin(what, name="run"):
        return start(["-c", RUN, str(tmp_path / name), what], tmp_path / name)

    yield begin
    for job in list_jobs(tmp_path):
        stop(job.folder, grace_seconds=0.2)


def wait_for(folder: Path, *states: str) -> jobs.Job:
    deadline = time.monotonic() + 60
    while (job := find(folder)).state not in states and time.monotonic() < deadline:
        time.sleep(0.05)
    assert job.state in states, (job, log_tail(folder))
    return job


def test_a_job_is_started_and_done(begin):
    job = begin("finish")
    assert job.alive and job.command.startswith("python -c ")
    job = wait_for(job.folder, "done")
    assert (job.status["done"], job.alive) == (3, False)
    assert "under way" in log_tail(job.folder) and log_tail(job.folder, lines=1) == "under way"


def test_stopping_lets_it_write_down_what_it_has(begin):
    folder = begin("sleep").folder
    wait_for(folder, "running")
    job = stop(folder)
    assert job.state == "stopped" and job.status["state"] == "stopped" and job.status["done"] == 1
    assert stop(folder).state == "stopped"  # again is no harm; who started it may only now write its exit status


STARTER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from workbench import jobs
run, folder, takes_turn = sys.argv[1:]
jobs.kind_of = lambda words: SimpleNamespace(takes_turn=bool(takes_turn))
jobs.start(["-c", run, folder, "sleep"], Path(folder))
"""


@pytest.mark.parametrize("takes_turn", ["", "yes"])
def test_a_job_of_a_server_that_ignores_interrupts_hears_them(tmp_path, takes_turn):
    """As `python app.py &` in a script does: the shell has its children ignore them."""
    words = [sys.executable, "-c", STARTER, RUN, str(tmp_path / "run"), takes_turn]
    line = {"WORKBENCH_QUEUE": str(tmp_path / "line"), "PYTHONPATH": str(jobs.ROOT)}
    script = f"{shlex.join(words)} & wait $!"
    subprocess.run(["sh", "-c", script], env={**os.environ, **line}, check=True, timeout=60)
    wait_for(tmp_path / "run", "running")
    stopped = stop(tmp_path / "run", grace_seconds=30)
    assert (stopped.state, stopped.status["state"]) == ("stopped", "stopped")


def test_one_that_does_not_listen_is_killed_with_its_children(begin, tmp_path):
    deaf, parent = begin("deaf", "deaf").folder, begin("child", "child").folder
    wait_for(deaf, "running")
    while not (parent / "child").exists() or not (parent / "child").read_text():
        time.sleep(0.05)
    assert stop(deaf, grace_seconds=0.3).state == "stopped"
    assert stop(parent, grace_seconds=5).state == "stopped"
    with pytest.raises(ProcessLookupError):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            os.kill(int((parent / "child").read_text()), 0)
            time.sleep(0.05)


@pytest.fixture
def as_training(monkeypatch):
    monkeypatch.setattr(jobs, "kind_of_command", lambda command: KINDS["training", "fit"])
    monkeypatch.setattr(run_progress, "kind_of_command", lambda command: KINDS["training", "fit"])


def test_a_training_is_left_to_save_its_checkpoint(begin, as_training):
    folder = begin("saves").folder
    wait_for(folder, "running")
    job = stop(folder, grace_seconds=0.1)
    assert job.stopping and job.state == "running" and "saving its checkpoint" in run_progress.how_far(job, "steps")
    (folder / "saved").touch()
    job = wait_for(folder, "stopped")
    assert job.status["state"] == "stopped" and not job.stopping
    assert begin("finish").stopping is False  # what was said of the stopped one is not said of the next


def test_a_training_that_is_told_to_stop_twice_is_killed(begin, as_training):
    folder = begin("saves").folder
    wait_for(folder, "running")
    assert stop(folder, grace_seconds=0.1).stopping
    job = stop(folder)
    assert job.state == "stopped" and job.status["state"] == "running"  # it wrote nothing more


def test_it_is_trainings_that_save():
    assert {verb for verb, kind in KINDS.items() if kind.saves} == {
        ("training", "fit"), ("training", "dpo"), ("training", "quality")
    }  # fmt: skip


def test_it_goes_on_where_it_stopped(begin):
    folder = begin("sleep").folder
    wait_for(folder, "running")
    stop(folder)
    assert begin("finish").state in ("starting", "running")  # the old status does not count
    assert wait_for(folder, "done").status["done"] == 3


@pytest.mark.parametrize("what", ["die", "refuse"])
def test_one_that_ends_without_a_word_has_failed(begin, what):
    assert wait_for(begin(what).folder, "failed").state == "failed"


def test_a_refused_restart_is_told_from_the_run_that_was_done(begin):
    folder = begin("finish").folder
    wait_for(folder, "done")
    begin("refuse")
    assert wait_for(folder, "failed").status["state"] == "done"


def test_only_one_works_on_a_folder(begin):
    folder = begin("sleep").folder
    with pytest.raises(StoreError, match="being worked on"):
        begin("finish")
    wait_for(folder, "running")


def test_jobs_outlive_whoever_started_them_and_are_found_by_others(tmp_path):
    folder = tmp_path / "run"
    code = f"""
from pathlib import Path
from workbench.jobs import start
start(["-c", {RUN!r}, {str(folder)!r}, "sleep"], Path({str(folder)!r}))
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=jobs.ROOT)
    wait_for(folder, "running")
    assert stop(folder).state == "stopped"


def test_a_run_of_a_terminal_is_seen_and_left_alone(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path / "run"), "sleep"], cwd=jobs.ROOT)
    try:
        while not (tmp_path / "run" / "status.json").exists():
            time.sleep(0.05)
        assert find(tmp_path / "run").state == "running"
        with pytest.raises(StoreError, match="terminal"):
            stop(tmp_path / "run")
        with pytest.raises(StoreError, match="being worked on"):
            start(["-c", "pass"], tmp_path / "run")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert find(tmp_path / "run").state == "failed"


@pytest.mark.parametrize("text", ["", "{", "[1]", "\xff"])
def test_a_broken_status_hides_no_other_job(begin, tmp_path, text):
    wait_for(begin("finish").folder, "done")
    Run.create(tmp_path / "broken", config={})
    (tmp_path / "broken" / "status.json").write_text(text, encoding="latin-1")
    assert {job.folder.name: job.state for job in list_jobs(tmp_path)} == {"run": "done", "broken": "failed"}


def test_jobs_are_listed_last_started_first_and_other_folders_are_not(begin, tmp_path):
    (tmp_path / "notes").mkdir()
    Run.create(tmp_path / "old", config={})
    os.utime(tmp_path / "old" / "run.json", (1, 1))
    first = begin("finish", "first").folder
    wait_for(first, "done")
    second = begin("finish", "second").folder
    wait_for(second, "done")
    assert [job.folder.name for job in list_jobs(tmp_path)] == ["second", "first", "old"]
    assert list_jobs(tmp_path / "nowhere") == []
