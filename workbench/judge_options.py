"""From the options of `judge` to what they mean: an Assignment, and the keyword arguments of `load_prompt`."""

import dataclasses
import re
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.batch import Assignment
from workbench.errors import InputError
from workbench.prompts import Prompt
from workbench.replies import Criterion, ReplyForm

TABLE_OPTIONS = ("column", "videos", "encoding", "limit", "show_reference", "canaries")
VIDEO_OPTIONS = ("video", "response", "reference", "description")


def assignment_of(args: Namespace) -> Assignment:
    """What the options ask of the judges; those not given are left to the judge."""
    given = {name: value for name, value in vars(args).items() if value is not None}
    sampling = {name: given[name] for name in ("temperature", "top_p", "max_new_tokens", "seed") if name in given}
    video = {name: given[name] for name in ("frames", "fps", "max_frames", "max_pixels", "nested") if name in given}
    view = "none" if args.no_video else None
    options = dict(map(read_judge_option, args.judge_option or ()))
    return Assignment(tuple(args.judge or ("embedded",)), sampling, video, args.samples, args.orders, view, options,
                      args.score_only)  # fmt: skip


def prompt_options(args: Namespace) -> dict[str, Any]:
    """Keyword arguments of `load_prompt`. Raises InputError for a scale, label or criterion that cannot be read."""
    low, high = read_scale(args.scale) if args.scale else (None, None)
    return {
        "rubric": _text_or_file(args.rubric) if args.rubric is not None else None,
        "low": low,
        "high": high,
        "labels": read_labels(args.labels, low, high) if args.labels else None,
        "criteria": tuple(read_criterion(text) for text in args.criterion or ()),
        "reference": bool(args.reference) or args.show_reference,
    }


def read_scale(text: str) -> tuple[int, int]:
    """The ends of a scale such as "1-5" or "0..10"."""
    match = re.fullmatch(r"\s*(-?\d{1,4})\s*(?:-|\.\.|:|to)\s*(-?\d{1,4})\s*", text)
    if not match:
        raise InputError(f"scale: got {text!r}, expected its two ends, such as 1-5.")
    return int(match[1]), int(match[2])


def read_labels(text: str, low: int | None, high: int | None) -> dict[int, str]:
    """What the ratings mean: "1=bad,5=good", or a word for each from the lowest to the highest, "bad,fair,good"."""
    parts = [part.strip() for part in text.split(",")]
    pairs = [re.fullmatch(r"(-?\d{1,4})\s*=\s*(\S.*)", part) for part in parts]
    if all(pairs):
        labels = {int(pair[1]): pair[2] for pair in pairs if pair}
        if len(labels) < len(pairs):
            raise InputError(f"labels: got {text!r}, which names a rating twice; give each its words once.")
        return labels
    low, high = (1, 5) if low is None or high is None else (low, high)
    if len(parts) != high - low + 1 or not all(parts) or any(pairs):
        count = high - low + 1
        raise InputError(f"labels: got {text!r}, expected {count} words from {low} to {high}, or {low}=word,...")
    return dict(enumerate(parts, low))


def read_criterion(text: str) -> Criterion:
    """A criterion from "name=description" or "name:weight=description"."""
    match = re.fullmatch(r"\s*([^=:]+?)\s*(?::\s*([0-9]*\.?[0-9]+)\s*)?=\s*(\S.*)", text, re.DOTALL)
    if not match:
        raise InputError(f'criterion: got {text!r}, expected "name=what it asks" or "name:weight=what it asks".')
    return Criterion(match[1], match[3], float(match[2] or 1))


def read_judge_option(text: str) -> tuple[str, str | int]:
    """Name and value of "quantization=4bit" or "batch_size=4". Whether the judge takes it, its loader says."""
    name, _, value = (part.strip() for part in text.partition("="))
    if not name.isidentifier() or not value:
        raise InputError(f"judge-option: got {text!r}, expected NAME=VALUE, such as quantization=4bit.")
    return name, int(value) if value.isdecimal() else value


def prompt_record(prompt: Prompt) -> dict[str, Any]:
    """The prompt in full, as run.json keeps it."""
    return {"id": prompt.id, **dataclasses.asdict(prompt)}


def prompt_of_record(record: Mapping[str, Any]) -> Prompt:
    """The prompt that `prompt_record` kept. Raises InputError where this version would render it otherwise."""
    fields = {name: value for name, value in record.items() if name != "id"}
    form = dict(fields["form"])
    labels = {int(value): words for value, words in form["labels"].items()}  # JSON made the numbers strings
    criteria = tuple(Criterion(**each) for each in form["criteria"])
    prompt = Prompt(**{**fields, "form": ReplyForm(**{**form, "labels": labels, "criteria": criteria})})
    if prompt.id != record["id"]:
        raise InputError(
            f"prompt: got {record['id']}, which would be shown as {prompt.id} now: rendering has changed since. Judge "
            "the items again."
        )
    return prompt


def _text_or_file(text: str) -> str:
    """What the file of that name holds, or else the text itself. Raises InputError for a file that is missing or no
    text: a mistyped name would be judged by as if it were the rubric."""
    try:
        is_file = "\n" not in text and Path(text).is_file()
    except OSError:  # too long for a file's name
        is_file = False
    if not is_file and re.fullmatch(r"\S+(\.\w{1,5}|/\S*)", text):
        raise InputError(f"rubric: got {text!r}, which looks like a file's name, but there is no such file.")
    try:
        return Path(text).read_text(encoding="utf-8-sig") if is_file else text
    except UnicodeDecodeError as error:
        raise InputError(f"rubric: {text} is not a text file in UTF-8; save it as one.") from error


def check_source(args: Namespace) -> None:
    """One source of items, and only the options that belong to it. Raises InputError."""
    given = {name for name, value in vars(args).items() if value not in (None, False, [])}
    wrong = given & set(VIDEO_OPTIONS if args.items else TABLE_OPTIONS)
    if wrong:
        where = "a table (--items)" if not args.items else "a single VIDEO, not a table (--items)"
        name = sorted(wrong)[0]
        option = "VIDEO" if name == "video" else f"--{name.replace('_', '-')}"
        raise InputError(f"{option} is for {where}; leave one of them out.")
    if args.items:
        if (Path(args.items) / "run.json").is_file() and (
            named := given & {"column", "videos", "encoding", "instruction"}
        ):
            raise InputError(
                f"--{sorted(named)[0]} is for a table; {args.items} is a run folder, whose items are as they are."
            )
        return
    if not args.video and not args.no_video:
        raise InputError("Give a VIDEO, a table with --items FILE, or --no-video to judge the text alone.")
    _check_text(args.instruction, *(args.response or ()), args.reference, args.description)
    if not args.instruction or not args.response:
        missing = "--instruction" if not args.instruction else "--response"
        raise InputError(f"{missing} is missing: say what was asked about the video, and each response to it.")


def _check_text(*texts: str | None) -> None:
    """Raises InputError for bytes that are not text in the terminal's encoding: no judge could read them."""
    for text in filter(None, texts):
        if not text.isascii() and re.search("[\ud800-\udfff]", text):
            raise InputError(f"got {text!r:.80}, which is not text in the terminal's encoding; type it again as UTF-8.")
