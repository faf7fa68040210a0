"""The receipt of a verdict: judge, frames, prompt, seed, cost; and the command and the JSON that repeat it."""

import json
import shlex
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from workbench.page.form import JudgeForm
from workbench.page.places import without_folders
from workbench.schema import Item, Judgment

ROOT = Path(__file__).parents[2]
NOTHING = (None, "", {}, [])


def repeat_command(form: JudgeForm) -> str:
    """The command line that asks the same of the same judge in a new run folder, quoted for a POSIX shell."""
    options = [
        ("instruction", form.instruction.strip()),
        *(("response", response) for response in form.given_responses),
    ]
    options += [("mode", form.mode), ("judge", form.judge.strip()), *_given_options(form)]
    options += [("frames", form.frames)] if form.frames else []
    options += [("temperature", f"{form.temperature:g}"), ("seed", form.seed)]
    words = ["python", "-m", "workbench", "judge", *([_from_root(form.video)] if form.video else [])]
    words += [f"--{name}={value}" for name, value in options]  # with "=", since a value may begin with a dash
    words += ["--no-video"] if form.text_only else []
    return without_folders(shlex.join([*words, *(["--score-only"] if form.score_only else [])]))


def _from_root(video: str) -> str:
    """A path inside the checkout as seen from its root, where the command runs; any other path as it is."""
    return str(Path(video).relative_to(ROOT)) if Path(video).is_relative_to(ROOT) else video


def _given_options(form: JudgeForm) -> list[tuple[str, str]]:
    """Options that are only there when the user gave them."""
    given = [("reference", form.reference), ("description", form.description), ("rubric", form.rubric)]
    if form.scores:
        given += [("scale", f"{form.low}..{form.high}" if (form.low, form.high) != (1, 5) else "")]
        given += [("labels", form.labels), *(("criterion", line) for line in form.criteria_lines)]
    return [(name, text.strip()) for name, text in given if text.strip()]


def verdict_json(item: Item, judgments: Sequence[Judgment], command: str) -> str:
    """The records behind a verdict as JSON text: the item, every judgment, and the command that repeats it."""
    record = {"item": item.to_dict(), "judgments": [judgment.to_dict() for judgment in judgments], "command": command}
    return without_folders(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))


def receipt_table(judgments: Sequence[Judgment], report: Mapping[str, Any], folder: Path) -> str:
    """HTML table of what the verdict depends on and what it cost."""
    settings = judgments[0].settings
    rows = [("Judge", judgments[0].judge), ("Prompt", judgments[0].prompt)]
    told = {**settings["judge"], **report}
    rows += [(_words(name).capitalize(), _plain(value)) for name, value in told.items() if value not in NOTHING]
    rows += _frame_rows(judgments) + [("Sampling", _pairs(settings["sampling"]))]
    rows += [("View", settings["view"])] + _usage_rows(judgments) + [("Run folder", str(folder))]
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(without_folders(value))}</td></tr>' for name, value in rows
    )
    return f'<table class="vj-receipt"><tbody>{body}</tbody></table>'


def _frame_rows(judgments: Sequence[Judgment]) -> list[tuple[str, str]]:
    frames = next((judgment.frames for judgment in judgments if judgment.frames), None)
    if frames is None:
        return [("Frames", "none")]
    return [
        ("Decoder", frames["decoder"]),
        ("Frame indices", ", ".join(map(str, frames["indices"]))),
        ("Frame seconds", ", ".join(f"{second:g}" for second in frames["seconds"])),
        ("Frame size", f"{frames['width']} × {frames['height']} pixels"),
    ]


def _usage_rows(judgments: Sequence[Judgment]) -> list[tuple[str, str]]:
    """Tokens and seconds, summed over the requests."""
    total: dict[str, float] = {}
    for judgment in judgments:
        for name, number in judgment.usage.items():
            total[name] = total.get(name, 0) + number
    return [_amount(name, number) for name, number in total.items()]


def _amount(name: str, number: float) -> tuple[str, str]:
    if name.endswith("_seconds"):
        return f"{_words(name.removesuffix('_seconds')).capitalize()} time", f"{number:.2f} s"
    return _words(name).capitalize(), f"{number:,.0f}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return _pairs(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _pairs(mapping: Mapping[str, Any]) -> str:
    return ", ".join(f"{_words(name)} {value}" for name, value in mapping.items())
