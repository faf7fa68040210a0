"""The line for the accelerator in words: who has it, and why somebody waits."""

from collections.abc import Sequence
from pathlib import Path

from workbench import jobs, turns
from workbench.owners import visible
from workbench.run_progress import how_far


def why_it_waits(turn: turns.Turn) -> str:
    """Why somebody in line waits: who has the accelerator, how far that is, and how many come before."""
    holders = [holder for holder in turns.holders() if holder.pid != turn.pid]
    line = turns.waiting()
    before = sum(one.order < turn.order for one in line)
    said = f"{_named(holders)} {'has' if len(holders) == 1 else 'have'} it" if holders else "it is about to be free"
    return said + (f"; {before} in line before" if before else "")


def job_waits(job: jobs.Job) -> str:
    """The same for a job that waits, as a sentence; "" for one that does not."""
    if job.state != "waiting":
        return ""
    return f"It waits for the accelerator: {why_it_waits(turn_of(job))}."


def turn_of(job: jobs.Job) -> turns.Turn:
    """A waiting job's turn, as its record says it."""
    return turns.Turn("job", str(job.folder), job.record.get("pid") or 0, job.record.get("asked") or 0.0)


def _named(holders: Sequence[turns.Turn]) -> str:
    return " and ".join(map(name_of, holders))


def name_of(holder: turns.Turn) -> str:
    """Who is on the accelerator or in line, as far as the one who asks may know."""
    if holder.kind == "page":
        return f"the page's judge {holder.name}"
    job = jobs.find(Path(holder.name))
    if not visible(job.folder):
        return "another user's job"
    far = how_far(job)
    return f"the job {job.folder.name}{f' ({far})' if far else ''}"
