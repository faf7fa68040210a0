"""The Train tab: start or resume a training, watch it, try a checkpoint, push it. It only lays out and shows."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from training.curves import curve_figure, curves, figure_names
from training.live import checkpoint_table, judge_spec, run_at, training_card
from training.push_form import FOLDER, dry_run, push_card, start_push
from training.run_form import resume_training, start_training, training_jobs
from training.runs import TrainingRun, checkpoints
from training.tab_panels import (
    Results,
    StartForm,
    Watch,
    command_box,
    read_push_form,
    read_train_form,
    results_panel,
    start_panel,
    watch_panel,
    with_preset,
)
from training.tab_texts import NO_RUN
from workbench import jobs
from workbench.errors import WorkbenchError
from workbench.hub import token_found
from workbench.page.show import error_note, note
from workbench.run_folders import chosen_folder, run_label

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
WAITS = {"show_progress": "minimal", "api_visibility": "private"}


class JudgeTab(NamedTuple):
    """Where a checkpoint is handed to: the page's tabs, the Judge tab's id among them, and its judge field."""

    tabs: gr.Tabs
    id: str
    judge: gr.Dropdown


def build(runs: Path, tab: gr.Tab, judge_tab: JudgeTab) -> None:
    """Lay out the tab inside the Blocks at hand and wire it; `tab` is the one it is in, `runs` where its runs are."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_classes="vj-panel"):
            form = start_panel(runs)
        with gr.Column(scale=6, min_width=300):
            watch = watch_panel(runs)
    results = results_panel()
    _wire_start(form, watch, runs, _wire_watch(watch, results, runs, tab))
    _wire_results(watch, results, runs, judge_tab)


# -- starting


def _wire_start(form: StartForm, watch: Watch, runs: Path, asked: dict) -> None:
    def command(*values) -> str:
        return command_box(read_train_form(*values), runs)

    def begin(*values):
        try:
            job = start_training(read_train_form(*values), runs)
        except WorkbenchError as error:
            return {form.message: error_note(error)}
        told = note("Started. It goes on when you close this page.")
        return {form.message: told, watch.run: with_runs(runs, job.folder.name)}

    changes = [field.change for field in form.inputs]
    gr.on(changes, command, form.inputs, form.command, trigger_mode="always_last", **QUIET)
    offered = [form.preset, form.data, form.base, form.steps, *form[4:11], form.numbers]
    form.preset.change(partial(with_preset, form), form.preset, offered, **QUIET)
    begun = gr.on([form.start.click, form.name.submit], begin, form.inputs, [form.message, watch.run], **QUIET)
    begun.then(**asked)  # the list does not change for a name that is begun again


def with_runs(runs: Path, chosen: str | None):
    """The list of runs, with one of them chosen: the last one started when that one is not there."""
    found = training_jobs(runs)
    names = [job.folder.name for job in found]
    value = chosen if chosen in names else next(iter(names), None)
    return gr.update(choices=[(run_label(job), job.folder.name) for job in found], value=value, visible=bool(found))


# -- watching


def _wire_watch(watch: Watch, results: Results, runs: Path, tab: gr.Tab) -> dict:
    """Gives what an event needs to show the chosen run as it stands."""
    outputs = [watch.status, watch.stop, watch.resume, watch.figure_name, watch.figure, watch.seen, watch.timer, watch.run,
               results.below, results.table, results.checkpoint, results.pushed]  # fmt: skip

    def show(name: str | None, figure_name: str | None, picked: tuple | None, seen: tuple | None) -> dict:
        if not name:
            return {watch.status: NO_RUN}
        folder = chosen_folder(runs, name)
        job, run = jobs.find(folder), run_at(folder)
        pushing = jobs.find(folder / FOLDER).alive
        given = {
            watch.status: training_card(job, run),
            watch.stop: gr.update(visible=job.alive, interactive=True),
            watch.resume: gr.update(visible=job.state in ("stopped", "failed")),
            watch.timer: gr.Timer(active=job.alive or pushing),
            results.pushed: push_card(run),
        }
        if not job.alive:  # the list says how each stands
            given[watch.run] = with_runs(runs, name)
        there = (name, len(run.metrics), figure_name, [each.name for each in checkpoints(folder)])
        if there != seen:
            given |= with_curves(watch, run, figure_name) | with_checkpoints(results, run, picked)
            given[watch.seen] = there
        return given

    def act(action, name: str):
        try:
            action(chosen_folder(runs, name))
        except WorkbenchError as error:
            return error_note(error)
        return ""

    asked = {
        "fn": show,
        "inputs": [watch.run, watch.figure_name, results.picked, watch.seen],
        "outputs": outputs,
        **QUIET,
    }
    clear = [results.plan, results.push, results.try_message, watch.message]
    watch.run.change(lambda: ("", gr.update(visible=False), "", ""), None, clear, **QUIET).then(**asked)
    watch.timer.tick(**asked)
    watch.figure_name.input(trigger_mode="always_last", **asked)
    picked = [watch.run, results.checkpoint]
    results.checkpoint.input(lambda *values: values, picked, results.picked, trigger_mode="always_last", **QUIET)
    # A change of the run follows, unless it is the one that is shown already.
    tab.select(partial(with_runs, runs), watch.run, watch.run, **QUIET).then(**asked)
    for button, action in ((watch.stop, jobs.stop), (watch.resume, resume_training)):
        button.click(partial(act, action), watch.run, watch.message, **WAITS).then(**asked)
    results.push.click(partial(_push, runs), [watch.run, *results.push_inputs], results.plan, **QUIET).then(**asked)
    return asked


def with_curves(watch: Watch, run: TrainingRun, name: str | None) -> dict:
    """The chosen figure over the steps, and which there are."""
    names = figure_names(run.metrics)
    chosen = name if name in names else next(iter(names), None)
    if chosen is None:
        return {watch.figure_name: gr.update(visible=False), watch.figure: gr.update(visible=False)}
    return {
        watch.figure_name: gr.update(choices=names, value=chosen, visible=len(names) > 1),
        watch.figure: gr.update(value=curve_figure(curves(run.metrics, chosen), chosen), visible=True),
    }


def with_checkpoints(results: Results, run: TrainingRun, picked: tuple[str, str] | None) -> dict:
    """The checkpoints; the one that a reader picked (run, checkpoint) in this run stays, else the last one is chosen."""
    names = [each.name for each in checkpoints(run.folder)]
    of, checkpoint = picked or (None, None)
    value = checkpoint if of == run.folder.name and checkpoint in names else next(reversed(names), None)
    return {
        results.below: gr.update(visible=bool(names)),
        results.table: checkpoint_table(run),
        results.checkpoint: gr.update(choices=names, value=value),
    }


# -- what to do with a checkpoint


def _wire_results(watch: Watch, results: Results, runs: Path, judge_tab: JudgeTab) -> None:
    def hand_over(name: str, checkpoint: str | None) -> dict:
        try:
            spec = judge_spec(run_at(chosen_folder(runs, name)), checkpoint or "")
        except WorkbenchError as error:
            return {results.try_message: error_note(error)}
        return {results.try_message: "", judge_tab.judge: spec, judge_tab.tabs: gr.Tabs(selected=judge_tab.id)}

    def look(name: str, *values) -> dict:
        try:
            shown = dry_run(read_push_form(*values), run_at(chosen_folder(runs, name)))
        except WorkbenchError as error:
            return {results.plan: error_note(error), results.push: gr.update(visible=False)}
        words = "Push it, for everyone to see" if values[2] == "public" else "Push it, private"
        return {results.plan: shown, results.push: gr.update(visible=token_found(), value=words)}

    outputs = [results.try_message, judge_tab.judge, judge_tab.tabs]
    results.try_it.click(hand_over, [watch.run, results.checkpoint], outputs, **QUIET)
    looked = [watch.run, *results.push_inputs]
    gr.on([results.look.click, results.repo.submit], look, looked, [results.plan, results.push], **WAITS)
    # What was looked at is what is pushed: a change asks to look again.
    changes = [field.input for field in results.push_inputs]
    gr.on(changes, lambda: ("", gr.update(visible=False)), None, [results.plan, results.push], **QUIET)


def _push(runs: Path, name: str, *values) -> str:
    try:
        start_push(read_push_form(*values), run_at(chosen_folder(runs, name)))
    except WorkbenchError as error:
        return error_note(error)
    return note("Under way. It goes on when you close this page.")
