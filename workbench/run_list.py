"""Which runs a reader may see: those at work, those that wait and those that are over, the last sign of life first."""

import os
from pathlib import Path
from typing import NamedTuple

from workbench.errors import InputError
from workbench.jobs import Job, find
from workbench.locks import is_locked
from workbench.owners import visible
from workbench.run_folders import chosen_folder

MARKS = ("job.json", "run.json", "status.json")
PAGE_PREFIX = "page-"  # folders of single verdicts, of which there may be thousands
PUSH = "push"  # inside a run: the job of its last push


class RunList(NamedTuple):
    """Visible runs; `older` is how many more there are."""

    running: list[Job]
    waiting: list[Job]
    past: list[Job]
    older: int

    @property
    def all(self) -> list[Job]:
        return [*self.running, *self.waiting, *self.past]


def visible_runs(root: Path, past: int = 20) -> RunList:
    """The runs under `root` that the one who asks may see: all at work and waiting, and the last `past` others.

    Single verdicts of the page are not among them, nor what was only imported and never worked on.
    """
    alive: list[Job] = []
    over: list[Job] = []
    older = 0
    for folder in _by_last_sign(root):
        if len(over) >= past and not is_locked(folder / "log.txt") and not is_locked(folder / "run.lock"):
            older += visible(folder)
        elif visible(folder):
            job = find(folder)
            (alive if job.alive else over).append(job)
    running = [job for job in alive if job.state != "waiting"]
    waiting = sorted((job for job in alive if job.state == "waiting"), key=lambda job: job.record.get("asked", 0.0))
    return RunList(running, waiting, over[:past], older + len(over[past:]))


def _by_last_sign(root: Path) -> list[Path]:
    """Run folders and the pushes in them, the last one that was written first."""
    names = sorted(os.listdir(root)) if root.is_dir() else []
    runs = [root / name for name in names if not name.startswith((".", PAGE_PREFIX))]
    signs = {folder: _last_sign(folder) for run in runs for folder in (run, run / PUSH)}
    return sorted(filter(signs.get, signs), key=signs.__getitem__, reverse=True)


def _last_sign(folder: Path) -> float:
    """When a run was last written; 0.0 where nobody ever worked on it here."""
    signs = {}
    for name in MARKS:
        try:
            signs[name] = (folder / name).stat().st_mtime
        except OSError:
            continue
    worked_on = "job.json" in signs or "status.json" in signs
    return max(signs.values()) if worked_on else 0.0


def run_name(job: Job, root: Path) -> str:
    """The name of a run in a list and in a link: its folder under `root`."""
    return job.folder.relative_to(root).as_posix()


def named_run(root: Path, name: str) -> Path:
    """The folder of a run by that name. Raises InputError for a name that leads elsewhere, or to another's run."""
    run, _, inside = name.partition("/")
    if inside not in ("", PUSH):
        raise InputError(f"run: got {name!r:.80}, expected the name of a run folder.")
    folder = chosen_folder(root, run)
    folder = folder / inside if inside else folder
    if not _last_sign(folder):
        raise InputError(f"run: there is no run {name!r:.80} here; choose one of the list.")
    return folder
