"""A verdict that a run folder keeps, read back as the page shows it: the inverse of judging a form. Nothing is judged."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import InputError, VideoError
from workbench.page.form import JudgeForm, prompt_options
from workbench.page.known_judge import known_judge
from workbench.page.receipt import ROOT, repeat_command
from workbench.page.upload import UPLOAD_LIMITS
from workbench.page.verdict import Asked, PageVerdict, in_form_order, prompt_text, titles_of
from workbench.prompts import Prompt, load_prompt, render
from workbench.schema import Item, Judgment, VideoPolicy
from workbench.store import Run
from workbench.video import Frames, sample_frames

VERB = ["python", "-m", "workbench", "judge"]
TEXTS = ("instruction", "mode", "judge", "reference", "description", "rubric", "labels")
FLAGS = {"--no-video": "text_only", "--score-only": "score_only"}
NUMBERS: dict[str, type] = {"frames": int, "temperature": float, "seed": int}


def kept_verdict(folder: Path) -> PageVerdict:
    """The verdict of a run that the page made. Raises InputError for a run of another kind, StoreError for none.

    Its frames are sampled anew from the video; None where that is gone or was changed.
    """
    run = Run.open(folder)
    command = run.head()["command"]
    form, items, judgments = form_of(command), run.items(), run.judgments()
    if not items or not judgments:
        raise InputError(f"{folder.name}: nothing was judged in it.")
    each = list(items.values())
    video = next((item.video for item in each), None)
    item = Item(video, form.instruction.strip(), form.given_responses, each[0].reference, each[0].description)
    prompt = load_prompt(form.mode, **prompt_options(form))
    judged = in_form_order(_asked_items(form, each), judgments)
    if not judged:
        raise InputError(f"{folder.name}: its command and its items are not of one verdict; read it in the Runs tab.")
    form = _with_video(form, item)
    titles, frames = titles_of(form, judged), _frames(item, judged)
    limits = tuple(filter(None, (known_judge(form.judge).declared.domain,)))
    return PageVerdict(form, item, prompt, judged, titles, _asked(items, judged, titles, prompt, frames), frames, {},
                       limits, command, folder)  # fmt: skip


def form_of(command: str) -> JudgeForm:
    """The form that `repeat_command` wrote as a command line. Raises InputError for any other command."""
    words = shlex.split(command)
    refused = InputError(f"got {command!r:.80}, expected the command of a verdict that the page made.")
    if words[: len(VERB)] != VERB:
        raise refused
    given: dict[str, Any] = {"responses": [], "criteria": []}
    for word in words[len(VERB) :]:
        name, sign, value = word.removeprefix("--").partition("=")
        if word in FLAGS:
            given[FLAGS[word]] = True
        elif word == "--score-only":
            given["score_only"] = True
        elif not word.startswith("--"):
            given["video"] = str(ROOT / word)  # an absolute path stays as it is
        elif sign and name in TEXTS:
            given[name] = value
        elif sign and name in NUMBERS:
            given[name] = NUMBERS[name](value)
        elif sign and name in ("response", "criterion"):
            given["responses" if name == "response" else "criteria"].append(value)
        elif sign and name == "scale":
            given |= dict(zip(("low", "high"), map(int, value.split("..")), strict=True))
        else:
            raise refused
    given.setdefault("frames", 0)  # the command leaves out what is the judge's own
    form = JudgeForm(**{**given, "responses": tuple(given["responses"]), "criteria": "\n".join(given["criteria"])})
    if repeat_command(form) != command:
        raise refused
    return form


def _asked_items(form: JudgeForm, items: Sequence[Item]) -> list[Item]:
    """The items in the order of the form's responses; equal responses are one item."""
    if not form.scores:
        return list(items)
    by_response = {item.responses: item for item in items}
    return [by_response[(text,)] for text in form.given_responses if (text,) in by_response]


def _with_video(form: JudgeForm, item: Item) -> JudgeForm:
    """The form with the video of the record (a page for many leaves folders out of the command), None where it is gone."""
    path = item.video.path if item.video and form.video else None
    return JudgeForm(**{**vars(form), "video": path if path and Path(path).is_file() else None})


def _frames(item: Item, judgments: Sequence[Judgment]) -> Frames | None:
    said = next((one.settings.get("video") for one in judgments if one.frames), None)
    if not said or item.video is None or not item.video.path or not Path(item.video.path).is_file():
        return None
    try:
        frames = sample_frames(item.video.path, VideoPolicy.from_dict(said), limits=UPLOAD_LIMITS)
    except VideoError:
        return None
    return frames if frames.sha256 == item.video.sha256 else None


def _asked(
    items: Mapping[str, Item],
    judgments: Sequence[Judgment],
    titles: Sequence[str],
    prompt: Prompt,
    frames: Frames | None,
) -> tuple[Asked, ...]:
    """The requests, written anew by the prompt that the judgments name; none where that prompt has changed since."""
    found = []
    for judgment, title in zip(judgments, titles, strict=True):
        if judgment.prompt != prompt.id or judgment.reply is None:
            continue
        chat = render(prompt, items[judgment.item], frames=frames, view=judgment.settings["view"],
                      order=tuple(judgment.settings["order"]), sample=judgment.sample)  # fmt: skip
        found.append(Asked(title, prompt_text(chat), judgment.reply))
    return tuple(found)
