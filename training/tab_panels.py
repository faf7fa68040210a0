"""What the Train tab is laid out of: the form of a training, how a run stands, its checkpoints, the push."""

from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from training.presets import PRESETS
from training.push_form import PushForm
from training.recipes import RECIPES
from training.run_form import NUMBERS, TrainForm, about_preset, is_recipe, own_number, shown_command
from training.tab_texts import NO_RUN, PUSH, WHAT_IT_IS
from workbench.page.places import without_folders
from workbench.page.verbatim import COPY_SCRIPT, verbatim_command

POLL_SECONDS = 2.0
LABELS = {
    "lr": ("Learning rate", "At its peak."),
    "epochs": ("Epochs", "Times that every row is seen."),
    "max_steps": ("Steps at most", "Ends after so many."),
    "batch": ("Rows a step", "Of a micro-batch."),
    "frames": ("Frames", "Of each video, uniform in time."),
    "patience": ("Patience", "Evaluations that may not improve."),
    "seed": ("Seed", "Of the choice and order of rows."),
}
DATA_HELP = {True: "Folders of datasets, runs or worlds, one a line.", False: "The folder of a world."}  # of a recipe?


class StartForm(NamedTuple):
    """The form of a new training; the first twelve are the fields of TrainForm."""

    preset: gr.Dropdown
    data: gr.Textbox
    base: gr.Textbox
    steps: gr.Textbox
    lr: gr.Textbox
    epochs: gr.Textbox
    max_steps: gr.Textbox
    batch: gr.Textbox
    frames: gr.Textbox
    patience: gr.Textbox
    seed: gr.Textbox
    name: gr.Textbox
    numbers: gr.Accordion
    command: gr.HTML
    message: gr.HTML
    start: gr.Button

    @property
    def inputs(self) -> list:
        return list(self[:12])


class Watch(NamedTuple):
    """How the chosen run stands. `seen` is what the figure and the checkpoints on the page were made of."""

    run: gr.Dropdown
    status: gr.HTML
    stop: gr.Button
    resume: gr.Button
    message: gr.HTML
    figure_name: gr.Dropdown
    figure: gr.Plot
    seen: gr.State
    timer: gr.Timer


class Results(NamedTuple):
    """Checkpoints of the chosen run, what to do with one, and the push of one. `picked`: a reader's (run, checkpoint)."""

    below: gr.Row
    table: gr.HTML
    checkpoint: gr.Dropdown
    picked: gr.State
    try_it: gr.Button
    try_message: gr.HTML
    repo: gr.Textbox
    public: gr.Radio
    merge: gr.Checkbox
    look: gr.Button
    push: gr.Button
    plan: gr.HTML
    pushed: gr.HTML

    @property
    def push_inputs(self) -> list:
        return [self.checkpoint, self.repo, self.public, self.merge]


def read_train_form(*values: Any) -> TrainForm:
    """The TrainForm that the form's values make."""
    return TrainForm(*(value or "" for value in values))


def read_push_form(checkpoint: str | None, repo: str | None, public: str, merge: bool) -> PushForm:
    """The PushForm that the form's values make."""
    return PushForm(checkpoint or "", repo or "", public == "public", bool(merge))


def command_box(form: TrainForm, runs: Path) -> str:
    """The command that a form comes to, as HTML."""
    return verbatim_command("The command that this comes to", shown_command(form, runs))


def start_panel(runs: Path) -> StartForm:
    """The form of a new training."""
    gr.HTML(WHAT_IT_IS)
    preset = gr.Dropdown([*PRESETS, *RECIPES], value="embedded", label="Preset", info=about_preset("embedded"),
                         elem_id="vj-train-preset")  # fmt: skip
    data = gr.Textbox(label="Training data", lines=1, max_lines=4, elem_id="vj-train-data", placeholder="made when empty",
                      info=DATA_HELP[False])  # fmt: skip
    steps = gr.Textbox(label="Steps", placeholder="reading=25 dense=25 looking=25 judge=25", max_lines=1, elem_id="vj-train-steps",
                       info="Of some stages; the others keep the preset's.")  # fmt: skip
    with gr.Accordion("Numbers of the recipe", open=False, visible=False) as numbers:
        base = gr.Textbox(label="Base", max_lines=1, info="Hub id or folder of the checkpoint to start from.",
                          elem_id="vj-train-base")  # fmt: skip
        fields = _number_fields()
    name = gr.Textbox(label="Name", placeholder="made up when empty", max_lines=1, elem_id="vj-train-name")
    command = gr.HTML(command_box(TrainForm(), runs), js_on_load=COPY_SCRIPT, elem_id="vj-train-command")
    with gr.Column(elem_classes="vj-actions"):
        message = gr.HTML(elem_id="vj-train-message")
        start = gr.Button("Start the training", variant="primary", elem_id="vj-train-start")
    return StartForm(preset, data, base, steps, *fields, name, numbers, command, message, start)


def _number_fields() -> list[gr.Textbox]:
    fields = []
    for names in (("lr", "epochs"), ("max_steps", "batch"), ("frames", "patience"), ("seed",)):
        with gr.Row():
            for name in names:
                label, info = LABELS[name]
                fields.append(
                    gr.Textbox(label=label, info=info, max_lines=1, min_width=130, elem_id=f"vj-train-{name}")
                )
    return fields


def with_preset(form: StartForm, preset: str) -> dict:
    """Tell what the preset trains, and offer what it takes."""
    recipe = is_recipe(preset)
    told = {form.preset: gr.update(info=about_preset(preset)), form.steps: gr.update(visible=not recipe)}
    told |= {
        form.numbers: gr.update(visible=recipe),
        form.data: gr.update(placeholder=_data_words(recipe), info=DATA_HELP[recipe]),
    }
    told[form.base] = gr.update(placeholder=RECIPES[preset].base if recipe else "")
    fields = dict(zip(NUMBERS, form[4:11], strict=True))
    return told | {field: gr.update(placeholder=own_number(preset, name)) for name, field in fields.items()}


def _data_words(recipe: bool) -> str:
    return "exports/workbench of a bootstrap run" if recipe else "made when empty"


def watch_panel(runs: Path) -> Watch:
    """How the chosen run stands; until there is one, how to come by it."""
    run = gr.Dropdown(
        [], label="Run", info=f"Trainings in the folder {without_folders(runs)}.", elem_id="vj-train-run", visible=False
    )
    status = gr.HTML(NO_RUN, elem_id="vj-train-status")
    quiet = {"visible": False, "size": "sm", "elem_classes": "vj-quiet"}
    with gr.Row(elem_classes="vj-buttons"):
        stop = gr.Button("Stop", variant="stop", elem_id="vj-train-stop", **quiet)
        resume = gr.Button("Resume", elem_id="vj-train-resume", **quiet)
    message = gr.HTML(elem_id="vj-train-watch-message")
    figure_name = gr.Dropdown([], label="Curve", visible=False, elem_id="vj-train-figure-name")
    figure = gr.Plot(
        show_label=False, label="Curves", visible=False, elem_classes="vj-figure", elem_id="vj-train-curves"
    )
    return Watch(run, status, stop, resume, message, figure_name, figure, gr.State(None),
                 gr.Timer(POLL_SECONDS, active=False))  # fmt: skip


def results_panel() -> Results:
    """Checkpoints on the left, the push on the right."""
    with gr.Row(equal_height=False, visible=False, elem_id="vj-train-results") as below:
        with gr.Column(scale=5, min_width=300, elem_classes="vj-panel vj-side"):
            gr.HTML('<h2 class="vj-title">Checkpoints</h2>')
            table = gr.HTML(elem_id="vj-train-checkpoints")
            checkpoint = gr.Dropdown([], label="Checkpoint", elem_id="vj-train-checkpoint")
            try_it = gr.Button("Try it in the Judge tab", size="sm", elem_id="vj-train-try", elem_classes="vj-quiet")
            try_message = gr.HTML()
        with gr.Column(scale=6, min_width=300, elem_classes="vj-panel vj-side"):
            gr.HTML(f'<h2 class="vj-title">Push it</h2>{PUSH}')
            repo = gr.Textbox(label="Repository", placeholder="user/name", max_lines=1, elem_id="vj-train-repo")
            public = gr.Radio([("Private", "private"), ("Public", "public")], value="private", label="Who sees it",
                              elem_id="vj-train-public")  # fmt: skip
            merge = gr.Checkbox(label="Merge an adapter into its base first", elem_id="vj-train-merge")
            with gr.Row(elem_classes="vj-buttons"):
                look = gr.Button("Look what would be sent", size="sm", elem_id="vj-train-look", elem_classes="vj-quiet")
                push = gr.Button("Push it", variant="primary", size="sm", visible=False, elem_id="vj-train-push",
                                 elem_classes="vj-quiet")  # fmt: skip
            plan = gr.HTML(js_on_load=COPY_SCRIPT, elem_id="vj-train-plan")
            pushed = gr.HTML(elem_id="vj-train-pushed")
    return Results(
        below, table, checkpoint, gr.State(), try_it, try_message, repo, public, merge, look, push, plan, pushed
    )
