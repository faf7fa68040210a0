"""How a detached run stands, as HTML: state, a bar, counts and time left; the end of its log when it failed."""

from collections.abc import Mapping
from html import escape

from workbench.jobs import Job, log_tail
from workbench.page.canary_note import canary_note
from workbench.page.places import without_folders
from workbench.run_progress import rate, time_left
from workbench.turn_words import job_waits

STATES = {
    "waiting": "Waiting",
    "starting": "Starting",
    "running": "Running",
    "done": "Done",
    "stopped": "Stopped",
    "failed": "Failed",
}
KILLED = "Its process ended without a word: it was killed, or the machine stopped. Resume goes on where it was."


def status_card(job: Job, said: str, counts: Mapping[str, str], what: str) -> str:
    """The card of one run. `said` is how far it is, `counts` are (words -> number), `what` names what the bar counts."""
    done, total = job.status.get("done", 0), job.status.get("total", 0)
    bar = (
        f'<div class="vj-meter" role="progressbar" aria-label="{escape(what)}" aria-valuemin="0" aria-valuemax="{total}" '
        f'aria-valuenow="{done}"><i style="width:{done / total if total else 0.0:.1%}"></i></div>'
    )
    far = ", ".join(filter(None, (said, rate(job), time_left(job))))
    head = f"<p><strong>{STATES[job.state]}</strong> <span>{escape(far)}</span></p>"
    body = head + bar + canary_note(job.status) + _waits(job) + _counts(counts) + _trouble(job)
    return f'<section class="vj-status vj-{job.state}" aria-label="How the run stands">{body}</section>'


def _waits(job: Job) -> str:
    return f'<p class="vj-waits">{escape(job_waits(job))}</p>' if job.state == "waiting" else ""


def _counts(counts: Mapping[str, str]) -> str:
    rows = "".join(f"<div><dt>{escape(words)}</dt><dd>{escape(number)}</dd></div>" for words, number in counts.items())
    return f'<dl class="vj-counts">{rows}</dl>' if rows else ""


def _trouble(job: Job) -> str:
    error = job.status.get("last_error")
    if not error and job.state == "failed" and job.status.get("state") == "running":
        error = KILLED
    why = f'<p class="vj-why">{escape(without_folders(error))}</p>' if error and not job.alive else ""
    if job.state != "failed":
        return why
    log = escape(without_folders(log_tail(job.folder))) or "It left no output."
    return f'{why}<h3>The end of its log</h3><pre class="vj-raw" tabindex="0">{log}</pre>'
