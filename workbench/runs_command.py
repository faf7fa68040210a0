"""The `runs` verb: the runs of a folder and how they stand; starting, stopping and resuming them as the page does."""

import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from workbench import jobs, turns
from workbench.errors import InputError
from workbench.job_kinds import OTHER, kind_of
from workbench.jobs import Job
from workbench.run_folders import resume_job
from workbench.run_list import named_run, run_name, visible_runs
from workbench.run_progress import how_far, kind_of_job
from workbench.store import new_run_folder
from workbench.terminal import one_line, plain
from workbench.turn_words import job_waits


def runs(args: Namespace) -> int:
    """Run `runs`. Returns 0; raises InputError or StoreError for what cannot be done."""
    if args.does in (None, "list"):
        _list(args.runs, getattr(args, "past", 20))
    elif args.does == "start":
        print(_line(_start(args.words, args.runs), args.runs))
    elif args.does == "queue":
        _queue(args)
    elif args.does == "log":
        print(plain(jobs.log_tail(named_run(args.runs, args.run), lines=100, at_most_bytes=65_536)))
    else:
        action = {"stop": jobs.stop, "resume": resume_job}[args.does]
        print(_line(action(named_run(args.runs, args.run)), args.runs))
    return 0


def _list(root: Path, past: int) -> None:
    found = visible_runs(root, past)
    if not found.all:
        print(f"no runs in {root}; start one: python -m workbench runs start -- python -m workbench judge --items FILE")
    for job in found.all:
        print(_line(job, root))
    if found.older:
        print(f"and {found.older} older ones: runs list --past {past + found.older}")


def _line(job: Job, root: Path) -> str:
    kind = kind_of_job(job)
    name = run_name(job, root) if job.folder.is_relative_to(root) else str(job.folder)
    far = job_waits(job) or how_far(job, kind.counts)
    return one_line(" · ".join(filter(None, (job.state, name, kind.name, far))), 200)


def _start(words: Sequence[str], root: Path) -> Job:
    """Start a command in the folder that its --out names, a new one under `root` without it."""
    words = [*words]
    kind = kind_of(words)
    if words[:2] != ["python", "-m"] or kind == OTHER:
        raise InputError(
            f"start: got {shlex.join(words)!r:.80}, expected one of our commands, such as python -m workbench judge."
        )
    named = [word.removeprefix("--out=") for word in words if word.startswith("--out=")]
    named += [after for word, after in zip(words, words[1:], strict=False) if word == "--out"]
    folder = Path(named[-1]) if named and kind.owns_out else new_run_folder(root, kind.name.replace(" ", "-"))
    if kind.owns_out and not named:
        words.append(f"--out={folder}")
    return jobs.start(words[1:], folder)


def _queue(args: Namespace) -> None:
    changed = {name: getattr(args, name) for name in ("places", "waiting") if getattr(args, name) is not None}
    limits = turns.set_limits(**changed) if changed else turns.limits()
    print(f"{limits.places} at a time on the accelerator, {limits.waiting} may wait")
    for state, found in (("on it", turns.holders()), ("waiting", turns.waiting())):
        for turn in found:
            print(f"{state:8}  {plain(turn.name)}  process {turn.pid}", file=sys.stdout)
