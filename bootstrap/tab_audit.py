"""The audit in the Bootstrap tab: a button, then a section a question, and a word when the run has gone on since."""

from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from bootstrap.audit_sections import Section, section_head, section_table
from bootstrap.run_files import audit_now, audit_state
from workbench.errors import WorkbenchError
from workbench.page.show import error_note, note
from workbench.page.verbatim import COPY_SCRIPT, verbatim_command
from workbench.run_folders import chosen_folder

# The sections in their order, with the most figures that each may have.
FIGURES = {"yield": 1, "acceptance": 1, "matrix": 2, "bias": 0, "truth": 0, "distance": 2, "leaks": 1, "words": 0,
           "repeats": 0, "marks": 0}  # fmt: skip
QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


class Place(NamedTuple):
    """Where a section is shown."""

    box: gr.Column
    head: gr.HTML
    figures: tuple[gr.Plot, ...]
    table: gr.HTML


class AuditPanel(NamedTuple):
    """The audit of the chosen run. `audited` is what was audited, None before the first."""

    start: gr.Button
    report: gr.DownloadButton
    told: gr.HTML
    command: gr.HTML
    places: dict[str, Place]
    audited: gr.State

    @property
    def shown(self) -> list:
        parts = [
            part for place in self.places.values() for part in (place.box, place.head, *place.figures, place.table)
        ]
        return [self.told, self.command, self.report, self.audited, *parts]


def audit_panel() -> AuditPanel:
    """Button, report to download, and the places of the sections, which appear when there is something in them."""
    gr.HTML('<h2 class="vj-title">Audit</h2><p class="vj-sub">How the run went, whether its ratings can be trusted, and '
            "what gives them away without the video. Intervals draw whole videos.</p>")  # fmt: skip
    with gr.Row(elem_classes="vj-paging"):
        start = gr.Button("Audit this run", size="sm", elem_id="vj-boot-audit", elem_classes="vj-quiet")
        report = gr.DownloadButton("Download the report", size="sm", visible=False, elem_classes="vj-quiet",
                                   elem_id="vj-boot-report")  # fmt: skip
    told = gr.HTML(elem_id="vj-boot-audit-note")
    places = {key: _place(key, count) for key, count in FIGURES.items()}
    command = gr.HTML(js_on_load=COPY_SCRIPT)
    return AuditPanel(start, report, told, command, places, gr.State(None))


def _place(key: str, figures: int) -> Place:
    with gr.Column(visible=False, elem_classes="vj-panel vj-audit", elem_id=f"vj-audit-{key}") as box:
        head = gr.HTML()
        with gr.Row(equal_height=False):
            plots = tuple(
                gr.Plot(
                    show_label=False, label=f"{key} {number}", elem_classes="vj-figure", min_width=320, visible=False
                )
                for number in range(1, figures + 1)
            )
        table = gr.HTML()
    return Place(box, head, plots, table)


def wire_audit(panel: AuditPanel, run: gr.Dropdown, runs: Path, events: list) -> None:
    """Audit on a click. After `events`, whatever is shown of another run goes, and one that has gone on is told."""

    def audit(name: str | None) -> dict:
        try:
            audited = audit_now(chosen_folder(runs, name or ""))
        except WorkbenchError as error:
            return {**_cleared(panel), panel.told: error_note(error)}
        shown = {part: update for section in audited.sections for part, update in _filled(panel, section).items()}
        return {**_cleared(panel), **shown, panel.told: f'<p class="vj-sub">{audited.told}</p>',
                panel.command: verbatim_command("The command that does the same", audited.command),
                panel.report: gr.update(value=str(audited.report), visible=True), panel.audited: audited.state}  # fmt: skip

    def follow(name: str | None, audited: tuple | None) -> dict:
        if audited is None:
            return {panel.audited: gr.skip()}
        if not name or audited[0] != name:
            return _cleared(panel)
        if audit_state(chosen_folder(runs, name)) != audited:
            return {panel.told: note("The run has gone on, or was marked, since this audit. Audit it again.", "warn")}
        return {panel.audited: gr.skip()}

    panel.start.click(audit, run, panel.shown, show_progress="minimal", show_progress_on=[panel.told],
                      api_visibility="private")  # fmt: skip
    for event in events:
        event.then(follow, [run, panel.audited], panel.shown, **QUIET)


def _cleared(panel: AuditPanel) -> dict[Any, Any]:
    hidden = {part: gr.update(visible=False) for place in panel.places.values() for part in (place.box, *place.figures)}
    return {**hidden, panel.told: "", panel.command: "", panel.audited: None,
            panel.report: gr.update(value=None, visible=False)}  # fmt: skip


def _filled(panel: AuditPanel, section: Section) -> dict[Any, Any]:
    place, figures = panel.places[section.key], section.figures()
    plots = {plot: gr.update(value=figure, visible=True) for plot, figure in zip(place.figures, figures, strict=False)}
    table = section_table(section)
    if figures and table:  # the figure says most of it
        table = f"<details><summary>The numbers</summary>{table}</details>"
    return {place.box: gr.update(visible=True), place.head: section_head(section), place.table: table, **plots}
