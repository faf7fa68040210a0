"""What the Compare tab is laid out of: the form with its judges, the verdicts with the vote, and the comparison of runs."""

from pathlib import Path
from typing import NamedTuple

import gradio as gr

from analysis.tab_sections import Place, section_places
from analysis.tab_texts import NO_COMPARISON, WHAT_COMPARE_IS
from workbench.page.examples import load_examples
from workbench.page.form_panel import FormPanel, form_panel
from workbench.page.places import without_folders
from workbench.page.served_judge import offered_judges
from workbench.page.verbatim import COPY_SCRIPT

FIRST_JUDGES = ["embedded", "metric:rouge_l"]
VOTES = {"first": "The first is better", "tie": "A tie", "second": "The second is better"}


class Live(NamedTuple):
    """Judging live. `ballot` keeps what is voted on, None while there is nothing to vote on."""

    form: FormPanel
    examples: tuple[gr.Button, ...]
    judges: gr.Dropdown
    blind: gr.Checkbox
    who: gr.Textbox
    message: gr.HTML
    start: gr.Button
    stop: gr.Button
    empty: gr.HTML
    working: gr.HTML
    sides: gr.HTML
    voting: gr.Row
    votes: tuple[gr.Button, ...]
    told: gr.HTML
    leaders: dict[str, Place]
    ballot: gr.State

    @property
    def inputs(self) -> list:
        return [self.judges, self.blind, self.who, *self.form.inputs]


class OverRuns(NamedTuple):
    """Comparing over runs."""

    runs: gr.Dropdown
    gold: gr.Dropdown
    baseline: gr.Dropdown
    start: gr.Button
    message: gr.HTML
    places: dict[str, Place]
    command: gr.HTML


def live_panel() -> Live:
    """The form on the left, the verdicts on the right."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=300, elem_classes="vj-panel"):
            gr.HTML(WHAT_COMPARE_IS)
            with gr.Row(elem_classes="vj-examples", visible=bool(load_examples())):
                gr.HTML('<span class="vj-sub">Start from an example</span>')
                examples = tuple(gr.Button(example.title, size="sm") for example in load_examples())
            judges = gr.Dropdown(offered_judges(), value=FIRST_JUDGES, label="Judges",
                                 multiselect=True, allow_custom_value=True, elem_id="vj-cmp-judges",
                                 info="Two to six. Also a folder, hf:owner/name, +adapter if wanted, human:NAME. One is in memory "
                                 "at a time. Metrics need a reference answer.")  # fmt: skip
            blind = gr.Checkbox(False, label="Blind", elem_id="vj-cmp-blind",
                                info="Two of these judges, drawn by chance and without names, for you to vote on.")  # fmt: skip
            who = gr.Textbox(label="Your name", max_lines=1, visible=False, placeholder="votes are kept as human:NAME",
                             elem_id="vj-cmp-who")  # fmt: skip
            form = form_panel("vj-cmp")
            form.judge.visible = False  # judges are chosen above
            form.frames.value = 0  # each judge's own way, unless one number is set for all
            with gr.Column(elem_classes="vj-actions"):
                message = gr.HTML(elem_id="vj-cmp-message")
                with gr.Row(elem_classes="vj-buttons"):
                    start = gr.Button("Compare", variant="primary", elem_id="vj-cmp-start")
                    stop = gr.Button("Stop", variant="stop", visible=False, elem_id="vj-cmp-stop")
        with gr.Column(scale=7, min_width=300):
            empty = gr.HTML(NO_COMPARISON, elem_id="vj-cmp-empty")
            working = gr.HTML(visible=False, elem_classes="vj-working")
            sides = gr.HTML(elem_id="vj-cmp-sides", js_on_load=COPY_SCRIPT)
            with gr.Row(visible=False, elem_classes="vj-paging", elem_id="vj-cmp-voting") as voting:
                votes = tuple(gr.Button(words, size="sm", elem_id=f"vj-cmp-{name}") for name, words in VOTES.items())
            told = gr.HTML(elem_id="vj-cmp-told")
            leaders = section_places({"votes": 1}, "vj-cmp")
    return Live(form, examples, judges, blind, who, message, start, stop, empty, working, sides, voting, votes, told, leaders,
                gr.State(None))  # fmt: skip


def runs_panel(runs: Path) -> OverRuns:
    """Runs, gold and baseline; below, the tests."""
    gr.HTML('<h2 class="vj-title">Over runs</h2><p class="vj-sub">Judges on the same items beside gold labels: differences with '
            "intervals, and paired tests.</p>")  # fmt: skip
    with gr.Row(elem_classes="vj-filters"):
        chosen = gr.Dropdown([], label="Runs", multiselect=True, min_width=280, scale=3, elem_id="vj-cmp-runs",
                             info=f"Of the folder {without_folders(runs)}.")  # fmt: skip
        gold = gr.Dropdown(["human"], value="human", label="Gold", min_width=150, elem_id="vj-cmp-gold",
                           allow_custom_value=True)  # fmt: skip  # the choices may change before a choice arrives
        baseline = gr.Dropdown(
            [("none: all pairs", "")], value="", label="Against", min_width=150, elem_id="vj-cmp-baseline"
        )
    with gr.Row(elem_classes="vj-paging"):
        start = gr.Button("Compare over runs", size="sm", elem_classes="vj-quiet", elem_id="vj-cmp-over")
    message = gr.HTML(elem_id="vj-cmp-over-message")
    places = section_places({"comparison-ratings": 2, "comparison-preferences": 2, "comparison-rankings": 2}, "vj-cmp")
    command = gr.HTML(js_on_load=COPY_SCRIPT)
    return OverRuns(chosen, gold, baseline, start, message, places, command)
