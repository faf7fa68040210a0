"""The Meta-eval tab's fold for one's own labels: a table with human labels becomes a run beside a judge's. It only shows."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from analysis.explorer import run_names
from analysis.label_upload import ENDINGS, LabelForm, bring_in, imported_note
from analysis.tab_texts import OWN_LABELS
from workbench.errors import WorkbenchError
from workbench.owners import reader
from workbench.page.show import error_note

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
NEW_RUN = ("a new run of the table's own items", "")


class LabelPanel(NamedTuple):
    """The components; the first four are the fields of LabelForm."""

    upload: gr.File
    beside: gr.Dropdown
    videos: gr.Textbox
    name: gr.Textbox
    start: gr.Button
    message: gr.HTML
    fold: gr.Accordion


def labels_panel() -> LabelPanel:
    """Lay out the fold in the Blocks at hand."""
    with gr.Accordion("Your own labels", open=False, elem_id="vj-labels") as fold:
        gr.HTML(OWN_LABELS)
        upload = gr.File(label="Table with labels", file_types=list(ENDINGS), height=132, elem_id="vj-labels-file")
        beside = gr.Dropdown([NEW_RUN], value="", label="Labels of", elem_id="vj-labels-beside",
                             info="The run in which this table was judged: rows are found again by their texts.")  # fmt: skip
        videos = gr.Textbox(label="Folder of the videos", max_lines=1, visible=False, elem_id="vj-labels-videos",
                            info="Where the table's paths start. Empty: the items have no videos.")  # fmt: skip
        name = gr.Textbox(label="Name", info="Of the run of labels. Made up when empty.", max_lines=1,
                          elem_id="vj-labels-name")  # fmt: skip
        start = gr.Button("Bring in the labels", variant="primary", elem_id="vj-labels-start")
        message = gr.HTML(elem_id="vj-labels-message")
    return LabelPanel(upload, beside, videos, name, start, message, fold)


def wire_labels(panel: LabelPanel, chosen: gr.Dropdown, runs: Path, tab: gr.Tab) -> None:
    """Import on a click, and choose what there is to measure then; `chosen` are the runs of the tab."""
    tab.select(partial(with_judged, panel, runs), panel.beside, [panel.beside, panel.videos, panel.fold], **QUIET)
    panel.beside.change(videos_wanted, panel.beside, panel.videos, **QUIET)
    panel.start.click(partial(imported, panel, chosen, runs), [chosen, *panel[:4]], [panel.message, chosen],
                      show_progress="minimal", show_progress_on=[panel.message], api_visibility="private")  # fmt: skip


def with_judged(panel: LabelPanel, runs: Path, beside: str | None) -> dict:
    """The runs that labels may stand beside; the fold is open where there are none to measure."""
    names = run_names(runs)
    kept = beside if beside in names else names[0] if names else ""
    given = {panel.beside: gr.update(choices=[*names, NEW_RUN], value=kept), panel.videos: videos_wanted(kept)}
    return given | ({} if names else {panel.fold: gr.Accordion(open=True)})


def videos_wanted(beside: str | None):
    """Videos are opened only for items that are new, on one's own machine."""
    return gr.update(visible=not beside and reader() is None)


def imported(panel: LabelPanel, chosen: gr.Dropdown, runs: Path, measured: list[str] | None, *values) -> dict:
    """Bring the labels in, and choose them with the run that they are of; why not, beside the button."""
    form = LabelForm(*((value or "") for value in values))
    try:
        found = bring_in(form, runs)
    except WorkbenchError as error:
        return {panel.message: error_note(error)}
    names = list(dict.fromkeys([*(measured or []), *filter(None, [form.beside]), found.run.folder.name]))
    return {panel.message: imported_note(found, form.beside), chosen: gr.update(choices=run_names(runs), value=names)}
