"""Runs as HTML: the list in three parts, what one run is, and what stands there before there is any."""

import shlex
import time
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from urllib.parse import quote

from workbench import turns
from workbench.job_kinds import JobKind
from workbench.jobs import Job, log_tail
from workbench.locks import is_locked
from workbench.page.canary_note import has_failed_canaries
from workbench.page.run_status import STATES, status_card
from workbench.page.verbatim import verbatim, verbatim_command
from workbench.run_folders import command_words
from workbench.run_list import RunList, run_name
from workbench.run_progress import counts, how_far, kind_of_job
from workbench.turn_words import job_waits

LOG_LINES = 14

# Runs in the browser: the component hears clicks on any row, also on rows drawn later.
CHOOSE_SCRIPT = """
element.addEventListener('click', (event) => {
  const row = event.target.closest('button[data-run]');
  if (!row) return;
  window.vjAddress?.('run', row.dataset.run);
  trigger('click', {run: row.dataset.run});
});
"""

EMPTY = """<section class="vj-empty vj-start" aria-label="What stands here">
<h2>Long work will stand here</h2>
<p class="vj-sub">A run goes on when you close this page, and when its server is started anew. Here you see how far each is,
stop it, and go on with it: what it has is never asked again.</p>
<ul>
<li><span aria-hidden="true">1</span><div><b>Start something</b>
<p class="vj-sub">A table to judge, with the form. A sweep in Sensitivity, an audit in Meta-eval, a run in Bootstrap, a training in
Train. Or on the command line:</p>
<pre class="vj-raw" tabindex="0">python -m workbench runs start -- python -m workbench judge --items answers.csv</pre></div></li>
<li><span aria-hidden="true">2</span><div><b>One at a time</b>
<p class="vj-sub">What needs the accelerator waits in line, and says for whom. You may leave the line at any time.</p></div></li>
<li><span aria-hidden="true">3</span><div><b>Come back</b>
<p class="vj-sub">Each run has a link. Stop ends it within two seconds, a training once its checkpoint is saved;
Resume asks for what is missing or failed.</p></div></li>
</ul></section>"""


def runs_list(runs: RunList, root: Path, chosen: str | None) -> str:
    """The runs as rows to choose from; "" where there are none."""
    if not runs.all:
        return ""
    places = turns.limits().places
    at_once = "one runs at a time" if places == 1 else f"{places} run at a time"
    parts = [("Running", runs.running), (f"Waiting: {at_once}", runs.waiting), ("Past", runs.past)]
    shown = "".join(_part(title, part, root, chosen) for title, part in parts if part)
    return f'<nav class="vj-runs" aria-label="Runs">{shown}</nav>'


def _part(title: str, jobs: Sequence[Job], root: Path, chosen: str | None) -> str:
    rows = "".join(_row(job, root, chosen) for job in jobs)
    return f'<h2>{escape(title)} <span class="vj-sub">{len(jobs)}</span></h2><ul>{rows}</ul>'


def _row(job: Job, root: Path, chosen: str | None) -> str:
    name, kind = run_name(job, root), kind_of_job(job)
    far = job_waits(job) or how_far(job, kind.counts) or ("" if job.alive else "nothing counted")
    far += " · canaries failed" if has_failed_canaries(job.status) else ""
    done, total = job.status.get("done", 0), job.status.get("total", 0)
    share = done / total if total and job.state == "running" else 0.0
    meter = f'<span class="vj-meter" aria-hidden="true"><i style="width:{share:.1%}"></i></span>' if share else ""
    pressed = "true" if name == chosen else "false"
    return (
        f'<li><button type="button" class="vj-run vj-{job.state}" data-run="{escape(name, quote=True)}" aria-pressed="{pressed}">'
        f'<span class="vj-run-head"><b>{escape(name)}</b><i>{STATES[job.state]}</i></span>'
        f'<span class="vj-sub">{escape(kind.name)} · {escape(far)}{_ago(job)}</span>{meter}</button></li>'
    )


def _ago(job: Job) -> str:
    """ " · 3 min ago" of a run that is over."""
    if job.alive or not (moment := _moment(job.status.get("updated") or job.record.get("started"))):
        return ""
    return f" · {_length(time.time() - moment)} ago"


def run_detail(job: Job, root: Path) -> str:
    """All that there is to see of one run: how it stands, its log, its command, its link."""
    kind = kind_of_job(job)
    said = counts(job, kind.counts) or ("nothing counted yet" if job.alive else "nothing counted")
    card = status_card(job, said, _facts(job, kind), f"{kind.counts} done")
    words = command_words(job.folder)
    command = verbatim_command("The command", shlex.join(words)) if words else ""
    name = run_name(job, root)
    link = f'<p class="vj-sub"><a href="?run={quote(name)}">Link to this run</a>: it opens this page here.</p>'
    log = "" if job.state == "failed" else _log(job)  # of a failed one the card shows it
    title = f'<h2 class="vj-title">{escape(name)}</h2><p class="vj-sub">{escape(_about(job, kind))}</p>'
    return f'<div class="vj-run-detail">{title}{card}{log}{command}{link}</div>'


def _about(job: Job, kind: JobKind) -> str:
    said = f"{kind.name[:1].upper()}{kind.name[1:]}"
    if started := _moment(job.record.get("started")):
        said += f", started {datetime.fromtimestamp(started):%Y-%m-%d %H:%M}"
    if job.alive and not is_locked(job.folder / "log.txt"):
        said += ". It was started in a terminal: stop it there, with Ctrl-C"
    return said + "."


def _facts(job: Job, kind: JobKind) -> dict[str, str]:
    """What else status.json counts, and how long the work took."""
    shown = {}
    begun = _moment(job.record.get("began_work")) or (None if kind.takes_turn else _moment(job.record.get("started")))
    ended = time.time() if job.alive else _moment(job.status.get("updated"))
    if begun and ended and ended > begun and job.state != "waiting":
        shown["at work"] = _length(ended - begun)
    if pid := job.record.get("pid") if job.alive else None:
        shown["process"] = str(pid)
    return shown


def _log(job: Job) -> str:
    text = log_tail(job.folder, LOG_LINES)
    return verbatim("The end of its log", text) if text else ""


def _moment(text: object) -> float | None:
    """Seconds since the epoch of an ISO time; None for what is none."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None


def _length(seconds: float) -> str:
    for least, unit, words in ((172_800, 86_400, "days"), (5_400, 3_600, "h"), (90, 60, "min")):
        if seconds >= least:
            return f"{seconds / unit:.0f} {words}"
    return f"{max(0.0, seconds):.0f} s"
