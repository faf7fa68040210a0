"""A run while it is being written: counts for its figures from sets.jsonl alone, and how it stands, as HTML."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from bootstrap.acceptance import Matrix, Stage
from bootstrap.chats import TARGETS
from bootstrap.clustered import Estimate
from bootstrap.figures import FunnelInfo, MatrixInfo, funnel_info, matrix_info
from workbench.jobs import Job
from workbench.page import run_status

NOT_ESTIMATED = Estimate(None, None, None, 0, 0)  # intervals take longer than a reader waits; `audit` has them
COUNTS = {  # field of status.json -> words
    "complete": "complete sets",
    "incomplete": "incomplete",
    "failed": "failed",
    "calls": "calls",
    "tokens": "tokens",
}


def live_figures(lines: Iterable[Mapping[str, Any]]) -> tuple[FunnelInfo, MatrixInfo]:
    """Funnel and target-versus-given matrix of the lines of sets.jsonl."""
    attempts = [tuple(attempt) for line in lines for attempt in line["attempts"]]
    return funnel_info(_stages(attempts)), matrix_info(_matrix(attempts))


def _stages(attempts: list[tuple]) -> list[Stage]:
    shown = Counter((round, target) for round, target, _, _ in attempts)
    accepted = Counter((round, target) for round, target, _, hit in attempts if hit)
    unreadable = Counter((round, target) for round, target, given, _ in attempts if given is None)
    places = sorted(shown, key=lambda place: (place[0], -place[1]))
    return [
        Stage(place[1], place[0], shown[place], accepted[place], unreadable[place], NOT_ESTIMATED) for place in places
    ]


def _matrix(attempts: list[tuple]) -> Matrix:
    cells = Counter((target, given) for _, target, given, _ in attempts)
    counts = {target: {given: cells[target, given] for given in TARGETS} for target in TARGETS}
    return Matrix("all rounds", counts, {target: cells[target, None] for target in TARGETS}, NOT_ESTIMATED)


def status_card(job: Job) -> str:
    """How a run stands: state, a bar, counts and time left; the end of its log when it failed."""
    done, total = job.status.get("done", 0), job.status.get("total", 0)
    said = f"{done:,} of {total:,} seeds" if total else "no seed yet"
    counts = {words: f"{job.status[name]:,}" for name, words in COUNTS.items() if name in job.status}
    return run_status.status_card(job, said, counts, "Seeds done")
