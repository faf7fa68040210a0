"""The Bootstrap tab: start or resume a run, watch it, look through its examples, audit, export. It only lays out and shows."""

from functools import partial
from pathlib import Path

import gradio as gr

from bootstrap.attempts import finished_lines
from bootstrap.exports import Format
from bootstrap.figures import funnel_figure, matrix_figure
from bootstrap.live import live_figures, status_card
from bootstrap.run_files import export_dataset
from bootstrap.run_form import bootstrap_jobs, resume_run, start_run
from bootstrap.tab_audit import audit_panel, wire_audit
from bootstrap.tab_browse import sets_size, wire_browser
from bootstrap.tab_panels import (
    Browser,
    StartForm,
    Watch,
    browse_panel,
    command_box,
    export_panel,
    read_run_form,
    start_panel,
    watch_panel,
)
from bootstrap.tab_texts import NO_RUN
from bootstrap.tab_world import wire_world
from workbench import jobs
from workbench.errors import WorkbenchError
from workbench.page.show import error_note, note
from workbench.page.verbatim import verbatim_command
from workbench.run_folders import chosen_folder, run_label
from workbench.store import Run

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def build(runs: Path, tab: gr.Tab) -> None:
    """Lay out the tab inside the Blocks at hand and wire it; `tab` is the one it is in, `runs` where its runs are."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_classes="vj-panel"):
            form = start_panel(runs)
        with gr.Column(scale=6, min_width=300):
            watch = watch_panel(runs)
    watch.funnel.render()
    with gr.Column(visible=False, elem_classes="vj-browse", elem_id="vj-browse") as below:
        browser = browse_panel()
        audit = audit_panel()
        export = export_panel()
    _wire_start(form, watch, runs)
    wire_world(form.world, form.seeds, runs, tab)
    shown = _wire_watch(watch, below, browser, runs, tab)
    marked = wire_browser(shown, watch.run, browser, runs)
    wire_audit(audit, watch.run, runs, [*shown, marked])
    export.start.click(
        partial(_export_now, runs), [watch.run, export.form, export.keep_marked], [export.told, export.archive],
        show_progress="minimal", api_visibility="private",
    )  # fmt: skip


# -- starting


def _wire_start(form: StartForm, watch: Watch, runs: Path) -> None:
    def command(*values) -> str:
        return command_box(read_run_form(*values), runs)

    def begin(*values):
        try:
            job = start_run(read_run_form(*values), runs)
        except WorkbenchError as error:
            return {form.message: error_note(error)}
        return {
            form.message: note("Started. It goes on when you close this page."),
            watch.run: with_runs(runs, job.folder.name),
        }

    gr.on(
        [field.change for field in form.inputs], command, form.inputs, form.command, trigger_mode="always_last", **QUIET
    )
    gr.on(
        [form.start.click, form.seeds.submit, form.name.submit], begin, form.inputs, [form.message, watch.run], **QUIET
    )


def with_runs(runs: Path, chosen: str | None):
    """The list of runs, with one of them chosen: the last one started when that one is not there."""
    found = bootstrap_jobs(runs)
    names = [job.folder.name for job in found]
    value = chosen if chosen in names else next(iter(names), None)
    return gr.update(choices=[(run_label(job), job.folder.name) for job in found], value=value, visible=bool(found))


# -- watching


def _wire_watch(watch: Watch, below: gr.Column, browser: Browser, runs: Path, tab: gr.Tab) -> list:
    """Gives the events after which there may be examples to show."""
    outputs = [watch.status, watch.stop, watch.resume, watch.funnel, watch.matrix, watch.seen, watch.timer,
               below, watch.run, watch.message]  # fmt: skip

    def show(name: str | None, seen) -> dict:
        if not name:
            return {watch.status: NO_RUN}
        job = jobs.find(chosen_folder(runs, name))
        given = {
            watch.status: status_card(job),
            watch.stop: gr.update(visible=job.alive, interactive=True),
            watch.resume: gr.update(visible=job.state in ("stopped", "failed")),
            watch.timer: gr.Timer(active=job.alive),
        }
        if not job.alive:  # the list says how each stands
            given[watch.run] = with_runs(runs, name)
        size = sets_size(job.folder)
        if (name, size) != seen:
            given |= {watch.seen: (name, size), below: gr.update(visible=bool(size))} | figures(job.folder, size)
        return given

    def figures(folder: Path, size: int) -> dict:
        if not size:
            return {watch.funnel: gr.update(visible=False), watch.matrix: gr.update(visible=False)}
        try:
            funnel, matrix = live_figures(finished_lines(Run.open(folder)))
        except WorkbenchError as error:
            return {watch.message: error_note(error)}
        return {watch.funnel: gr.update(value=funnel_figure(funnel), visible=True),
                watch.matrix: gr.update(value=matrix_figure(matrix), visible=True)}  # fmt: skip

    def act(action, name: str):
        try:
            action(chosen_folder(runs, name))
        except WorkbenchError as error:
            return error_note(error)
        return ""

    asked = {"fn": show, "inputs": [watch.run, watch.seen], "outputs": outputs, **QUIET}
    shown = [watch.run.change(lambda: (None, None), None, [watch.seen, browser.current], **QUIET).then(**asked),
             watch.timer.tick(**asked)]  # fmt: skip
    # A change of the run follows, unless it is the one that is shown already.
    tab.select(partial(with_runs, runs), watch.run, watch.run, **QUIET).then(**asked)
    for button, action in ((watch.stop, jobs.stop), (watch.resume, resume_run)):
        acted = button.click(
            partial(act, action), watch.run, watch.message, show_progress="minimal", api_visibility="private"
        )
        acted.then(**asked)
    return shown


# -- exporting


def _export_now(runs: Path, name: str, form: Format, keep_marked: bool):
    try:
        exported = export_dataset(chosen_folder(runs, name), form, keep_marked)
    except WorkbenchError as error:
        return error_note(error), gr.update(visible=False)
    told = exported.told + verbatim_command("The command that does the same", exported.command)
    return told, gr.update(value=str(exported.archive), visible=True)
