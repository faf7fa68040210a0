"""The right side of the Judge tab: where a verdict and everything behind it is shown."""

import tempfile
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from workbench.page import show
from workbench.page.frame_strip import frame_strip
from workbench.page.receipt import receipt_table, verdict_json
from workbench.page.verbatim import COPY_SCRIPT, verbatim, verbatim_command
from workbench.page.verdict import PageVerdict


class ResultPanel(NamedTuple):
    """The components; `judged` keeps the form that the verdict is about, `asked` the requests behind it."""

    empty: gr.Column
    working: gr.HTML
    body: gr.Column
    stale: gr.HTML
    notes: gr.HTML
    cards: gr.HTML
    figure: gr.Plot
    frames: gr.HTML
    receipt: gr.HTML
    which: gr.Dropdown
    prompt: gr.HTML
    reply: gr.HTML
    command: gr.HTML
    json: gr.HTML
    download: gr.DownloadButton
    judged: gr.State
    asked: gr.State
    try_example: gr.Button


def result_panel(has_examples: bool) -> ResultPanel:
    """Lay out the result side; until the first verdict it shows what there will be."""
    working = gr.HTML(visible=False, elem_classes="vj-working")
    with gr.Column(elem_classes="vj-start") as empty:
        gr.HTML(show.empty_state())
        try_example = gr.Button("Try an example", visible=has_examples, elem_id="vj-try")
    with gr.Column(visible=False, elem_classes="vj-result", elem_id="vj-result") as body:
        stale = gr.HTML(elem_id="vj-stale")
        notes = gr.HTML()
        cards = gr.HTML(elem_classes="vj-fades")
        figure = gr.Plot(
            show_label=False,
            label="How sure the judge is",
            elem_id="vj-judge-figure",
            elem_classes="vj-figure vj-fades",
        )
        frames = gr.HTML(elem_id="vj-frames", elem_classes="vj-fades")
        behind = _behind()
    return ResultPanel(
        empty, working, body, stale, notes, cards, figure, frames, *behind, gr.State(None), gr.State(()), try_example
    )


def _behind():
    """What is behind the verdict, one tab each."""
    with gr.Tabs(elem_classes="vj-behind"):
        with gr.Tab("Settings"):
            receipt = gr.HTML()
        with gr.Tab("Prompt and reply"):
            which = gr.Dropdown(label="Request", visible=False)
            prompt, reply = _verbatim(), _verbatim()
        with gr.Tab("Command"):
            command = _verbatim()
        with gr.Tab("JSON"):
            json = _verbatim()
            download = gr.DownloadButton("Download JSON", size="sm", elem_classes="vj-quiet")
    return receipt, which, prompt, reply, command, json, download


def _verbatim() -> gr.HTML:
    return gr.HTML(js_on_load=COPY_SCRIPT)


def with_verdict(panel: ResultPanel, verdict: PageVerdict) -> dict:
    """Show a verdict."""
    figure = show.figure(verdict)
    record = verdict_json(verdict.item, verdict.judgments, verdict.command)
    return {
        panel.empty: gr.update(visible=False),
        panel.working: gr.update(visible=False),
        panel.body: gr.update(visible=True),
        panel.stale: "",
        panel.notes: show.notes(verdict),
        panel.cards: f'<h2 class="vj-unseen">The verdict</h2>{show.cards(verdict)}',
        panel.figure: gr.update(value=figure, visible=figure is not None),
        panel.frames: frame_strip(verdict.frames),
        panel.receipt: receipt_table(verdict.judgments, verdict.report, verdict.folder),
        panel.command: verbatim_command("Repeats this verdict on the command line", verdict.command),
        panel.json: verbatim("Item and judgments", record),
        panel.download: gr.update(value=_as_file(record, verdict.folder.name)),
        panel.judged: verdict.form,
        panel.asked: verdict.asked,
    } | _with_requests(panel, verdict)


def _with_requests(panel: ResultPanel, verdict: PageVerdict) -> dict:
    titles = [(asked.title, number) for number, asked in enumerate(verdict.asked)]
    which = gr.update(choices=titles, value=0 if titles else None, visible=len(titles) > 1)
    return {panel.which: which} | with_request(panel, verdict.asked, 0)


def with_request(panel: ResultPanel, asked, number: int) -> dict:
    """Show one of the requests behind a verdict; nothing when the judge was never asked."""
    if not asked:
        return {panel.prompt: "", panel.reply: ""}
    prompt, reply = asked[number].prompt, asked[number].reply
    return {
        panel.prompt: verbatim("The exact prompt", prompt),
        panel.reply: verbatim("The reply, word for word", reply),
    }


def _as_file(text: str, name: str) -> str:
    """A file to download; its folder is new, so that no one can guess where another's verdict lies."""
    path = Path(tempfile.mkdtemp(prefix="verdict-")) / f"{name}.json"
    path.write_text(text, encoding="utf-8")
    return str(path)
