"""Replies and verdicts: `write_reply` and `read_reply` are inverse. Anything off the menu is Unparsed, never a number.

A reply is plain text with tags: optional <rubric> and <thinking> blocks, then one verdict in <score>, <answer> or
<ranking>. What each odd reply is read as stands in one table, tests/test_replies.py. In short:

- The last complete verdict tag pair outside <rubric> and <thinking> blocks decides; earlier ones (echoes of the prompt,
  changed minds) do not. Tags may have spaces, attributes and any case; escaped tags (`&lt;score&gt;`) are no tags.
- A block that is never closed swallows the rest, so a score quoted inside reasoning never counts. A closing tag whose
  opening was in the prompt hides what came before it. <think> is read as <thinking>.
- A score is a whole number on the scale, in the decimal digits of any script; also "4.0", "4/5" and "4 out of 5" (when
  5 is the top), "**4**", "four" (zero to ten), a label's words, "4 (Good)". "4-5", "4.5", "1e0", "½" are Unparsed.
- An answer is a letter, also "Response A" or "(a)"; a tie only where the form allows one. A ranking names each once.
- A verdict tag that is never closed is Unparsed: at the end of a cut reply "<score>1" may have been about to be 10. So is a
  reply that breaks off within a second verdict ("<score>4</score> no, <score>2"): the judge had changed its mind.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from workbench.delimiters import neutralise
from workbench.errors import InputError
from workbench.reply_form import Criterion, ReplyForm, Tag
from workbench.wording import MARKS, ascii_forms, plain, whole_number

__all__ = ["Criterion", "ReplyForm", "Unparsed", "Verdict", "read_reply", "weighted_mean", "write_reply"]


class Verdict(NamedTuple):
    """What a reply says, in the terms *as shown*: `choice` "A" is the first response shown, `ranking` holds positions
    as shown (from 0), best first. `criteria` maps names to scores and `score` is then their weighted mean."""

    score: float | None = None
    choice: str | None = None
    ranking: tuple[int, ...] | None = None
    criteria: Mapping[str, float] | None = None
    rubric: str | None = None
    reasoning: str | None = None


class Unparsed(NamedTuple):
    """A reply without a verdict on the menu, and why."""

    reason: str


def write_reply(form: ReplyForm, verdict: Verdict) -> str:
    """The reply that reads back as `verdict`; blocks that the form lacks are left out, tags inside free text are
    neutralised. Raises InputError when the verdict does not fit the form."""
    blocks = {"rubric": verdict.rubric, "thinking": verdict.reasoning, form.verdict_tag: _write_verdict(form, verdict)}
    return "\n".join(f"<{tag}>{_block_text(form, tag, blocks[tag])}</{tag}>" for tag in form.tags)


def read_reply(form: ReplyForm, text: str) -> Verdict | Unparsed:
    """The verdict of a reply, or why there is none. Never raises, whatever the text."""
    parts = _scan(form.verdict_tag, text)
    if parts.verdict is None:
        return Unparsed(_nothing_found(form, parts))
    found = _read_verdict(form, ascii_forms(parts.verdict))
    if isinstance(found, Unparsed):
        return found
    return found._replace(rubric=parts.rubric or None, reasoning=parts.reasoning or None)


def weighted_mean(form: ReplyForm, criteria: Mapping[str, float]) -> float:
    """The score that stands for several criteria: their mean by weight."""
    total = sum(criterion.weight for criterion in form.criteria)
    return sum(criterion.weight * criteria[criterion.name] for criterion in form.criteria) / total


# -- writing


def _block_text(form: ReplyForm, tag: Tag, text: str | None) -> str:
    return text or "" if tag == form.verdict_tag else neutralise((text or "").strip())


def _write_verdict(form: ReplyForm, verdict: Verdict) -> str:
    if form.criteria:
        given = verdict.criteria or {}
        lines = [f"{criterion.name}: {_on_menu(form, given.get(criterion.name))}" for criterion in form.criteria]
        return "\n".join(["", *lines, ""])
    if form.kind == "pointwise":
        return _on_menu(form, verdict.score)
    if form.kind == "pairwise":
        if verdict.choice not in form.menu:
            raise InputError(f"write_reply: got choice {verdict.choice!r}, expected one of {', '.join(form.menu)}.")
        return str(verdict.choice)
    if sorted(verdict.ranking or ()) != list(range(form.responses)):
        raise InputError(
            f"write_reply: got ranking {verdict.ranking}, expected each position from 0 to {form.responses - 1} once."
        )
    return " > ".join(form.letters[place] for place in verdict.ranking or ())


def _on_menu(form: ReplyForm, score: float | None) -> str:
    if score is None or score != score // 1 or not form.low <= score <= form.high:
        raise InputError(f"write_reply: got score {score}, expected {form.scale_words}.")
    return form.written(int(score))


# -- finding the parts of a reply

CUT_VERDICT = (
    24  # characters behind an open verdict tag that may be a verdict cut off; more is prose that names the tag
)
_BLOCKS = {"rubric": "rubric", "thinking": "thinking", "think": "thinking"}  # <think> is some models' own habit
_TAG = re.compile(
    r"<\s{0,9}(/?)\s{0,9}(rubric|thinking|think|score|answer|ranking)(\s[^<>]{0,200})?>", re.IGNORECASE | re.ASCII
)


class _Parts(NamedTuple):
    rubric: str | None
    reasoning: str | None
    verdict: str | None  # content of the last complete verdict pair
    unclosed: str | None  # the tag that was open when the text ended
    said: bool  # whether there is anything but white space


def _scan(verdict_tag: str, text: str) -> _Parts:
    """One pass over the tags. Inside a block only that block's own tags count, nested ones in pairs."""
    blocks: dict[str, str] = {}
    verdict: str | None = None
    block, depth, start = None, 0, 0
    opened: int | None = None  # where the content of an open verdict tag begins
    for match in _TAG.finditer(text):
        name = match[2].lower()
        name = _BLOCKS.get(name, name)
        if (match[3] or "").endswith("/"):
            continue
        if block is not None:
            depth += (-1 if match[1] else 1) if name == block else 0
            if depth == 0:
                blocks[block], block = text[start : match.start()].strip(), None
        elif name in _BLOCKS and not match[1]:
            block, depth, start, opened = name, 1, match.end(), None
        elif name in _BLOCKS and name not in blocks:  # closed without being opened: its opening stood in the prompt
            blocks[name], verdict, opened = text[: match.start()].strip(), None, None
        elif name == verdict_tag and not match[1]:
            opened = match.end()
        elif name == verdict_tag and opened is not None:
            verdict, opened = text[opened : match.start()], None
    if block is not None:
        blocks[block] = text[start:].strip()
    if opened is not None and 0 < len(text[opened:].strip()) <= CUT_VERDICT:
        verdict = None
    unclosed = block or (verdict_tag if opened is not None else None)
    return _Parts(blocks.get("rubric"), blocks.get("thinking"), verdict, unclosed, bool(text.strip()))


def _nothing_found(form: ReplyForm, parts: _Parts) -> str:
    if not parts.said:
        return "The judge answered nothing."
    if parts.unclosed:
        return f"<{parts.unclosed}> is never closed, so the reply has no verdict."
    return f"The reply has no <{form.verdict_tag}>...</{form.verdict_tag}> outside its reasoning."


# -- reading a verdict


def _read_verdict(form: ReplyForm, content: str) -> Verdict | Unparsed:
    if form.criteria:
        return _read_criteria(form, content)
    if form.kind == "pointwise":
        score = _read_level(form, content)
        return score if isinstance(score, Unparsed) else Verdict(score=score)
    return _read_choice(form, content) if form.kind == "pairwise" else _read_ranking(form, content)


def _read_level(form: ReplyForm, content: str) -> float | Unparsed:
    """One score on the form's scale."""
    text = plain(content)
    labels = {plain(words): value for value, words in form.labels.items()}
    value = labels.get(text, whole_number(text, form.high))
    for words, labelled in labels.items() if value is None else ():
        if text.endswith(words):  # "4 (Good)": only when both say the same
            number = whole_number(text.removesuffix(words).rstrip(" (:=-\u2013\u2014"), form.high)
            value = labelled if number == labelled else value
    if value is None or not form.low <= value <= form.high:
        return Unparsed(f"Got {_clip(content)} in <score>, expected {form.scale_words}.")
    return float(value)


def _read_criteria(form: ReplyForm, content: str) -> Verdict | Unparsed:
    names = {plain(criterion.name): criterion.name for criterion in form.criteria}
    scores: dict[str, float] = {}
    for line in filter(str.strip, re.split(r"[\n,;]", content)):
        written, _, value = line.partition(":")
        name = names.get(plain(re.sub(r"^\s*(?:[-*\u2022]|\d+[.)])\s", "", written)))
        score = _read_level(form, value)
        if name is None or name in scores:
            return Unparsed(f"Got {_clip(line)} in <score>, expected one line for each of {', '.join(names.values())}.")
        if isinstance(score, Unparsed):
            return Unparsed(f"{name}: {score.reason}")
        scores[name] = score
    missing = [name for name in names.values() if name not in scores]
    if missing:
        return Unparsed(f"The reply has no score for {', '.join(missing)}.")
    criteria = {name: scores[name] for name in names.values()}
    return Verdict(score=weighted_mean(form, criteria), criteria=criteria)


def _read_choice(form: ReplyForm, content: str) -> Verdict | Unparsed:
    menu = {label.lower(): label for label in form.menu}
    choice = menu.get(_letter(content))
    if choice is None:
        return Unparsed(f"Got {_clip(content)} in <answer>, expected {' or '.join(form.menu)}.")
    return Verdict(choice=choice)


def _read_ranking(form: ReplyForm, content: str) -> Verdict | Unparsed:
    places = {letter.lower(): place for place, letter in enumerate(form.letters)}
    parts = [_letter(part) for part in re.split(r"[>,\n\u227b]", content.strip(MARKS))]
    if sorted(parts) != sorted(places):
        expected = f"each of {', '.join(form.letters)} once, best first, joined by >"
        return Unparsed(f"Got {_clip(content)} in <ranking>, expected {expected}.")
    return Verdict(ranking=tuple(places[part] for part in parts))


def _letter(text: str) -> str:
    return re.sub(r"^response[ _]?", "", plain(text)).strip(MARKS)


def _clip(text: str, length: int = 60) -> str:
    text = text.strip()
    return repr(text if len(text) <= length else text[:length] + "\u2026")
