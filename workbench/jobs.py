"""Long work as detached processes that own their run folder: started, listed and stopped here, by whoever looks.

    runs/<run>/job.json    command, pid, returncode once it is known, and whether it was told to stop
               log.txt     the process's output; the process holds its lock for as long as it lives

A process lives as long as log.txt is locked, whatever became of the one that started it: unlike a pid, a lock is never
another process's, and a killed process leaves none behind. A run that was started in a terminal is known by run.lock.
Needs POSIX (process groups and flock).
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from workbench.errors import StoreError
from workbench.locks import is_locked, lock_in_time
from workbench.owners import claim, visible
from workbench.schema import utc_now

State = Literal["starting", "running", "done", "stopped", "failed"]
GRACE_SECONDS = 10.0  # to write down what is under way, before the process is killed
CANNOT_BE_DONE = 2  # exit code of our commands for a request that cannot be carried out
ROOT = Path(__file__).parents[1]
_RECORD = threading.Lock()  # of job.json, which this process writes from several threads


class Job(NamedTuple):
    """A run folder and who works on it. `status` is its status.json, {} before the first one."""

    folder: Path
    state: State
    command: str  # "" when it was started in a terminal and not from here
    status: Mapping[str, Any]

    @property
    def alive(self) -> bool:
        return self.state in ("starting", "running")


def start(command: Sequence[str], folder: Path) -> Job:
    """Start a command, in a session of its own, as the one that works on a run folder; resuming is starting again.

    `command` are words after "python", run by this Python in this process's working directory, so that paths lead where
    they lead here. Raises StoreError where a process is at work already.
    """
    claim(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("ab") as log:
        if is_locked(folder / "run.lock") or not lock_in_time(log.fileno()):
            raise StoreError(f"{folder.name} is being worked on already; stop it, or name another run.")
        shown = shlex.join(["python", *command])
        log.write(f"\n$ {shown}\n".encode())
        log.flush()
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.Popen([sys.executable, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   start_new_session=True, env={**os.environ, "PYTHONPATH": paths})  # fmt: skip
    _change(folder, command=shown, pid=process.pid, returncode=None, stopped=False, started=utc_now())
    threading.Thread(target=_note_end, args=(process, folder), daemon=True).start()
    return find(folder)


def _note_end(process: subprocess.Popen, folder: Path) -> None:
    """Wait for the process, as its parent must, and write down how it ended."""
    returncode = process.wait()
    if folder.is_dir() and _read_json(folder / "job.json").get("pid") == process.pid:
        _change(folder, returncode=returncode)


def find(folder: Path) -> Job:
    """The job of one run folder, as it stands."""
    # Liveness first: a process that ends in between has written its last status.
    alive = is_locked(folder / "log.txt") or is_locked(folder / "run.lock")
    record, status = _read_json(folder / "job.json"), _read_json(folder / "status.json")
    return Job(folder, _state(alive, record, status), record.get("command", ""), status)


def _state(alive: bool, record: Mapping[str, Any], status: Mapping[str, Any]) -> State:
    said = status.get("state")
    if alive:
        ours = not record or status.get("pid") == record["pid"]  # else the status is of an earlier start
        return "running" if said == "running" and ours else "starting"
    if record.get("returncode") == CANNOT_BE_DONE:
        return "failed"
    if said in ("done", "stopped", "failed"):
        return said
    if record.get("stopped"):
        return "stopped"
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

    Nothing happens to one that has ended. Raises StoreError for a run that was started in a terminal.
    """
    if not is_locked(folder / "log.txt"):
        if is_locked(folder / "run.lock"):
            raise StoreError(f"{folder.name} was started in a terminal; stop it there, with Ctrl-C.")
        return find(folder)
    _change(folder, stopped=True)
    pid = _read_json(folder / "job.json")["pid"]
    for sign, seconds in ((signal.SIGINT, grace_seconds), (signal.SIGKILL, grace_seconds)):
        if is_locked(folder / "log.txt"):  # the pid is the process's own for as long as it lives
            _signal_group(pid, sign)
            _wait_for_end(folder, seconds)
    return find(folder)


def _signal_group(pid: int, sign: signal.Signals) -> None:
    try:
        os.killpg(pid, sign)
    except ProcessLookupError:  # it ended in this very moment
        return


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


# -- files


def _change(folder: Path, **fields: Any) -> None:
    """Change fields of job.json; a reader sees the old one or the new one."""
    with _RECORD:
        draft = folder / f"job.{os.getpid()}.tmp"
        draft.write_text(json.dumps({**_read_json(folder / "job.json"), **fields}, indent=2), encoding="utf-8")
        draft.replace(folder / "job.json")


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a file; {} where there is none, so that one broken folder does not hide all others."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
