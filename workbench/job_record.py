"""What is written down of a job: job.json, changed by whoever started it, by the job itself, and by whoever stops it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from workbench.json_files import read_json, write_json
from workbench.process_identity import began
from workbench.schema import utc_now

NAME = "job.json"
FOLDER_VARIABLE = "WORKBENCH_JOB"  # tells a job's process which run folder it is the job of


def read_record(folder: Path) -> dict[str, Any]:
    """job.json of a run folder; {} where there is none that can be read."""
    return read_json(folder / NAME)


def change_record(folder: Path, **fields: Any) -> None:
    """Change fields of job.json; of several processes that do, none undoes another's, and a reader never sees half."""
    with _alone(folder):
        write_json(folder / NAME, {**read_record(folder), **fields})


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def note_progress(done: int, total: int, eta_seconds: float) -> None:
    """Write status.json of a command that has no Run to do so, where it is a job's own process."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder and read_record(Path(folder)).get("pid") in (None, os.getpid()):  # None: it began this very moment
        state = "done" if done == total else "running"
        write_json(Path(folder) / "status.json", {"state": state, "done": done, "total": total, "pid": os.getpid(),
                                                  "eta_seconds": round(eta_seconds, 1), "updated": utc_now()})  # fmt: skip


def note_own_end(returncode: int) -> None:
    """Write down how a command ends where it is a job's own process: whoever started it may be gone by now."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder or not Path(folder, NAME).exists():
        return
    record = read_record(Path(folder))
    if record.get("pid") == os.getpid() and record.get("began") in (None, began(os.getpid())):
        with suppress(OSError):  # a full disk; it ended all the same
            change_record(Path(folder), returncode=returncode)
