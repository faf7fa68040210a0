"""Long work as detached processes that own their run folder: started, listed and stopped here, by whoever looks.

    runs/<run>/job.json    command, pid, whether it waits for its turn, returncode once it is known, whether it was stopped
               log.txt     the process's output; the process holds its lock for as long as it lives

A process lives as long as log.txt is locked, whatever became of the one that started it: unlike a pid, a lock is never
another process's, and a killed process leaves none behind. A run that was started in a terminal is known by run.lock.
A job that needs the accelerator waits for its turn first (waiting.py). Needs POSIX (process groups and flock).
"""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from workbench import turns
from workbench.errors import InputError, StoreError
from workbench.job_kinds import kind_of, kind_of_command
from workbench.job_record import FOLDER_VARIABLE, change_record, read_record
from workbench.json_files import read_json
from workbench.locks import is_locked, lock_in_time
from workbench.owners import claim, visible
from workbench.permissions import DEMO_JOBS, serves_stranger
from workbench.process_identity import began, is_process, writers_of
from workbench.redaction import redact
from workbench.schema import utc_now

State = Literal["waiting", "starting", "running", "done", "stopped", "failed"]
GRACE_SECONDS = 2.0  # to write down what is under way, before the process is killed; a training is given longer
CANNOT_BE_DONE = 2  # exit code of our commands for a request that cannot be carried out
ROOT = Path(__file__).parents[1]
_STARTING = threading.Lock()
HEARING = ("import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
           "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])")  # fmt: skip


class Job(NamedTuple):
    """A run folder and who works on it. `status` is its status.json, {} before the first one; `record` its job.json."""

    folder: Path
    state: State
    command: str  # "" when it was started in a terminal and not from here
    status: Mapping[str, Any]
    record: Mapping[str, Any] = {}

    @property
    def alive(self) -> bool:
        return self.state in ("waiting", "starting", "running")

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop and is at work still: a training that saves its checkpoint."""
        return self.alive and bool(self.record.get("stopped")) and is_locked(self.folder / "log.txt")


def have_jobs() -> bool:
    """Whether work can be detached here: not on ZeroGPU, which gives its accelerator to the page's own calls alone."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() not in ("1", "t", "true")


def start(command: Sequence[str], folder: Path, cwd: Path | None = None, asked: float | None = None) -> Job:
    """Start a command, in a session of its own, as the one that works on a run folder; resuming is starting again.

    `command` are words after "python", run by this Python in `cwd`, or this process's working directory, so that paths
    lead where they lead here; what needs the accelerator waits for its turn, in line since `asked` (seconds since the
    epoch; now). Raises StoreError where a process is at work already, InputError where too many wait or there are no
    jobs.
    """
    takes_turn = kind_of(command).takes_turn
    try:
        with _STARTING:  # or two clicks at once would both find room for one
            if asked is None:
                _check_room(takes_turn)
                _check_demo(folder)
            return _start(
                command, folder, cwd if cwd and cwd.is_dir() else Path.cwd(), takes_turn, asked or time.time()
            )
    except OSError as error:  # no space, no permission
        raise StoreError(f"{folder.name} cannot be started: {error.strerror}. Correct that and try again.") from error


def _start(command: Sequence[str], folder: Path, cwd: Path, takes_turn: bool, asked: float) -> Job:
    claim(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("ab") as log:
        if is_locked(folder / "run.lock") or not lock_in_time(log.fileno()):
            raise StoreError(f"{folder.name} is being worked on already{_by(folder)}; stop it, or name another run.")
        shown = shlex.join(["python", *command])
        log.write(f"\n$ {redact(shown)}\n".encode())
        log.flush()
        change_record(folder, command=shown, pid=None, began=None, returncode=None, stopped=False, started=utc_now(),
                      waiting=takes_turn, asked=asked, cwd=str(cwd))  # fmt: skip
        process = _launch(command, folder, cwd, log, asked if takes_turn else None)
    change_record(folder, pid=process.pid, began=began(process.pid))
    threading.Thread(target=_note_end, args=(process, folder), daemon=True).start()
    return find(folder)


def _launch(command: Sequence[str], folder: Path, cwd: Path, log: BinaryIO, asked: float | None) -> subprocess.Popen:
    """Start the process; with `asked` it is in line from now on, and handed its place there."""
    inside = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "start_new_session": True, "cwd": cwd,
              "env": _environment(folder)}  # fmt: skip
    if asked is None:
        return subprocess.Popen([*_python(), *command], **inside)
    ticket = turns.ask(turns.Turn("job", str(folder.resolve()), 0, asked))
    try:
        waits = ["-m", "workbench.waiting", str(folder.resolve()), str(asked), str(ticket.path), str(ticket.descriptor)]
        return subprocess.Popen([*_python(), *waits, *command], pass_fds=[ticket.descriptor], **inside)
    finally:
        os.close(ticket.descriptor)  # ours; the process has its own


def _python() -> list[str]:
    """This Python, as the first words of a job's command. A process that ignores interrupts, as one that a script starts
    with `&`, hands that on; a job must hear them, or it is killed before it has written down what it has."""
    return [sys.executable, *(["-c", HEARING] if signal.getsignal(signal.SIGINT) is signal.SIG_IGN else [])]


def _check_room(takes_turn: bool) -> None:
    if not have_jobs():
        raise InputError(
            "There are no jobs here: a ZeroGPU Space gives its accelerator to the page's own verdicts alone."
        )
    most = turns.limits().waiting
    if takes_turn and turns.holders() and sum(turn.kind == "job" for turn in turns.waiting()) >= most:
        raise InputError(f"The queue is full: {most} jobs wait already. Start this one when some of them are done.")


def _check_demo(folder: Path) -> None:
    """Raises InputError in a demo where whoever asks has a job at work, or enough others have."""
    if not serves_stranger():
        return
    beside = (path.parent for path in folder.parent.glob("*/job.json"))
    alive = [other for other in beside if is_locked(other / "log.txt")]
    if any(map(visible, alive)):
        raise InputError(
            "A job of yours is at work already. This is a public demo: one at a time; stop it, or wait for it."
        )
    if len(alive) >= DEMO_JOBS:
        raise InputError(f"{len(alive)} jobs are at work, as many as this public demo takes. Try again later.")


def _by(folder: Path) -> str:
    """Who works on a run folder, as part of a sentence."""
    holder = "log.txt" if is_locked(folder / "log.txt") else "writer.json"
    pid = (read_record(folder) if holder == "log.txt" else read_json(folder / holder)).get("pid")
    return f" by process {pid}" if pid else ""


def _environment(folder: Path) -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": paths, FOLDER_VARIABLE: str(folder.resolve())}


def start_what_waited(root: Path) -> list[Job]:
    """Put those back in line whose processes ended while they waited, as when the machine is started anew.

    Each keeps its place in the line.
    """
    records = {path.parent: read_json(path) for path in root.glob("*/job.json")}
    lost = [folder for folder, record in records.items()
            if record.get("waiting") and not record.get("stopped") and not is_locked(folder / "log.txt")]  # fmt: skip
    return [_start_again(folder, records[folder]) for folder in sorted(lost, key=lambda one: records[one]["asked"])]


def _start_again(folder: Path, record: Mapping[str, Any]) -> Job:
    try:
        return start(shlex.split(record["command"])[1:], folder, Path(record["cwd"]), record["asked"])
    except (StoreError, InputError):  # somebody else was quicker, or there are no jobs here any more
        return find(folder)


def _note_end(process: subprocess.Popen, folder: Path) -> None:
    """Wait for the process, as its parent must, and write down how it ended."""
    returncode = process.wait()
    if folder.is_dir() and read_record(folder).get("pid") == process.pid:
        change_record(folder, returncode=returncode)


def find(folder: Path) -> Job:
    """The job of one run folder, as it stands."""
    # Liveness first: a process that ends in between has written its last status.
    here = is_locked(folder / "log.txt")
    alive = here or is_locked(folder / "run.lock")
    record, status = read_record(folder), read_json(folder / "status.json")
    state = _state(alive, record if here or not alive else {}, status)  # one in a terminal is not the job that was here
    return Job(folder, state, record.get("command", ""), status, record)


def _state(alive: bool, record: Mapping[str, Any], status: Mapping[str, Any]) -> State:
    said = status.get("state")
    if alive:
        if record.get("waiting"):
            return "waiting"
        ours = not record or status.get("pid") == record.get("pid")  # else the status is of an earlier start
        return "running" if said == "running" and ours else "starting"
    if record.get("returncode") == CANNOT_BE_DONE:
        return "failed"
    if record.get("stopped") and (record.get("waiting") or said in ("running", None)):
        return "stopped"
    if record.get("waiting"):
        return "failed"  # its process was killed before its turn came
    if said in ("done", "stopped", "failed"):
        return said
    # a command that keeps no status; one killed keeps none
    return "done" if record.get("returncode") == 0 else "failed"


def list_jobs(root: Path) -> list[Job]:
    """Every run folder directly under `root`, the last one started first."""
    return find_all(path for path in root.glob("*/") if (path / "run.json").exists() or (path / "job.json").exists())


def find_all(folders: Iterable[Path]) -> list[Job]:
    """The jobs of those run folders that the one who asks may see, the last one started first."""
    return [find(folder) for folder in sorted(filter(visible, folders), key=_began, reverse=True)]


def _began(folder: Path) -> float:
    marks = [path for name in ("job.json", "run.json") if (path := folder / name).exists()]
    return max((path.stat().st_mtime for path in marks), default=0.0)


def stop(folder: Path, grace_seconds: float = GRACE_SECONDS) -> Job:
    """End a job with all its children: an interrupt first, so that it writes down what it has, then by force.

    A training is not forced: its step and its checkpoint may take minutes, so after the grace it is `stopping`, and ends
    by itself; stopping it once more kills it. One that waits leaves the line. Nothing happens to one that has ended.
    Raises StoreError for a run that was started in a terminal.
    """
    if not is_locked(folder / "log.txt"):
        if is_locked(folder / "run.lock"):
            raise StoreError(f"{folder.name} was started in a terminal; stop it there, with Ctrl-C.")
        return find(folder)
    job = find(folder)
    saves = kind_of_command(job.command).saves and job.state != "waiting"
    again = saves and job.stopping
    change_record(folder, stopped=True)
    if not again:
        _end_by(signal.SIGINT, folder, grace_seconds)
    if again or not saves:
        _end_by(signal.SIGKILL, folder, grace_seconds)
        if is_locked(folder / "log.txt"):
            _kill_strays(folder / "log.txt")
    return find(folder)


def _end_by(sign: signal.Signals, folder: Path, seconds: float) -> None:
    if is_locked(folder / "log.txt"):
        _signal_group(read_record(folder), sign)
        _wait_for_end(folder, seconds)


def _signal_group(record: Mapping[str, Any], sign: signal.Signals) -> None:
    """Signal a job's processes. Its pid is not given out again while one of its group lives, and may be once none does."""
    pid = record.get("pid")
    if not pid or (began(pid) is not None and not is_process(pid, record.get("began"))):
        return
    with suppress(ProcessLookupError):  # it ended in this very moment
        os.killpg(pid, sign)


def _kill_strays(log: Path) -> None:
    """Kill a job's children that left its group: they write to its log still."""
    for pid in writers_of(log):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _wait_for_end(log.parent, 1.0)


def _wait_for_end(folder: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while is_locked(folder / "log.txt") and time.monotonic() < deadline:
        time.sleep(0.05)


def log_tail(folder: Path, lines: int = 12, at_most_bytes: int = 8_192) -> str:
    """The last lines of a job's output; "" when there is none."""
    path = folder / "log.txt"
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - at_most_bytes))
        text = file.read().decode("utf-8", "replace").replace("\r", "\n")
    return "\n".join(text.strip().splitlines()[-lines:])
