"""The Judge tab: a form on the left, the verdict on the right. It only lays out, calls and shows."""

import random
from functools import partial
from html import escape
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from workbench.errors import WorkbenchError
from workbench.page import form_panel as forms
from workbench.page import result_panel as results
from workbench.page import show
from workbench.page.api import judge_endpoint
from workbench.page.examples import EXAMPLES_FOLDER, load_examples
from workbench.page.form import missing_inputs, missing_sentence
from workbench.page.form_panel import FormPanel, read_form
from workbench.page.judge_choice import wire_fit
from workbench.page.known_judge import refusal
from workbench.page.links import wire_verdict
from workbench.page.resident import ResidentJudge
from workbench.page.result_panel import ResultPanel
from workbench.page.stages import Finished, stages_of
from workbench.page.stop_requests import StopRequests
from workbench.page.upload import accept_upload
from workbench.page.verdict import Stopped, judge_form

ONE_AT_A_TIME = {"concurrency_id": "judge", "concurrency_limit": 1}
# On a narrow screen the verdict stands below the form; on a wide one its beginning is above whoever filled in a long form.
SHOW_RESULT = """() => {
  const result = document.querySelector('#vj-result');
  window.vjShownVerdict();
  const top = result?.getBoundingClientRect().top;
  if (top < 0 || top > innerHeight * 0.8) result.scrollIntoView({behavior: 'smooth'});
}"""
QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def served_folders() -> list[str]:
    """Folders whose files the page may show, beside what users upload."""
    return [str(EXAMPLES_FOLDER)]


def build(runs: Path, resident: ResidentJudge) -> FormPanel:
    """Lay out the tab inside the Blocks at hand and wire it; the resident judge's verdicts are written under `runs`.

    Gives the form, which other tabs may read and fill.
    """
    examples = load_examples()
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_classes="vj-panel"):
            pills = _example_pills()
            form = forms.form_panel()
            with gr.Column(elem_classes="vj-actions"):
                fit, message = gr.HTML(elem_id="vj-fit"), gr.HTML(elem_id="vj-message")
                with gr.Row(elem_classes="vj-buttons"):
                    start = gr.Button("Judge", variant="primary", elem_id="vj-judge")
                    stop = gr.Button("Stop", variant="stop", visible=False, elem_id="vj-stop")
        with gr.Column(scale=6, min_width=300):
            result = results.result_panel(bool(examples))
    judging = Judging(form, message, result, start, stop, resident, StopRequests(), runs)
    wire_responses(form)
    _wire_form(form, fit, message)
    wire_video(form)
    _wire_examples(form, pills)
    _wire_verdict(judging)
    _wire_result(result)
    wire_verdict(form, result, message, runs)
    gr.api(judge_endpoint(judging.resident, runs), api_name="judge", **ONE_AT_A_TIME)
    return form


def _example_pills() -> list[gr.Button]:
    """A button for each example, and one for any of them."""
    titles = [example.title for example in load_examples()]
    with gr.Row(elem_classes="vj-examples", visible=bool(load_examples())):
        gr.HTML('<span class="vj-sub">Start from an example</span>')
        return [gr.Button(title, size="sm", variant="secondary") for title in [*titles, "A random one"]]


def wire_responses(form: FormPanel) -> None:
    """Add and remove responses; a way of judging shows as many as it needs."""
    rows = [*form.rows, *form.removes, form.count, form.add]
    form.add.click(partial(forms.with_another_response, form), form.count, rows, **QUIET)
    for number, remove in enumerate(form.removes):
        take_out = partial(forms.without_response, form, number)
        remove.click(take_out, [form.count, *form.responses], [*rows, *form.responses], **QUIET)
    form.mode.change(partial(forms.with_mode, form), [form.mode, form.count], [form.mode, *rows], **QUIET)


def _wire_form(form: FormPanel, fit: gr.HTML, message: gr.HTML) -> None:
    form.judge.change(partial(forms.with_judge, form), form.judge, [form.judge, form.frames], **QUIET)
    bounded = [form.mode, form.judge, form.frames, form.low, form.high, form.text_only, form.score_only]
    wire_fit(bounded, form.inputs, lambda *values: [read_form(*values)], fit, message)


def wire_video(form: FormPanel) -> None:
    """Look at an upload, and make it playable."""

    def take_upload(path: str):
        try:
            upload = accept_upload(path)
        except WorkbenchError as error:
            return {form.video: None} | forms.with_player(form, None, show.error_note(error))
        return forms.with_player(form, upload.playable, f'<p class="vj-sub">{escape(upload.sentence)}</p>')

    shown = [form.player, form.video_note]
    taking = {"show_progress": "minimal", "show_progress_on": [form.video], "api_visibility": "private"}
    form.video.upload(take_upload, form.video, [form.video, *shown], **taking)
    form.video.clear(lambda: forms.with_player(form, None, ""), None, shown, **QUIET)


def _wire_examples(form: FormPanel, pills: list[gr.Button]) -> None:
    def any_other(instruction: str, judge: str | None) -> dict:
        others = [example for example in load_examples() if example.instruction != instruction]
        return forms.with_example(form, random.choice(others or load_examples()), judge)

    for pill, example in zip(pills, load_examples(), strict=False):
        pill.click(partial(forms.with_example, form, example), form.judge, filled_by_example(form), **QUIET)
    pills[-1].click(any_other, [form.instruction, form.judge], filled_by_example(form), **QUIET)


def filled_by_example(form: FormPanel) -> list:
    """What an example fills in."""
    texts = [form.instruction, form.reference, form.description, form.mode, *form.responses]
    return [form.video, form.player, form.video_note, *texts, *form.rows, *form.removes, form.count, form.add]


class Judging(NamedTuple):
    """What the making of a verdict involves."""

    form: FormPanel
    message: gr.HTML
    result: ResultPanel
    start: gr.Button
    stop: gr.Button
    resident: ResidentJudge
    stops: StopRequests
    runs: Path

    def begin(self, request: gr.Request, *values) -> dict:
        """At once, while others may be waiting for the judge: say what is missing, or that the work has begun."""
        self.stops.forget(request.session_hash)
        wanted = read_form(*values)
        if missing := missing_sentence(missing_inputs(wanted)):
            opened = forms.with_reference_in_sight(self.form, wanted, [wanted.judge or ""])
            return {self.message: show.note(escape(missing), "warn")} | opened
        if refusal(wanted):  # stands beside the button already
            return {self.message: ""}
        waits = ("waiting for the judge", 0)
        return {self.message: show.working_line(*waits), self.result.working: gr.update(visible=True, value=show.working(*waits)),
                self.start: gr.update(interactive=False), self.stop: gr.update(visible=True, interactive=True)}  # fmt: skip

    def verdict(self, request: gr.Request, *values):
        """The stages of a verdict as they come, then the verdict."""
        wanted, stop_requested = read_form(*values), self.stops.of(request.session_hash)
        if missing_inputs(wanted) or refusal(wanted):  # the page has said so
            yield {self.message: gr.skip()}
            return
        hidden = {self.result.working: gr.update(visible=False)}
        try:
            for step in stages_of(lambda tell: judge_form(wanted, self.runs, self.resident, tell, stop_requested)):
                if isinstance(step, Finished):
                    yield {self.message: ""} | results.with_verdict(self.result, step.result)
                else:
                    working = gr.update(visible=True, value=show.working(*step))
                    yield {self.message: show.working_line(*step), self.result.working: working}
        except Stopped as error:
            yield {self.message: show.note(escape(str(error)), "warn")} | hidden
        except WorkbenchError as error:
            yield {self.message: show.error_note(error)} | hidden

    def request_stop(self, request: gr.Request):
        """The judge stops at its next step, and what it has judged is shown."""
        self.stops.stop(request.session_hash)
        return gr.update(interactive=False)

    def done(self) -> dict:
        """Give the button back."""
        return {self.start: gr.update(interactive=True), self.stop: gr.update(visible=False)}


def _wire_verdict(judging: Judging) -> None:
    form, message, result, start, stop = judging[:5]
    inputs, outputs = form.inputs, [message, *result[:-1]]
    stale = {"fn": _stale_note, "inputs": [result.judged, *inputs], "outputs": result.stale, **QUIET}

    def judge_after(began) -> None:
        judged = began.then(judging.verdict, inputs, outputs, show_progress="hidden", api_visibility="private",
                            **ONE_AT_A_TIME)  # fmt: skip
        judged.failure(lambda: gr.update(visible=False), None, result.working, **QUIET)
        judged.then(judging.done, None, [start, stop], **QUIET)
        judged.then(**stale).then(None, js=SHOW_RESULT, api_visibility="private")

    begin = {
        "fn": judging.begin,
        "inputs": inputs,
        "outputs": [message, result.working, start, stop, form.fold],
        **QUIET,
    }
    judge_after(gr.on([start.click, form.instruction.submit, *(one.submit for one in form.responses)], **begin))
    for example in load_examples()[:1]:
        fill = result.try_example.click(
            partial(forms.with_example, form, example), form.judge, filled_by_example(form), **QUIET
        )
        judge_after(fill.then(**begin))
    stop.click(judging.request_stop, None, stop, **QUIET)
    gr.on([component.change for component in inputs], **stale, trigger_mode="always_last")


def _stale_note(judged, *values) -> str:
    return show.stale_note(read_form(*values), judged)


def _wire_result(result: ResultPanel) -> None:
    request = partial(results.with_request, result)
    result.which.change(request, [result.asked, result.which], [result.prompt, result.reply], **QUIET)
