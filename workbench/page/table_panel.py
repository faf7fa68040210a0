"""The form that judges a table of items as a detached run: laid out, read back, started."""

from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from workbench.canaries import MOST
from workbench.errors import WorkbenchError
from workbench.page.judge_choice import judge_field, mode_field, wire_choice, wire_fit
from workbench.page.known_judge import refusal
from workbench.page.show import error_note, note
from workbench.page.verbatim import COPY_SCRIPT, verbatim_command
from workbench.table_form import ENDINGS, TableForm, asked_of_judge, shown_command, start_table

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


class TablePanel(NamedTuple):
    """The components; the first nine are the fields of TableForm. `runs` is where runs are."""

    upload: gr.File
    path: gr.Textbox
    videos: gr.Textbox
    judge: gr.Dropdown
    mode: gr.Radio
    text_only: gr.Checkbox
    limit: gr.Number
    name: gr.Textbox
    canaries: gr.Number
    command: gr.HTML
    fit: gr.HTML  # why the judge would refuse
    message: gr.HTML
    start: gr.Button
    form: gr.Accordion
    runs: Path

    @property
    def inputs(self) -> list:
        return list(self[: len(fields(TableForm))])


def read_table_form(*values: Any) -> TableForm:
    """The TableForm that the values of `TablePanel.inputs` make. A field left empty takes its default."""
    names = [field.name for field in fields(TableForm)]
    given = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    return TableForm(**given | {name: max(0, int(given.get(name, 0))) for name in ("limit", "canaries")})


def table_panel(runs: Path) -> TablePanel:
    """Lay out the form in the Blocks at hand."""
    with gr.Accordion(
        "Judge a table of items", open=False, elem_id="vj-table", elem_classes="vj-panel vj-table-form"
    ) as form:
        gr.HTML('<p class="vj-sub">A row each: a video, an instruction, a response or several. Columns are found by their '
                "usual names; rows that cannot be judged are listed and do not stop the rest.</p>")  # fmt: skip
        upload = gr.File(label="Table", file_types=list(ENDINGS), height=132, elem_id="vj-table-file")
        path = gr.Textbox(label="Or a path on this machine", placeholder="answers.csv, or runs/answers", max_lines=1,
                          elem_id="vj-table-path")  # fmt: skip
        videos = gr.Textbox(label="Folder of the videos", max_lines=1, elem_id="vj-table-videos",
                            info="Where relative paths of the table start. Empty: the folder of the table.")  # fmt: skip
        judge, mode = judge_field("vj-table-judge"), mode_field("vj-table-mode")
        text_only = gr.Checkbox(False, label="Text only", info="A control: the judge is not shown the videos.")
        with gr.Row():
            limit = gr.Number(0, label="Limit", precision=0, minimum=0, min_width=90, info="Items; 0: all.")
            name = gr.Textbox(label="Name", info="Made up when empty.", max_lines=1, min_width=140,
                              elem_id="vj-table-name")  # fmt: skip
        canaries = gr.Number(0, label="Canaries", precision=0, minimum=0, maximum=MOST, elem_id="vj-table-canaries",
                             info="So many known bests, known worsts and padded twins are mixed in, kept apart from the "
                             "verdicts; the run says when the judge fails them.")  # fmt: skip
        first = TableForm(judge=judge.value, mode=mode.value)
        command = gr.HTML(_command(first, runs), js_on_load=COPY_SCRIPT, elem_id="vj-table-command")
        with gr.Column(elem_classes="vj-actions"):
            fit, message = gr.HTML(elem_id="vj-table-fit"), gr.HTML(elem_id="vj-table-message")
            start = gr.Button("Start the run", variant="primary", elem_id="vj-table-start")
    return TablePanel(
        upload, path, videos, judge, mode, text_only, limit, name, canaries, command, fit, message, start, form, runs
    )


def _command(form: TableForm, runs: Path) -> str:
    return verbatim_command("The command", shown_command(form, runs))


def wire_table(panel: TablePanel, chosen: gr.State, look_again: Callable[[Any], None]) -> None:
    """Start the run that the form asks for, choose it, and have `look_again` follow that event."""

    def command(*values: Any) -> str:
        return _command(read_table_form(*values), panel.runs)

    gr.on([field.change for field in panel.inputs], command, panel.inputs, panel.command, trigger_mode="always_last",
          **QUIET)  # fmt: skip
    wire_choice(panel.judge, panel.mode)
    wire_fit([panel.judge, panel.mode, panel.text_only], panel.inputs,
             lambda *values: [asked_of_judge(read_table_form(*values))], panel.fit, panel.message)  # fmt: skip
    look_again(panel.start.click(partial(begin, panel, chosen), panel.inputs, [panel.message, chosen],
                                 queue=False, show_progress="minimal", api_visibility="private"))  # fmt: skip


def begin(panel: TablePanel, chosen: gr.State, *values: Any) -> dict:
    """Start the run; why not, beside the button."""
    form = read_table_form(*values)
    if refusal(asked_of_judge(form)):  # stands there already
        return {panel.message: ""}
    try:
        job = start_table(form, panel.runs)
    except WorkbenchError as error:
        return {panel.message: error_note(error)}
    return {panel.message: note("Started. It goes on when you close this page."), chosen: job.folder.name}
