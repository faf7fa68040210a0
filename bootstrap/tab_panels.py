"""What the Bootstrap tab is laid out of: the form of a new run, how a run stands, its examples, the export."""

from pathlib import Path
from typing import Any, NamedTuple, get_args

import gradio as gr

from bootstrap.browse import OUTCOMES
from bootstrap.exports import Format
from bootstrap.loop import ALPHA, ROUNDS
from bootstrap.run_form import RunForm, shown_command
from bootstrap.tab_texts import NO_RUN, OUTCOME_WORDS, WHAT_IT_IS
from bootstrap.tab_world import FirstWorld, world_panel
from workbench.backends.presets import PRESETS
from workbench.page.places import without_folders
from workbench.page.verbatim import COPY_SCRIPT, verbatim_command

POLL_SECONDS = 2.0
GENERATORS = ["world:miss=0.2", *PRESETS]
EVALUATORS = ["world:noise=0.1", "world:noise=0.1,bias@3=+1", *PRESETS]


class StartForm(NamedTuple):
    """The form of a new run; the first seven are the fields of RunForm."""

    seeds: gr.Textbox
    generator: gr.Dropdown
    evaluator: gr.Dropdown
    rounds: gr.Number
    alpha: gr.Number
    limit: gr.Number
    name: gr.Textbox
    command: gr.HTML
    message: gr.HTML
    start: gr.Button
    world: FirstWorld

    @property
    def inputs(self) -> list:
        return list(self[:7])


class Watch(NamedTuple):
    """How the chosen run stands. `seen` is how much of it the figures show."""

    run: gr.Dropdown
    status: gr.HTML
    stop: gr.Button
    resume: gr.Button
    message: gr.HTML
    funnel: gr.Plot
    matrix: gr.Plot
    seen: gr.State
    timer: gr.Timer


class Browser(NamedTuple):
    """Examples of the chosen run, one at a time; `current` is the key of the one shown, () where none is, None before the first."""

    rating: gr.Radio
    outcome: gr.Radio
    round: gr.Dropdown
    kind: gr.Dropdown
    before: gr.Button
    after: gr.Button
    other: gr.Button
    count: gr.HTML
    player: gr.Video
    clip_note: gr.HTML
    card: gr.HTML
    who: gr.Textbox
    deserves: gr.Radio
    reason: gr.Textbox
    mark: gr.Button
    mark_note: gr.HTML
    current: gr.State

    @property
    def filters(self) -> list:
        return [self.rating, self.round, self.outcome, self.kind]

    @property
    def shown(self) -> list:
        return [self.count, self.player, self.clip_note, self.card, self.mark_note, self.current]


class Export(NamedTuple):
    """The export of the chosen run."""

    form: gr.Dropdown
    keep_marked: gr.Checkbox
    start: gr.Button
    told: gr.HTML
    archive: gr.DownloadButton


def read_run_form(*values: Any) -> RunForm:
    """The RunForm that the form's values make; a field left empty takes its default."""
    given = {name: value for name, value in zip(RunForm.__dataclass_fields__, values, strict=True) if value is not None}
    return RunForm(**given | {name: int(given[name]) for name in ("rounds", "alpha", "limit") if name in given})


def command_box(form: RunForm, runs: Path) -> str:
    """The command that a form comes to, as HTML."""
    return verbatim_command("The command that this comes to", shown_command(form, runs))


def start_panel(runs: Path) -> StartForm:
    """The form of a new run."""
    gr.HTML(WHAT_IT_IS)
    seeds = gr.Textbox(label="Seeds", placeholder="world, or seeds/described.jsonl", elem_id="vj-boot-seeds",
                       info="A world's folder, or an items.jsonl file with gold responses and descriptions.")  # fmt: skip
    world = world_panel()
    generator = gr.Dropdown(GENERATORS, value=GENERATORS[0], label="Generator", allow_custom_value=True,
                            info="Writes the worse responses. world:.. knows the world, and misses some.")  # fmt: skip
    evaluator = gr.Dropdown(EVALUATORS, value=EVALUATORS[0], label="Evaluator", allow_custom_value=True,
                            info="Rates them without knowing what they were written for.")  # fmt: skip
    with gr.Row():
        rounds = gr.Number(ROUNDS, label="Rounds", precision=0, minimum=1, min_width=90, info="At most.")
        alpha = gr.Number(ALPHA, label="Alpha", precision=0, minimum=0, min_width=90, info="May be off by.")
        limit = gr.Number(0, label="Limit", precision=0, minimum=0, min_width=90, info="Seeds; 0: all.")
    name = gr.Textbox(label="Name", placeholder="made up when empty", max_lines=1, elem_id="vj-boot-name")
    empty = RunForm(generator=GENERATORS[0], evaluator=EVALUATORS[0])
    command = gr.HTML(command_box(empty, runs), js_on_load=COPY_SCRIPT, elem_id="vj-boot-command")
    with gr.Column(elem_classes="vj-actions"):
        message = gr.HTML(elem_id="vj-boot-message")
        start = gr.Button("Start the run", variant="primary", elem_id="vj-boot-start")
    return StartForm(seeds, generator, evaluator, rounds, alpha, limit, name, command, message, start, world)


def watch_panel(runs: Path) -> Watch:
    """How the chosen run stands; until there is one, how to come by it."""
    run = gr.Dropdown(
        [], label="Run", info=f"Runs in the folder {without_folders(runs)}.", elem_id="vj-boot-run", visible=False
    )
    status = gr.HTML(NO_RUN, elem_id="vj-boot-status")
    with gr.Row(elem_classes="vj-buttons"):
        stop = gr.Button(
            "Stop", variant="stop", visible=False, elem_id="vj-boot-stop", size="sm", elem_classes="vj-quiet"
        )
        resume = gr.Button("Resume", visible=False, elem_id="vj-boot-resume", size="sm", elem_classes="vj-quiet")
    message = gr.HTML()
    matrix = gr.Plot(show_label=False, label="Target against given", visible=False, elem_classes="vj-figure")
    # Rendered by `build`, over the whole width.
    funnel = gr.Plot(
        show_label=False, label="Responses by round", visible=False, elem_classes="vj-figure", render=False
    )
    return Watch(
        run, status, stop, resume, message, funnel, matrix, gr.State(None), gr.Timer(POLL_SECONDS, active=False)
    )


def browse_panel() -> Browser:
    """Filters, paging, the video and its five responses, and the form of a mark."""
    gr.HTML('<h2 class="vj-title">Examples</h2>')
    with gr.Row(elem_classes="vj-filters"):
        rating = gr.Radio([("All", 0), *((str(rating), rating) for rating in (5, 4, 3, 2, 1))], value=0,
                          label="Written for rating", min_width=280, scale=3, elem_id="vj-boot-rating")  # fmt: skip
        outcome = gr.Radio([(OUTCOME_WORDS[name], name) for name in OUTCOMES], value="any", label="Outcome",
                           min_width=280, scale=3, elem_id="vj-boot-outcome")  # fmt: skip
        round_ = gr.Dropdown([("All", 0)], value=0, label="Round", min_width=100, scale=1)
        kind = gr.Dropdown([("All", "")], value="", label="Kind of instruction", min_width=150, scale=1)
    with gr.Row(elem_classes="vj-paging"):
        before = gr.Button("Previous", size="sm", elem_id="vj-boot-before", elem_classes="vj-quiet")
        count = gr.HTML(elem_id="vj-boot-count")
        after = gr.Button("Next", size="sm", elem_id="vj-boot-after", elem_classes="vj-quiet")
        other = gr.Button("A random one", size="sm", elem_id="vj-boot-random", elem_classes="vj-quiet")
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300, elem_classes="vj-panel vj-side"):
            player = gr.Video(
                label="Video", interactive=False, height=300, buttons=[], visible=False, elem_id="vj-boot-player"
            )
            clip_note = gr.HTML()
            with gr.Accordion("Is this example wrong? Say what it deserves", open=False, elem_id="vj-boot-marking"):
                deserves = gr.Radio([5, 4, 3, 2, 1], label="It deserves", elem_id="vj-boot-deserves")
                reason = gr.Textbox(label="Why", lines=2, max_lines=6, placeholder="Optional")
                who = gr.Textbox("reader", label="Your name", max_lines=1)
                mark = gr.Button("Save the mark", size="sm", elem_id="vj-boot-mark", elem_classes="vj-quiet")
            mark_note = gr.HTML(elem_id="vj-boot-mark-note")
        with gr.Column(scale=6, min_width=300):
            card = gr.HTML(elem_id="vj-boot-card")
    return Browser(rating, outcome, round_, kind, before, after, other, count, player, clip_note, card, who, deserves,
                   reason, mark, mark_note, gr.State(None))  # fmt: skip


def export_panel() -> Export:
    """Format, button, and what came of it."""
    gr.HTML('<h2 class="vj-title">Export</h2>')
    with gr.Row(elem_classes="vj-paging"):
        form = gr.Dropdown(list(get_args(Format)), value="workbench", label="Format", min_width=180, scale=0,
                           info="Of the complete sets, split by video, with a dataset card.")  # fmt: skip
        keep = gr.Checkbox(False, label="Keep sets marked as wrong", elem_id="vj-boot-keep", min_width=220, scale=0)
        export = gr.Button("Export the dataset", size="sm", elem_id="vj-boot-export", elem_classes="vj-quiet")
        archive = gr.DownloadButton(
            "Download", size="sm", visible=False, elem_classes="vj-quiet", elem_id="vj-boot-archive"
        )
    exported = gr.HTML(js_on_load=COPY_SCRIPT, elem_id="vj-boot-exported")
    return Export(form, keep, export, exported, archive)
