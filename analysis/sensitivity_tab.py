"""The Sensitivity tab: plan a sweep, start or resume it, watch its curves and its map, open a cell. It only lays out and shows."""

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from analysis.sensitivity_figures import (
    curve_figure,
    figures_there,
    frames_info,
    map_figure,
    map_info,
    temperature_info,
    told_direction,
)
from analysis.sensitivity_form import (
    MODES,
    asked_of_judges,
    is_planned,
    is_planning,
    plan_form,
    start_or_resume,
    sweep_jobs,
)
from analysis.sensitivity_live import (
    cell_view,
    cell_words,
    choice_card,
    data_files,
    measured,
    plan_card,
    read_plan,
    sweep_card,
)
from analysis.sensitivity_panels import (
    Figures,
    StartForm,
    Watch,
    command_box,
    figures_panel,
    read_sweep_form,
    start_panel,
    watch_panel,
)
from analysis.sensitivity_texts import NO_SWEEP
from analysis.sweep_cells import SweepResult
from workbench import jobs
from workbench.errors import WorkbenchError
from workbench.jobs import Job
from workbench.page.form_panel import FormPanel, read_form
from workbench.page.judge_choice import wire_choice, wire_fit
from workbench.page.known_judge import refusals
from workbench.page.show import error_note, note
from workbench.run_folders import chosen_folder, run_label

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
WAITS = {"show_progress": "minimal", "api_visibility": "private"}


def build(runs: Path, tab: gr.Tab, judge_form: FormPanel) -> None:
    """Lay out the tab inside the Blocks at hand and wire it; `judge_form` is the form of the Judge tab."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_classes="vj-panel"):
            form = start_panel(runs)
        with gr.Column(scale=6, min_width=300):
            watch = watch_panel(runs)
    figures = figures_panel()
    asked = _wire_watch(watch, figures, runs, tab)
    _wire_start(form, watch, judge_form, runs, asked)
    _wire_figures(watch, figures, runs)


# -- starting


def _wire_start(form: StartForm, watch: Watch, judge_form: FormPanel, runs: Path, asked: dict) -> None:
    def begin(*values):
        asked, typed = read_sweep_form(*values[: len(form.inputs)]), read_form(*values[len(form.inputs) :])
        if refusals(asked_of_judges(asked)):  # stands beside the button already
            return {form.message: ""}
        try:
            job = plan_form(asked, runs, typed)
        except WorkbenchError as error:
            return {form.message: error_note(error)}
        told = note("Trying the judges. Nothing is judged yet: look at the preflight, then start.")
        return {form.message: told, watch.run: with_runs(runs, job.folder.name)}

    changes = [field.change for field in form.inputs]
    gr.on(changes, lambda *values: command_box(read_sweep_form(*values), runs), form.inputs, form.command,
          trigger_mode="always_last", **QUIET)  # fmt: skip
    wire_choice(form.judges, form.mode)
    wire_fit([form.judges, form.mode], form.inputs, lambda *values: asked_of_judges(read_sweep_form(*values)), form.fit,
             form.message, MODES)  # fmt: skip
    form.source.change(lambda source: gr.update(visible=source == "path"), form.source, form.path, **QUIET)
    inputs = [*form.inputs, *judge_form.inputs]
    begun = gr.on([form.plan.click, form.name.submit], begin, inputs, [form.message, watch.run], **WAITS)
    begun.then(**asked)


def with_runs(runs: Path, chosen: str | None):
    """The list of sweeps, with one of them chosen: the last one started when that one is not there."""
    found = sweep_jobs(runs)
    names = [job.folder.name for job in found]
    value = chosen if chosen in names else next(iter(names), None)
    return gr.update(choices=[(sweep_label(job), job.folder.name) for job in found], value=value, visible=bool(found))


def sweep_label(job: Job) -> str:
    """A sweep in a list."""
    return f"{job.folder.name} · planned" if is_planned(job) else run_label(job)


# -- watching


def _wire_watch(watch: Watch, figures: Figures, runs: Path, tab: gr.Tab) -> dict:
    """Gives what an event needs to show the chosen sweep as it stands."""

    def show(name: str | None, seen, *chosen) -> dict:
        if not name:
            return {watch.status: NO_SWEEP}
        job = jobs.find(chosen_folder(runs, name))
        given = _standing(watch, job) | ({} if job.alive else {watch.run: with_runs(runs, name)})
        there = _there(job)
        if there == seen:
            return given
        return given | {watch.seen: there} | _results(watch, figures, job, chosen, same=bool(seen) and seen[0] == name)

    def act(action, name: str):
        try:
            action(chosen_folder(runs, name))
        except WorkbenchError as error:
            return error_note(error)
        return ""

    outputs = [*watch, *figures.chosen, figures.below, figures.by_temperature, figures.by_frames, figures.grid,
               figures.cell, figures.verdicts, figures.cells_file, figures.judgments_file]  # fmt: skip
    asked = {"fn": show, "inputs": [watch.run, watch.seen, *figures.chosen], "outputs": outputs, **QUIET}
    watch.run.change(lambda: "", None, watch.message, **QUIET).then(**asked)
    watch.timer.tick(**asked)
    tab.select(partial(with_runs, runs), watch.run, watch.run, **QUIET).then(**asked)
    for button, action in ((watch.start, start_or_resume), (watch.stop, jobs.stop), (watch.resume, start_or_resume)):
        button.click(partial(act, action), watch.run, watch.message, **WAITS).then(**asked)
    return asked


def _standing(watch: Watch, job: Job) -> dict:
    """Status, preflight and buttons of a sweep."""
    planned, planning = is_planned(job), is_planning(job)
    return {
        watch.status: sweep_card(job),
        watch.preflight: plan_card(read_plan(job.folder)),
        watch.start: gr.update(visible=planned),
        watch.stop: gr.update(visible=job.alive),
        watch.resume: gr.update(visible=not planned and not planning and job.state in ("stopped", "failed")),
        watch.timer: gr.Timer(active=job.alive),
    }


def _there(job: Job) -> tuple:
    path = job.folder / "judgments.jsonl"
    return job.folder.name, path.stat().st_size if path.exists() else 0, job.state


def _results(watch: Watch, figures: Figures, job: Job, chosen: tuple, same: bool) -> dict:
    """The figures of a sweep that has verdicts; nothing for one that has none."""
    nothing = {figures.below: gr.update(visible=False), watch.choice: ""}
    if not (job.folder / "judgments.jsonl").exists() or not (job.folder / "run.json").exists():
        return nothing
    try:
        found = measured(job.folder)
    except WorkbenchError as error:
        return nothing | {watch.message: error_note(error)}
    if not any(one.state == "measured" for one in found.cells):
        return nothing
    picked = _picked(found, chosen if same else (None, None, None, None))
    choices = [(cell_words(one), number) for number, one in enumerate(found.cells)]
    given = {figures.below: gr.update(visible=True), watch.choice: choice_card(found)}
    given |= _with_choices(figures, found, picked) | _drawn(figures, found, picked)
    cell = gr.update(choices=choices) if same else gr.update(choices=choices, value=None)
    given |= {figures.cell: cell} | ({} if same else {figures.verdicts: ""})
    return given | _with_files(figures, job)


def _with_files(figures: Figures, job: Job) -> dict:
    """What can be downloaded, once nothing is added to it any more."""
    buttons = (figures.cells_file, figures.judgments_file)
    if job.alive:
        return dict.fromkeys(buttons, gr.update(visible=False))
    files = data_files(job.folder)
    return {button: gr.update(value=file, visible=True) for button, file in zip(buttons, files, strict=True)}


def _picked(found: SweepResult, chosen: tuple) -> tuple[str, str, int, float]:
    """Figure, judge of the map, frames of the first curve and temperature of the second: as chosen where that is there."""
    names, measured_cells = figures_there(found) or ["invalid"], [o for o in found.cells if o.state == "measured"]
    figure, judge, frames, temperature = chosen
    judges = list(found.sweep.judges)
    most = max((one.cell.frames for one in measured_cells if one.complete), default=found.sweep.frames[0])
    return (
        figure if figure in names else names[0],
        judge if judge in judges else judges[0],
        int(frames) if frames in found.sweep.frames else most,
        float(temperature) if temperature in found.sweep.temperatures else found.sweep.temperatures[0],
    )


def _with_choices(figures: Figures, found: SweepResult, picked: tuple) -> dict:
    figure, judge, frames, temperature = picked
    judges, words = list(found.sweep.judges), [(told_direction(name), name) for name in figures_there(found)]
    return {
        figures.figure: gr.update(choices=words, value=figure),
        figures.judge: gr.update(choices=judges, value=judge, visible=len(judges) > 1),
        figures.frames: gr.update(choices=[(str(each), each) for each in found.sweep.frames], value=frames),
        figures.temperature: gr.update(choices=[(f"{t:g}", t) for t in found.sweep.temperatures], value=temperature),
    }


def _drawn(figures: Figures, found: SweepResult, picked: tuple[Any, ...]) -> dict:
    figure, judge, frames, temperature = picked
    return {
        figures.by_temperature: curve_figure(temperature_info(found, figure, frames)),
        figures.by_frames: curve_figure(frames_info(found, figure, temperature)),
        figures.grid: map_figure(map_info(found, figure, judge)),
    }


# -- figures and cells


def _wire_figures(watch: Watch, figures: Figures, runs: Path) -> None:
    def draw(name: str, *chosen) -> dict:
        found = measured(chosen_folder(runs, name))
        return _drawn(figures, found, _picked(found, chosen))

    def open_cell(name: str, number: int | None) -> str:
        if number is None or not name:
            return ""
        folder = chosen_folder(runs, name)
        try:
            return cell_view(folder, measured(folder).cells[number])
        except WorkbenchError as error:
            return error_note(error)

    def clicked(event: gr.EventData):
        return int(event.cell)

    plots = [figures.by_temperature, figures.by_frames, figures.grid]
    gr.on([field.input for field in figures.chosen], draw, [watch.run, *figures.chosen], plots, trigger_mode="always_last",
          **QUIET)  # fmt: skip
    figures.clicks.click(clicked, None, figures.cell, **QUIET)
    figures.cell.change(open_cell, [watch.run, figures.cell], figures.verdicts, **QUIET)
