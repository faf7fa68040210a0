"""The Runs tab: what runs, waits and is over; stopping, resuming, and judging a table. It only lays out, calls and shows."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from workbench import jobs
from workbench.errors import WorkbenchError
from workbench.page.run_rows import CHOOSE_SCRIPT, EMPTY, run_detail, runs_list
from workbench.page.show import error_note
from workbench.page.table_panel import table_panel, wire_table
from workbench.page.verbatim import COPY_SCRIPT
from workbench.run_folders import resume_job
from workbench.run_list import RunList, named_run, run_name, visible_runs
from workbench.run_progress import what_resume_does

POLL_SECONDS = 2.0
PAST = 20  # runs that are over, shown at a time
QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
ACTING = {"queue": False, "show_progress": "minimal", "api_visibility": "private"}
SHOW_DETAIL = """() => {
  const detail = document.querySelector('#vj-run-detail');
  if (detail && detail.getBoundingClientRect().top > innerHeight * 0.8) detail.scrollIntoView({behavior: 'smooth'});
}"""


class RunsPanel(NamedTuple):
    """What the tab consists of. `form` judges a table, `chosen` is the name of the run that is shown, `past` how many old
    ones are listed."""

    form: gr.Accordion
    rows: gr.HTML
    older: gr.Button
    detail: gr.HTML
    stop: gr.Button
    resume: gr.Button
    message: gr.HTML
    chosen: gr.State
    past: gr.State
    seen: gr.State
    timer: gr.Timer

    @property
    def shown(self) -> list:
        return [
            self.form,
            self.rows,
            self.older,
            self.detail,
            self.stop,
            self.resume,
            self.chosen,
            self.seen,
            self.timer,
        ]


def build(runs: Path, tab: gr.Tab, tabs: gr.Tabs, page: gr.Blocks) -> None:
    """Lay out the tab inside the Blocks at hand and wire it; `tab` of `tabs` is the one it is in, `runs` where runs are."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300):
            rows = gr.HTML(js_on_load=CHOOSE_SCRIPT, elem_id="vj-runs")
            older = gr.Button(
                "Show older ones", size="sm", visible=False, elem_classes="vj-quiet", elem_id="vj-runs-older"
            )
            table = table_panel(runs)
        with gr.Column(scale=6, min_width=300):
            with gr.Row(elem_classes="vj-buttons"):
                small: dict[str, Any] = {"visible": False, "size": "sm", "elem_classes": "vj-quiet"}
                stop = gr.Button("Stop", variant="stop", elem_id="vj-run-stop", **small)
                resume = gr.Button("Resume", elem_id="vj-run-resume", **small)
            message = gr.HTML(elem_id="vj-run-message")
            detail = gr.HTML(EMPTY, js_on_load=COPY_SCRIPT, elem_id="vj-run-detail")
    panel = RunsPanel(table.form, rows, older, detail, stop, resume, message, gr.State(None), gr.State(PAST), gr.State(None),
                      gr.Timer(POLL_SECONDS, active=False))  # fmt: skip
    _wire(panel, runs, tab, tabs, page)
    wire_table(table, panel.chosen, partial(_look_again, panel, runs))


def _wire(panel: RunsPanel, runs: Path, tab: gr.Tab, tabs: gr.Tabs, page: gr.Blocks) -> None:
    look = _looking(panel, runs)
    panel.timer.tick(**look)
    tab.select(**look)

    def open_linked(request: gr.Request):
        return linked_run(runs, request)

    page.load(open_linked, None, [tabs, panel.chosen], **QUIET).then(**look)
    panel.older.click(lambda past: past + PAST, panel.past, panel.past, **QUIET).then(**look)
    chosen = panel.rows.click(_chosen_row, None, [panel.chosen, panel.message], **QUIET)
    chosen.then(**look).then(None, js=SHOW_DETAIL, api_visibility="private")
    for button, action in ((panel.stop, jobs.stop), (panel.resume, resume_job)):
        button.click(partial(act, action, runs), panel.chosen, panel.message, **ACTING).then(**look)


def _looking(panel: RunsPanel, runs: Path) -> dict[str, Any]:
    return {"fn": partial(look, panel, runs), "inputs": [panel.chosen, panel.past, panel.seen], "outputs": panel.shown,
            **QUIET}  # fmt: skip


def _look_again(panel: RunsPanel, runs: Path, event: Any) -> None:
    event.then(**_looking(panel, runs))


def _chosen_row(event: gr.EventData):
    return str(event.run), ""


def linked_run(runs: Path, request: gr.Request):
    """The tab and the run that the page's address names, as ?run=NAME; another tab that it names too stays open."""
    name = request.query_params.get("run", "")
    if not name:
        return gr.skip(), gr.skip()
    return (gr.Tabs(selected="runs") if not request.query_params.get("tab") else gr.skip()), name


def act(action, runs: Path, name: str | None) -> str:
    """Stop or resume a run; why not, as HTML."""
    try:
        action(named_run(runs, name or ""))
    except WorkbenchError as error:
        return error_note(error)
    return ""


def look(panel: RunsPanel, runs: Path, chosen: str | None, past: int, seen: tuple | None) -> dict:
    """How all runs stand, and the chosen one; what is shown already is left alone, so that it can be read and copied."""
    found = visible_runs(runs, past)
    chosen = chosen or _first(found, runs)
    rows, (detail, buttons) = runs_list(found, runs, chosen), _shown_run(panel, runs, chosen)
    given = {
        **buttons,
        panel.older: gr.update(visible=bool(found.older), value=f"Show older ones ({found.older:,})"),
        panel.chosen: chosen,
        panel.seen: (rows, detail),
        panel.timer: gr.Timer(active=bool(found.running or found.waiting)),
    }
    if not found.all and seen is None:
        given[panel.form] = gr.Accordion(open=True)
    if seen is None or seen[0] != rows:
        given[panel.rows] = rows
    if seen is None or seen[1] != detail:
        given[panel.detail] = detail
    return given


def _first(found: RunList, runs: Path) -> str | None:
    """What a reader who comes back wants to see: what is at work."""
    return next((run_name(job, runs) for job in found.all), None)


def _shown_run(panel: RunsPanel, runs: Path, chosen: str | None) -> tuple[str, dict]:
    hidden = {panel.stop: gr.update(visible=False), panel.resume: gr.update(visible=False)}
    if not chosen:
        return EMPTY, hidden
    try:
        job = jobs.find(named_run(runs, chosen))
    except WorkbenchError as error:
        return error_note(error), hidden
    resumes = what_resume_does(job)
    return run_detail(job, runs), {
        panel.stop: gr.update(visible=job.alive, value="Leave the queue" if job.state == "waiting" else "Stop"),
        panel.resume: gr.update(visible=bool(resumes), value=resumes or "Resume"),
    }
