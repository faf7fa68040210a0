"""The Judge tab: a form on the left, the verdict on the right. It only lays out, calls and shows."""

from functools import partial
from html import escape
from pathlib import Path

import gradio as gr

from workbench.errors import WorkbenchError
from workbench.page import form_panel as forms
from workbench.page import result_panel as results
from workbench.page import show
from workbench.page.api import judge_endpoint
from workbench.page.examples import EXAMPLES_FOLDER, load_examples
from workbench.page.form import missing_inputs, missing_sentence
from workbench.page.form_panel import FormPanel, read_form
from workbench.page.resident import ResidentJudge
from workbench.page.result_panel import ResultPanel
from workbench.page.stages import Finished, stages_of
from workbench.page.upload import accept_upload
from workbench.page.verdict import judge_form

ONE_AT_A_TIME = {"concurrency_id": "judge", "concurrency_limit": 1}
# On a narrow screen the verdict stands below the form.
SHOW_RESULT = """() => {
  const result = document.querySelector('#vj-result');
  if (result && result.getBoundingClientRect().top > innerHeight * 0.8) result.scrollIntoView({behavior: 'smooth'});
}"""
QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def served_folders() -> list[str]:
    """Folders whose files the page may show, beside what users upload."""
    return [str(EXAMPLES_FOLDER)]


def build(runs: Path) -> None:
    """Lay out the tab inside the Blocks at hand and wire it; verdicts are written under `runs`."""
    resident, examples = ResidentJudge(), load_examples()
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_classes="vj-panel"):
            pills = _example_pills()
            form = forms.form_panel()
            with gr.Column(elem_classes="vj-actions"):
                message = gr.HTML(elem_id="vj-message")
                start = gr.Button("Judge", variant="primary", elem_id="vj-judge")
        with gr.Column(scale=6, min_width=300):
            result = results.result_panel(bool(examples))
    _wire_form(form)
    _wire_video(form)
    _wire_examples(form, pills)
    _wire_verdict(form, message, result, resident, runs, start)
    _wire_result(form, result)
    gr.api(judge_endpoint(resident, runs), api_name="judge", **ONE_AT_A_TIME)


def _example_pills() -> list[gr.Button]:
    with gr.Row(elem_classes="vj-examples", visible=bool(load_examples())):
        gr.HTML('<span class="vj-sub">Start from an example</span>')
        return [gr.Button(example.title, size="sm", variant="secondary") for example in load_examples()]


def _wire_form(form: FormPanel) -> None:
    rows = [*form.rows, *form.removes, form.count, form.add]
    form.add.click(partial(forms.with_another_response, form), form.count, rows, **QUIET)
    for number, remove in enumerate(form.removes):
        take_out = partial(forms.without_response, form, number)
        remove.click(take_out, [form.count, *form.responses], [*rows, *form.responses], **QUIET)
    form.judge.change(lambda spec: gr.update(info=forms.about_judge(spec or "")), form.judge, form.judge, **QUIET)
    form.mode.change(partial(forms.with_mode, form), [form.mode, form.count], [form.mode, *rows], **QUIET)


def _wire_video(form: FormPanel) -> None:
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
    for pill, example in zip(pills, load_examples(), strict=True):
        pill.click(partial(forms.with_example, form, example), None, _filled(form), **QUIET)


def _filled(form: FormPanel) -> list:
    """What an example fills in."""
    texts = [form.instruction, form.reference, form.description, form.mode, *form.responses]
    return [form.video, form.player, form.video_note, *texts, *form.rows, *form.removes, form.count, form.add]


def _wire_verdict(
    form: FormPanel, message: gr.HTML, result: ResultPanel, resident: ResidentJudge, runs: Path, start: gr.Button
) -> None:
    def show_verdict(*values):
        wanted = read_form(*values)
        if missing := missing_sentence(missing_inputs(wanted)):
            yield {message: show.note(missing, "warn")}
            return
        try:
            for step in stages_of(lambda tell: judge_form(wanted, runs, resident, on_stage=tell)):
                if isinstance(step, Finished):
                    yield {message: ""} | results.with_verdict(result, step.result)
                else:
                    working = gr.update(visible=True, value=show.working(*step))
                    yield {message: show.working_line(*step), result.working: working}
        except WorkbenchError as error:
            yield {message: show.error_note(error), result.working: gr.update(visible=False)}

    stale = {"fn": _stale_note, "inputs": [result.judged, *form.inputs], "outputs": result.stale, **QUIET}
    judging = {"fn": show_verdict, "inputs": form.inputs, "outputs": [message, *result[:-1]], "show_progress": "hidden",
               "api_visibility": "private", **ONE_AT_A_TIME}  # fmt: skip

    def after(event) -> None:
        event.failure(lambda: gr.update(visible=False), None, result.working, **QUIET)
        event.then(**stale).then(None, js=SHOW_RESULT, api_visibility="private")

    after(gr.on([start.click, form.instruction.submit, *(response.submit for response in form.responses)], **judging))
    for example in load_examples()[:1]:
        fill = result.try_example.click(partial(forms.with_example, form, example), None, _filled(form), **QUIET)
        after(fill.then(**judging))
    gr.on([component.change for component in form.inputs], **stale, trigger_mode="always_last")


def _stale_note(judged, *values) -> str:
    return show.stale_note(read_form(*values), judged)


def _wire_result(form: FormPanel, result: ResultPanel) -> None:
    def seek(event: gr.EventData):
        return gr.Video(playback_position=event.seconds)

    result.frames.click(seek, None, form.player, **QUIET)
    request = partial(results.with_request, result)
    result.which.change(request, [result.asked, result.which], [result.prompt, result.reply], **QUIET)
