"""What the Sensitivity tab is laid out of: the form of a sweep, how a run stands, its figures, a cell's judgments."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from analysis.sensitivity_form import MODES, SweepForm, shown_command
from analysis.sensitivity_texts import NO_SWEEP, WHAT_IT_IS
from analysis.sweep_items import EXAMPLES
from workbench.page.judge_choice import judge_field, mode_field
from workbench.page.places import without_folders
from workbench.page.verbatim import COPY_SCRIPT, verbatim_command

POLL_SECONDS = 2.0
# Runs in the browser: tells which cell a click on a point or a square means. Figures are drawn again, so their clicks
# are heard anew whenever that happened.
CLICK_SCRIPT = """
setInterval(() => {
  for (const plot of document.querySelectorAll('.vj-cells .js-plotly-plot')) {
    if (plot.dataset.heard || !plot.on) continue;
    plot.dataset.heard = 'yes';
    plot.on('plotly_click', (event) => {
      const point = event.points.find((one) => one.data.customdata);
      if (!point) return;
      let cell = point.customdata;
      if (cell === undefined || Array.isArray(cell)) {
        const place = point.pointNumber;
        cell = Array.isArray(place) ? point.data.customdata[place[0]][place[1]] : point.data.customdata[place];
      }
      trigger('click', {cell: cell});
    });
  }
}, 500);
"""


class StartForm(NamedTuple):
    """The form of a new sweep; the first nine are the fields of SweepForm."""

    source: gr.Radio
    path: gr.Textbox
    judges: gr.Dropdown
    temperatures: gr.Textbox
    frames: gr.Textbox
    samples: gr.Number
    mode: gr.Radio
    limit: gr.Number
    name: gr.Textbox
    command: gr.HTML
    fit: gr.HTML  # why a judge would refuse
    message: gr.HTML
    plan: gr.Button

    @property
    def inputs(self) -> list:
        return list(self[:9])


class Watch(NamedTuple):
    """How the chosen sweep stands. `seen` is what the figures on the page were made of."""

    run: gr.Dropdown
    status: gr.HTML
    preflight: gr.HTML
    start: gr.Button
    stop: gr.Button
    resume: gr.Button
    message: gr.HTML
    choice: gr.HTML
    seen: gr.State
    timer: gr.Timer


class Figures(NamedTuple):
    """The figures of the chosen sweep, and the cell that is open."""

    below: gr.Column
    figure: gr.Dropdown
    judge: gr.Dropdown
    frames: gr.Dropdown
    temperature: gr.Dropdown
    clicks: gr.HTML
    by_temperature: gr.Plot
    by_frames: gr.Plot
    grid: gr.Plot
    cell: gr.Dropdown
    verdicts: gr.HTML
    cells_file: gr.DownloadButton
    judgments_file: gr.DownloadButton

    @property
    def chosen(self) -> list:
        return [self.figure, self.judge, self.frames, self.temperature]


def read_sweep_form(*values: Any) -> SweepForm:
    """The SweepForm that the form's values make."""
    source, path, judges, temperatures, frames, samples, mode, limit, name = values
    return SweepForm(source, path or "", tuple(judges or ()), temperatures or "", frames or "", int(samples or 1),
                     mode, int(limit or 0), name or "")  # fmt: skip


def command_box(form: SweepForm, runs: Path) -> str:
    """The command that a form comes to, as HTML."""
    return verbatim_command("The command that this comes to", shown_command(form, runs))


def start_panel(runs: Path) -> StartForm:
    """The form of a new sweep."""
    gr.HTML(WHAT_IT_IS)
    start = SweepForm()
    choices = [("Bundled examples", EXAMPLES), ("A run or a table", "path"), ("What the Judge tab holds", "judge")]
    source = gr.Radio(choices, value=EXAMPLES, label="Items", elem_id="vj-sweep-source")
    path = gr.Textbox(label="Run folder or table", placeholder="runs/NAME or items.jsonl", max_lines=1, visible=False,
                      elem_id="vj-sweep-path", info="A run brings the labels of its people along.")  # fmt: skip
    judges, mode = judge_field("vj-sweep-judges", several=True), mode_field("vj-sweep-mode", MODES)
    with gr.Row():
        temperatures = gr.Textbox(start.temperatures, label="Temperatures", info="Or 0,0.2,..,1. At 0 one sample is all.",
                                  min_width=130, max_lines=1, elem_id="vj-sweep-temperatures")  # fmt: skip
        frames = gr.Textbox(start.frames, label="Frames", info="Or 8,16,..,180: each twice the one before.",
                            min_width=130, max_lines=1, elem_id="vj-sweep-frames")  # fmt: skip
    with gr.Row():
        samples = gr.Number(start.samples, label="Samples", precision=0, minimum=1, min_width=110,
                            info="Above temperature 0.", elem_id="vj-sweep-samples")  # fmt: skip
        limit = gr.Number(0, label="At most", precision=0, minimum=0, min_width=110, info="Items; 0 takes all.")
    name = gr.Textbox(label="Name", placeholder="made up when empty", max_lines=1, elem_id="vj-sweep-name")
    start = replace(start, judges=tuple(judges.value), mode=mode.value)
    command = gr.HTML(command_box(start, runs), js_on_load=COPY_SCRIPT, elem_id="vj-sweep-command")
    with gr.Column(elem_classes="vj-actions"):
        fit, message = gr.HTML(elem_id="vj-sweep-fit"), gr.HTML(elem_id="vj-sweep-message")
        plan = gr.Button("Look what it would take", variant="primary", elem_id="vj-sweep-plan")
    return StartForm(
        source, path, judges, temperatures, frames, samples, mode, limit, name, command, fit, message, plan
    )


def watch_panel(runs: Path) -> Watch:
    """How the chosen sweep stands; until there is one, what there will be."""
    run = gr.Dropdown(
        [], label="Sweep", info=f"Sweeps in the folder {without_folders(runs)}.", visible=False, elem_id="vj-sweep-run"
    )
    status = gr.HTML(NO_SWEEP, elem_id="vj-sweep-status")
    preflight = gr.HTML(elem_id="vj-sweep-preflight")
    quiet = {"visible": False, "elem_classes": "vj-quiet"}
    with gr.Row(elem_classes="vj-buttons"):
        start = gr.Button("Start the sweep", variant="primary", elem_id="vj-sweep-start", **quiet)
        stop = gr.Button("Stop", variant="stop", size="sm", elem_id="vj-sweep-stop", **quiet)
        resume = gr.Button("Resume", size="sm", elem_id="vj-sweep-resume", **quiet)
    message = gr.HTML(elem_id="vj-sweep-watch-message")
    choice = gr.HTML(elem_id="vj-sweep-choice")
    return Watch(run, status, preflight, start, stop, resume, message, choice, gr.State(None),
                 gr.Timer(POLL_SECONDS, active=False))  # fmt: skip


def figures_panel() -> Figures:
    """Curves and map, and under them the judgments of the cell that is open."""
    plot = {"show_label": False, "elem_classes": "vj-figure vj-cells", "min_width": 300}
    with gr.Column(visible=False, elem_classes="vj-browse", elem_id="vj-sweep-figures") as below:
        with gr.Row(elem_classes="vj-filters"):
            figure = gr.Dropdown([], label="Figure", min_width=180, elem_id="vj-sweep-figure")
            judge = gr.Dropdown([], label="Judge of the map", min_width=180, visible=False)
            frames = gr.Dropdown([], label="Frames of the first curve", min_width=150)
            temperature = gr.Dropdown([], label="Temperature of the second", min_width=150)
        clicks = gr.HTML('<p class="vj-sub">Choose a point or a square to see the judgments behind it.</p>',
                         js_on_load=CLICK_SCRIPT, elem_id="vj-sweep-clicks")  # fmt: skip
        with gr.Row(equal_height=False):
            by_temperature = gr.Plot(label="By temperature", elem_id="vj-sweep-by-temperature", **plot)
            by_frames = gr.Plot(label="By frames", elem_id="vj-sweep-by-frames", **plot)
        grid = gr.Plot(label="Stability map", elem_id="vj-sweep-map", **plot)
        cell = gr.Dropdown([], label="Cell", elem_id="vj-sweep-cell")
        verdicts = gr.HTML(elem_id="vj-sweep-verdicts")
        with gr.Row(elem_classes="vj-buttons"):
            cells_file = gr.DownloadButton("Download the cells (JSON)", size="sm", elem_classes="vj-quiet")
            judgments_file = gr.DownloadButton("Download the judgments (CSV)", size="sm", elem_classes="vj-quiet")
    return Figures(below, figure, judge, frames, temperature, clicks, by_temperature, by_frames, grid, cell, verdicts,
                   cells_file, judgments_file)  # fmt: skip
