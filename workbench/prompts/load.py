"""From a prompt's YAML file and the user's own rubric, scale, labels or criteria to a Prompt."""

import difflib
import re
import string
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from workbench.delimiters import neutralise
from workbench.errors import InputError
from workbench.prompts.render import Prompt
from workbench.reply_form import VERDICT_TAG, Criterion, ReplyForm

FOLDER = Path(__file__).parent
_TEXT_KEYS = ("name", "kind", "system", "template", "guide")
_KEYS = (*_TEXT_KEYS, "reply", "low", "high", "labels", "ties", "words", "reference")
_REQUIRED = ("name", "kind", "reply", "system", "template")
_PLACEHOLDERS = ("guide", "verdict")


def list_prompts() -> list[str]:
    """Names of the prompts that come with the workbench."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_prompt(
    name_or_path: str | Path,
    *,
    rubric: str | None = None,
    low: int | None = None,
    high: int | None = None,
    labels: Mapping[int, str] | None = None,
    criteria: Sequence[Criterion] = (),
    reference: bool = False,
) -> Prompt:
    """A prompt by name or YAML file, fitted to the user's wishes; all of them enter its id.

    `rubric` replaces the prompt's own guide (anchors or pairwise criteria). `low` and `high` are the ends of the scale,
    `labels` (value -> words) name its levels. Each of the `criteria` gets its own score; the verdict's score is their
    weighted mean. `reference` shows the judge the item's reference answer; a prompt may ask for it by itself.
    Raises InputError for what does not fit.
    """
    spec = _read_spec(name_or_path)
    changes = {"low": low, "high": high, "labels": labels, "criteria": criteria or None}
    given = [key for key, value in changes.items() if value is not None]
    if given and spec["kind"] != "pointwise":
        raise InputError(
            f"{given[0]}: prompt {spec['name']!r} has no scale; {', '.join(changes)} belong to pointwise prompts."
        )
    if rubric is not None and not rubric.strip():
        raise InputError("rubric: got an empty text; give the rubric, or leave it out.")
    if rubric is not None and "rubric" in spec["reply"]:
        raise InputError(
            f"rubric: prompt {spec['name']!r} has the judge write its own; use 'pointwise' with a rubric of yours."
        )
    form = _form(spec, rubric, changes)
    guide = _guide(spec, form, rubric, as_written=not given)
    shown = reference or spec.get("reference", False)
    return Prompt(spec["name"], spec["kind"], spec["system"], spec["template"], guide, form, shown)


def _form(spec: Mapping[str, Any], rubric: str | None, changes: Mapping[str, Any]) -> ReplyForm:
    scale = {key: changes[key] if changes[key] is not None else spec[key] for key in ("low", "high") if key in spec}
    same_scale = all(scale[key] == spec[key] for key in scale)
    labels = spec.get("labels", {}) if same_scale and rubric is None else {}
    if changes["labels"] is not None:
        labels = changes["labels"]
    return ReplyForm(
        kind=spec["kind"],
        tags=tuple(spec["reply"]),
        labels=_whole_keys(labels),
        criteria=tuple(changes["criteria"] or ()),
        responses={"pointwise": 1, "pairwise": 2, "ranking": 3}[spec["kind"]],
        ties=spec.get("ties", False),
        words=spec.get("words", False) and bool(labels),
        **scale,
    )


def _whole_keys(labels: Any) -> dict[int, str]:
    """Labels by whole number, also where JSON made the numbers strings."""
    if not isinstance(labels, Mapping):
        raise InputError(f"labels: got {labels!r}, expected a mapping from score to words.")
    if bad := [key for key in labels if not re.fullmatch(r"[+-]?\d{1,4}", str(key))]:
        raise InputError(f"labels: got {bad[0]!r} as a score, expected a whole number.")
    return {int(key): words for key, words in sorted(labels.items(), key=lambda pair: int(pair[0]))}


# -- the guide: what the judge is told to go by


def _guide(spec: Mapping[str, Any], form: ReplyForm, rubric: str | None, as_written: bool) -> str:
    if rubric is None and as_written and "guide" in spec:
        return spec["guide"].strip()
    parts = [_scale_line(form, rubric is not None)] if form.kind == "pointwise" else []
    if rubric is not None:
        parts.append(f"Go by this rubric:\n<guide>\n{neutralise(rubric.strip())}\n</guide>")
    if form.criteria:
        lines = [f"- {criterion.name}: {neutralise(criterion.description.strip())}" for criterion in form.criteria]
        parts.append("\n".join(["Score each of these by itself:", *lines]))
    return "\n\n".join(parts)


def _scale_line(form: ReplyForm, has_rubric: bool) -> str:
    ends = {
        form.low: "wrong or unrelated to the video",
        form.high: "fully accurate, complete and grounded in the video",
    }
    if form.criteria or has_rubric:
        ends = {form.low: "worst", form.high: "best"}
    words = {**ends, **form.labels}
    return "Scale: " + ", ".join(f"{value} = {neutralise(words[value])}" for value in sorted(words)) + "."


# -- reading and checking a YAML file


def _read_spec(name_or_path: str | Path) -> dict[str, Any]:
    path = _find(name_or_path)
    try:
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path.name}: cannot be read as YAML: {error}") from error
    if not isinstance(spec, dict):
        raise InputError(
            f"{path.name}: got {type(spec).__name__}, expected a mapping with the keys {', '.join(_KEYS)}."
        )
    for key in spec:
        if key not in _KEYS:
            raise InputError(f"{path.name}: unknown key {key!r}; {_nearest(str(key), _KEYS)}")
    for key in _REQUIRED:
        if key not in spec:
            raise InputError(f"{path.name}: the key {key!r} is missing; a prompt needs {', '.join(_REQUIRED)}.")
    _check_values(path.name, spec)
    return spec


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml"):
        return path
    if str(name_or_path) in list_prompts():
        return FOLDER / f"{name_or_path}.yaml"
    raise InputError(
        f"prompt: got {str(name_or_path)!r}; {_nearest(str(name_or_path), list_prompts())} Or give a .yaml file."
    )


def _nearest(word: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return (f"did you mean {close[0]!r}? " if close else "") + f"Known are {', '.join(known)}."


def _check_values(file: str, spec: Mapping[str, Any]) -> None:
    for key in _TEXT_KEYS:
        if key in spec and not (isinstance(spec[key], str) and spec[key].strip()):
            raise InputError(f"{file}: got {spec[key]!r} as {key}, expected text.")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", spec["name"]):
        raise InputError(f"{file}: got name {spec['name']!r}, expected letters, digits, - or _.")
    if spec["kind"] not in VERDICT_TAG:
        raise InputError(f"{file}: got kind {spec['kind']!r}, expected one of {', '.join(VERDICT_TAG)}.")
    if not (isinstance(spec["reply"], list) and all(isinstance(tag, str) for tag in spec["reply"])):
        raise InputError(f"{file}: got reply {spec['reply']!r}, expected a list of tags such as [thinking, score].")
    for key in ("ties", "words", "reference"):
        if not isinstance(spec.get(key, False), bool):
            raise InputError(f"{file}: got {key} {spec[key]!r}, expected true or false.")
    _check_template(file, spec)


def _check_template(file: str, spec: Mapping[str, Any]) -> None:
    template = string.Template(spec["template"])
    if not template.is_valid():
        raise InputError(f"{file}: the template has a lone $; write $$ for a dollar sign.")
    found = template.get_identifiers()
    for name in found:
        if name not in _PLACEHOLDERS:
            raise InputError(
                f"{file}: unknown placeholder ${name}; {_nearest(name, _PLACEHOLDERS)} The video, instruction, "
                "reference and responses are put in by the workbench, in this order."
            )
    for name in _PLACEHOLDERS:
        if name not in found:
            raise InputError(f"{file}: the template lacks ${name}, so the judge would not be told its {name}.")
    for tag in spec["reply"]:
        if f"<{tag}>" not in spec["template"] or f"</{tag}>" not in spec["template"]:
            raise InputError(f"{file}: the reply has <{tag}>, but the template does not show <{tag}>...</{tag}>.")
