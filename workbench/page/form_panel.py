"""The left side of the Judge tab: the components that hold a JudgeForm, laid out, and read back into one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

from workbench.page.examples import Example, shipped_path
from workbench.page.fast_mode import fast_mode_help
from workbench.page.form import MODES, MOST_FRAMES, MOST_RESPONSES, JudgeForm, missing_reference
from workbench.page.judge_choice import judge_field, mode_field, told_judge, told_mode
from workbench.page.known_judge import fitting_mode, frames_help, known_judge
from workbench.page.served_judge import served_judge
from workbench.page.verdict_card import letter_of


class FormPanel(NamedTuple):
    """The components, named as the fields of JudgeForm; `rows` hold the responses, of which `count` are shown."""

    video: gr.File
    instruction: gr.Textbox
    mode: gr.Radio
    judge: gr.Dropdown
    text_only: gr.Checkbox
    reference: gr.Textbox
    description: gr.Textbox
    rubric: gr.Textbox
    low: gr.Number
    high: gr.Number
    labels: gr.Textbox
    criteria: gr.Textbox
    frames: gr.Slider
    temperature: gr.Slider
    seed: gr.Number
    score_only: gr.Checkbox
    responses: tuple[gr.Textbox, ...]
    rows: tuple[gr.Group, ...]
    removes: tuple[gr.Button, ...]
    add: gr.Button
    count: gr.State
    player: gr.Video
    video_note: gr.HTML
    fold: gr.Accordion  # the reference is in it

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What handlers are given, in the order `read_form` takes it."""
        return [*self[: FIELDS.index("responses")], *self.responses]


FIELDS = FormPanel._fields


def read_form(*values: Any) -> JudgeForm:
    """The JudgeForm that the values of `FormPanel.inputs` make. A field left empty takes its default."""
    count = FIELDS.index("responses")
    given = {name: value for name, value in zip(FIELDS[:count], values[:count], strict=True) if value is not None}
    whole = {name: int(given[name]) for name in ("low", "high", "frames", "seed") if name in given}
    video = shipped_path(given["video"]) if "video" in given else None
    responses = tuple(text or "" for text in values[count:])
    return JudgeForm(**given | whole | {"video": video, "responses": responses})


def form_panel(prefix: str = "vj") -> FormPanel:
    """Lay out the form in the Blocks at hand; the names of its elements begin with `prefix`."""
    video = gr.File(label="Video", height=128, elem_id=f"{prefix}-video")
    player = gr.Video(
        label="Player", interactive=False, height=236, visible=False, buttons=[], elem_id=f"{prefix}-player"
    )
    video_note = gr.HTML()
    instruction = gr.Textbox(
        label="Instruction",
        placeholder="What was asked about the video",
        lines=2,
        max_lines=8,
        elem_id=f"{prefix}-instruction",
    )
    responses, rows, removes, add = _responses(prefix)
    first = served_judge().spec
    mode, judge = mode_field(f"{prefix}-mode"), judge_field(f"{prefix}-judge-spec")
    with gr.Column(elem_classes="vj-more"):
        with gr.Accordion("Rubric, scale and criteria", open=False):
            rubric, low, high, labels, criteria = _guide()
        with gr.Accordion("Reference, frames and sampling", open=False) as fold:
            reference, description, frames, temperature, seed, text_only = _settings(prefix, first)
    score_only = _fast_mode(prefix, judge, first)
    return FormPanel(
        video, instruction, mode, judge, text_only, reference, description, rubric, low, high, labels, criteria, frames,
        temperature, seed, score_only, responses, rows, removes, add, gr.State(1), player, video_note, fold,
    )  # fmt: skip


def _responses(prefix: str):
    responses, rows, removes = [], [], []
    for number in range(MOST_RESPONSES):
        letter = letter_of(number)
        with gr.Group(visible=number == 0, elem_classes="vj-response") as row:
            placeholder = "The answer to judge" if number == 0 else "Another answer to the same instruction"
            responses.append(
                gr.Textbox(
                    label=f"Response {letter}",
                    placeholder=placeholder,
                    lines=3,
                    max_lines=14,
                    elem_id=f"{prefix}-response-{letter}",
                )
            )
            removes.append(gr.Button(f"Remove {letter}", size="sm", elem_classes="vj-remove", visible=False))
        rows.append(row)
    add = gr.Button("Add a response", size="sm", elem_id=f"{prefix}-add", elem_classes="vj-quiet")
    return tuple(responses), tuple(rows), tuple(removes), add


def _guide():
    rubric = gr.Textbox(
        label="Your rubric",
        lines=4,
        max_lines=16,
        info="Replaces the judge's general guide. Say what a good answer must have, or what each rating means.",
    )
    with gr.Row():
        low = gr.Number(1, label="Lowest rating", precision=0, min_width=120, info="For scores only.")
        high = gr.Number(5, label="Highest rating", precision=0, min_width=120, info="Higher is better.")
    labels = gr.Textbox(
        label="What ratings mean",
        lines=1,
        placeholder="1=wrong, 3=partly right, 5=excellent",
        info="A word for each rating, or for some as number=word.",
    )
    criteria = gr.Textbox(
        label="Criteria, each scored by itself",
        lines=2,
        placeholder="accuracy:2=every stated fact is seen\ncompleteness=nothing asked is left out",
        info="One a line: name=what it asks, or name:weight=what it asks. The score is their weighted mean.",
    )
    return rubric, low, high, labels, criteria


def _settings(prefix: str, judge: str):
    reference = gr.Textbox(
        label="Reference answer",
        lines=2,
        max_lines=8,
        info="Optional. A correct answer that the judge may compare with.",
    )
    description = gr.Textbox(
        label="Description of the video", lines=2, max_lines=8, info="Optional. For judges that read instead of look."
    )
    frames = gr.Slider(
        0,
        MOST_FRAMES,
        value=known_judge(judge).frames,
        step=1,
        label="Frames",
        info=frames_help(judge),
        elem_id=f"{prefix}-frame-count",
    )
    with gr.Row():
        temperature = gr.Slider(
            0, 2, value=0, step=0.1, label="Temperature", min_width=160, info="0 always gives the same reply."
        )
        seed = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=120, info="Matters above temperature 0.")
    text_only = gr.Checkbox(
        label="Text-only control: do not show the judge the video",
        info="If the score hardly changes, the judge did not need to look.",
    )
    return reference, description, frames, temperature, seed, text_only


def _fast_mode(prefix: str, judge: gr.Dropdown, first: str) -> gr.Checkbox:
    """The choice of a rating without reasons, with what is known of how far the chosen judge then agrees with itself."""
    score_only = gr.Checkbox(label="Fast: the rating alone", info=fast_mode_help(first), elem_id=f"{prefix}-fast")
    judge.change(lambda spec: gr.update(info=fast_mode_help(spec or "")), judge, score_only, queue=False,
                 show_progress="hidden", api_visibility="private")  # fmt: skip
    return score_only


# -- changes of the form


def with_judge(panel: FormPanel, spec: str | None) -> dict:
    """Tell what the chosen judge can do, and start from its own number of frames."""
    frames = gr.update(value=known_judge(spec or "").frames, info=frames_help(spec or ""))
    return {panel.judge: told_judge(spec), panel.frames: frames}


def with_reference_in_sight(panel: FormPanel, form: JudgeForm, judges: Sequence[str]) -> dict:
    """Open the fold in which the reference is written, where one of the judges lacks it."""
    return {panel.fold: gr.Accordion(open=True)} if missing_reference(form, judges) else {}


def with_response_rows(panel: FormPanel, count: int) -> dict:
    """Show `count` response rows; they can be removed while there is more than one."""
    updates: dict = {row: gr.update(visible=number < count) for number, row in enumerate(panel.rows)}
    updates |= {remove: gr.update(visible=count > 1) for remove in panel.removes}
    return updates | {panel.count: count, panel.add: gr.update(interactive=count < MOST_RESPONSES)}


def with_another_response(panel: FormPanel, count: int) -> dict:
    """Show one response row more, up to the most there can be."""
    return with_response_rows(panel, min(count + 1, MOST_RESPONSES))


def without_response(panel: FormPanel, number: int, count: int, *responses: str) -> dict:
    """Take response `number` (from 0) out; those after it move up."""
    left = [*responses[:number], *responses[number + 1 :], ""]
    return dict(zip(panel.responses, left, strict=True)) | with_response_rows(panel, max(1, count - 1))


def with_mode(panel: FormPanel, mode: str, count: int) -> dict:
    """Explain the chosen mode and show as many response rows as it needs."""
    return {panel.mode: told_mode(mode)} | with_response_rows(panel, max(count, MODES[mode].least))


def with_example(panel: FormPanel, example: Example, judge: str | None = None) -> dict:
    """Fill in an example and the way it is meant to be judged, or the nearest that the judge was made for; for a metric
    with its reference."""
    mode, count = fitting_mode(judge or "", example.mode), len(example.responses)
    texts = [*example.responses, *[""] * (MOST_RESPONSES - count)]
    reference = example.reference if (judge or "").strip().startswith("metric:") else ""
    filled = {panel.instruction: example.instruction, panel.reference: reference, panel.description: ""}
    filled |= {panel.mode: gr.update(value=mode, info=MODES[mode].help), panel.video: example.video}
    filled |= with_player(panel, example.video, "") | dict(zip(panel.responses, texts, strict=True))
    return filled | with_response_rows(panel, count)


def with_player(panel: FormPanel, playable: str | None, note: str) -> dict:
    """Show a video in the player, or hide the player when there is none; with a note (HTML) under it."""
    player = gr.update(value=playable, visible=playable is not None, playback_position=0)
    return {panel.player: player, panel.video_note: note}
