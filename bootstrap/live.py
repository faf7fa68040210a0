"""A run while it is being written: counts for its figures from sets.jsonl alone, and how it stands, as HTML."""

from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from bootstrap.acceptance import Matrix, Stage
from bootstrap.chats import TARGETS
from bootstrap.clustered import Estimate
from bootstrap.figures import FunnelInfo, MatrixInfo, funnel_info, matrix_info
from workbench.jobs import Job, log_tail

NOT_ESTIMATED = Estimate(None, None, None, 0, 0)  # intervals take longer than a reader waits; `audit` has them
STATES = {
    "starting": "Starting",
    "running": "Running",
    "done": "Done",
    "stopped": "Stopped",
    "failed": "Failed",
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
    status = job.status
    done, total = status.get("done", 0), status.get("total", 0)
    share = done / total if total else 0.0
    said = f"{done:,} of {total:,} seeds" if total else "no seed yet"
    bar = (
        f'<div class="vj-meter" role="progressbar" aria-label="Seeds done" aria-valuemin="0" aria-valuemax="{total}" '
        f'aria-valuenow="{done}"><i style="width:{share:.1%}"></i></div>'
    )
    head = f"<p><strong>{STATES[job.state]}</strong> <span>{said}{_time_left(job)}</span></p>"
    body = head + bar + _counts(status) + _trouble(job)
    return f'<section class="vj-status vj-{job.state}" aria-label="How the run stands">{body}</section>'


def _time_left(job: Job) -> str:
    seconds = job.status.get("eta_seconds")
    if job.state != "running" or not seconds:
        return ""
    return f", about {seconds / 60:.0f} min left" if seconds > 90 else f", about {seconds:.0f} s left"


def _counts(status: Mapping[str, Any]) -> str:
    names = {
        "complete": "complete sets",
        "incomplete": "incomplete",
        "failed": "failed",
        "calls": "calls",
        "tokens": "tokens",
    }
    rows = "".join(
        f"<div><dt>{words}</dt><dd>{status[name]:,}</dd></div>" for name, words in names.items() if name in status
    )
    return f'<dl class="vj-counts">{rows}</dl>' if rows else ""


def _trouble(job: Job) -> str:
    error = job.status.get("last_error")
    if not error and job.state == "failed" and job.status.get("state") == "running":
        error = "Its process ended without a word: it was killed, or the machine stopped. Resume goes on where it was."
    why = f'<p class="vj-why">{escape(str(error))}</p>' if error and not job.alive else ""
    if job.state != "failed":
        return why
    log = escape(log_tail(job.folder)) or "It left no output."
    return f'{why}<h4>The end of its log</h4><pre class="vj-raw" tabindex="0">{log}</pre>'
