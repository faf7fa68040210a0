"""What the page's address names: ?tab=compare opens a tab, ?verdict=NAME a verdict that is kept. ?run=NAME is the Runs tab's."""

from functools import partial
from html import escape
from pathlib import Path

import gradio as gr

from workbench.errors import WorkbenchError
from workbench.owners import reader
from workbench.page import result_panel as results
from workbench.page.form import MODES, MOST_RESPONSES
from workbench.page.form_panel import FormPanel, read_form, with_player, with_response_rows
from workbench.page.kept import kept_verdict
from workbench.page.result_panel import ResultPanel
from workbench.page.show import error_note, note
from workbench.page.upload import accept_upload
from workbench.page.verdict import PageVerdict
from workbench.run_folders import chosen_folder

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
NO_VIDEO = (
    '<p class="vj-sub">The video of this verdict is not here any more, so its frames cannot be shown. Their indices and '
    "seconds are under Settings.</p>"
)


# On a narrow screen the place of a verdict is below the form.
SHOW_REFUSAL = "() => { document.querySelector('#vj-no-verdict')?.scrollIntoView({block: 'center'}); }"


def not_here(name: str, error: WorkbenchError) -> str:
    """Says that a link's verdict cannot be shown, the same whether it is another's or nobody's."""
    if reader() is None:
        return f'<div id="vj-no-verdict">{error_note(error)}</div>'
    said = (f"<strong>This verdict is not shown here.</strong> {escape(name[:80])} opens in the browser that judged it alone, and "
            "it may be gone by now. Judge the same here, or ask for its JSON.")  # fmt: skip
    return f'<div id="vj-no-verdict">{note(said, "warn")}</div>'


def wire_tabs(tabs: gr.Tabs) -> None:
    """Open the tab that the address names, and name the open one in it."""
    ids = [tab.id for tab in tabs.children]

    def open_named(request: gr.Request):
        named = request.query_params.get("tab", "")
        return gr.Tabs(selected=named) if named in ids else gr.skip()

    gr.on(None, open_named, None, tabs, **QUIET)
    for tab in tabs.children:
        tab.select(None, js=f"() => {{ window.vjAddress('tab', '{tab.id}'); }}", api_visibility="private")


def wire_verdict(form: FormPanel, result: ResultPanel, message: gr.HTML, runs: Path) -> None:
    """Show the verdict that the address names, beside the form that it is about."""

    def open_named(request: gr.Request) -> dict:
        name = request.query_params.get("verdict", "")
        if not name:
            return {message: gr.skip()}
        try:
            verdict = kept_verdict(chosen_folder(runs, name).resolve())
        except WorkbenchError as error:
            return {result.working: gr.update(visible=True, value=not_here(name, error))}
        return _shown(form, result, verdict)

    def judged(shown, *values):
        """What the form holds now is what was judged: its video may have come under another name."""
        return read_form(*values) if shown else None

    filled = [*form.inputs, *form.rows, *form.removes, form.add, form.count, form.player, form.video_note]
    opened = gr.on(None, open_named, None, [*filled, *result[:-1], message], **QUIET)
    opened.then(None, js=SHOW_REFUSAL, api_visibility="private")
    opened.then(partial(judged), [result.judged, *form.inputs], result.judged, **QUIET)


def _shown(panel: FormPanel, result: ResultPanel, verdict: PageVerdict) -> dict:
    form = verdict.form
    texts = [*form.given_responses, *[""] * (MOST_RESPONSES - len(form.given_responses))]
    names = [
        name for name in FormPanel._fields[: FormPanel._fields.index("responses")] if name not in ("video", "mode")
    ]
    filled = {getattr(panel, name): getattr(form, name) for name in names}
    filled |= {panel.mode: gr.update(value=form.mode, info=MODES[form.mode].help), panel.video: form.video}
    filled |= dict(zip(panel.responses, texts, strict=True)) | with_response_rows(panel, len(form.given_responses))
    filled |= _player(panel, form.video) | results.with_verdict(result, verdict)
    gone = any(judgment.frames for judgment in verdict.judgments) and verdict.frames is None
    return filled | ({result.frames: NO_VIDEO} if gone else {})


def _player(panel: FormPanel, video: str | None) -> dict:
    if not video:
        return with_player(panel, None, "")
    try:
        upload = accept_upload(video)
    except WorkbenchError as error:
        return with_player(panel, None, error_note(error))
    return with_player(panel, upload.playable, f'<p class="vj-sub">{upload.sentence}</p>')
