"""A verdict as text for the terminal: what was judged, what it comes to, the distribution, the reasons, the frames."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from string import ascii_uppercase
from typing import Any, NamedTuple

from workbench.schema import Item, Judgment, content_id
from workbench.store import Run
from workbench.terminal import bars, one_line, paragraph, plain, width


class VerdictGroup(NamedTuple):
    """The judgments of one question in every order that was shown, and what they come to, in a word or two."""

    judgments: tuple[Judgment, ...]
    outcome: str


def verdict_groups(judgments: Iterable[Judgment]) -> list[VerdictGroup]:
    """Judgments that differ in nothing but the order of the responses belong together. In order of first appearance."""
    groups: dict[tuple, list[Judgment]] = defaultdict(list)
    for judgment in judgments:
        rest = {name: value for name, value in judgment.settings.items() if name != "order"}
        groups[judgment.item, judgment.judge, judgment.prompt, judgment.sample, content_id(rest)].append(judgment)
    return [VerdictGroup(tuple(group), _outcome(group)) for group in groups.values()]


def _outcome(group: Sequence[Judgment]) -> str:
    """The verdict that all orders agree on, else "inconsistent"; the status of one that has no verdict."""
    unscored = next((judgment.status for judgment in group if judgment.status != "scored"), None)
    if unscored:
        return unscored
    verdicts = {verdict(judgment) for judgment in group}
    return verdicts.pop() if len(verdicts) == 1 else "inconsistent"


def verdict(judgment: Judgment) -> str:
    """A scored judgment's verdict: "4", "A", "tie" or "B > A > C"."""
    if judgment.score is not None:
        return f"{judgment.score:g}"
    return judgment.choice or " > ".join(letter(position) for position in judgment.ranking or ())


def letter(position: int) -> str:
    """What the response at a position (from 0) is called: A, B, C ..."""
    return ascii_uppercase[position] if position < len(ascii_uppercase) else str(position + 1)


def verdict_lines(run: Run, items: Iterable[Item], judgments: Sequence[Judgment]) -> list[str]:
    """Everything there is to know of some items: what was judged, then each judge's verdict with its reasons."""
    forms = {prompt["id"]: prompt["form"] for prompt in run.head()["prompts"]}
    lines: list[str] = []
    for item in items:
        groups = verdict_groups(judgment for judgment in judgments if judgment.item == item.id)
        lines += _item_lines(item)
        seen: list[str] = []  # frames are the same for most verdicts, and told once
        for group in groups:
            lines += _group_lines(group, forms.get(group.judgments[0].prompt, {}))
            frames = _frame_lines(group.judgments[0])
            lines += frames if frames != seen else []
            seen = frames
        lines += [*_sample_lines(groups), ""]
    return lines


def _item_lines(item: Item) -> list[str]:
    video = item.video.path or item.video.sha256 if item.video else "none"
    several = len(item.responses) > 1
    shown = [("video", video), ("instruction", item.instruction)]
    shown += [(letter(number) if several else "response", text) for number, text in enumerate(item.responses)]
    return [f"item {item.id}", *(f"  {name:<11}  {one_line(text, width())}" for name, text in shown)]


def _group_lines(group: VerdictGroup, form: Mapping[str, Any]) -> list[str]:
    first = group.judgments[0]
    sample = f", sample {first.sample + 1}" if first.sample else ""
    lines = ["", f"{plain(first.judge)} ({first.prompt}{sample}): {_headline(group, form)}"]
    lines += [f"  suspicious: the {name}: {', '.join(kinds)}" for name, kinds in first.suspicious.items()]
    for judgment in group.judgments:
        lines += _judgment_lines(judgment)
    return lines


def _headline(group: VerdictGroup, form: Mapping[str, Any]) -> str:
    first, said = group.judgments[0], group.outcome
    if any(judgment.status != "scored" for judgment in group.judgments):
        return f"no verdict ({said})"
    if first.score is not None:
        return f"score {said} {scale_words(first, form)}{_expected(first)}"
    if said == "inconsistent":
        return "inconsistent: " + "; ".join(f"{verdict(one)} when {shown(one)}" for one in group.judgments)
    said = f"ranking {said}" if first.ranking else "tie" if said == "tie" else f"{said} is better"
    return f"{said}, in both orders" if len(group.judgments) > 1 else f"{said}, asked in one order only"


def scale_of(judgment: Judgment, low: float, high: float) -> tuple[float, float] | None:
    """The ends of the scale of a score: its own (metrics, scalar heads, people), else the prompt's, `low` to `high`; None for
    a raw number."""
    judge = judgment.settings.get("judge", {})
    own = judge["scale"] if "scale" in judge else judgment.settings.get("scale", (low, high))
    return (own[0], own[1]) if own else None


def scale_words(judgment: Judgment, form: Mapping[str, Any]) -> str:
    """The scale of a score in words; `form` is the prompt's, where it is known."""
    scale = scale_of(judgment, form.get("low", math.nan), form.get("high", math.nan))
    if scale is None:
        return "as a raw scalar"
    return "on a scale that nothing tells" if math.isnan(scale[0]) else f"on a scale of {scale[0]:g} to {scale[1]:g}"


def _sample_lines(groups: Sequence[VerdictGroup]) -> list[str]:
    """One line a judge that was asked several times: all its verdicts, and the mean of scores."""
    lines = []
    for judge in dict.fromkeys(group.judgments[0].judge for group in groups):
        own = [group for group in groups if group.judgments[0].judge == judge]
        scores = [group.judgments[0].score for group in own if group.judgments[0].score is not None]
        if len(own) > 1:
            mean = f"; mean of {len(scores)} scores {sum(scores) / len(scores):.2f}" if scores else ""
            lines += ["", f"{plain(judge)}, {len(own)} samples: {', '.join(group.outcome for group in own)}{mean}"]
    return lines


def _expected(judgment: Judgment) -> str:
    if not judgment.probs:
        return ""
    mean = sum(float(label) * share for label, share in judgment.probs.items())
    return f" (mean of its distribution {mean:.2f})"


def shown(judgment: Judgment) -> str:
    """The order in which the responses were shown: "shown B, A"."""
    return "shown " + ", ".join(letter(position) for position in judgment.settings.get("order", ()))


def _judgment_lines(judgment: Judgment) -> list[str]:
    lines = []
    if len(judgment.settings.get("order", ())) > 1:
        lines.append(f"  {shown(judgment)}: {verdict(judgment) if judgment.status == 'scored' else judgment.status}")
    if judgment.probs:
        lines += bars(judgment.probs, verdict(judgment))
    lines += [f"    {plain(name)}: {score:g}" for name, score in (judgment.criteria or {}).items()]
    for label, text in (("rubric", judgment.rubric), ("reasoning", judgment.reasoning), ("why not", judgment.error)):
        if text and text.strip():
            lines.append(paragraph(label, text))
    if judgment.status == "unparsed" and judgment.reply:
        lines.append(paragraph("reply", judgment.reply))
    return lines


def _frame_lines(judgment: Judgment) -> list[str]:
    if not judgment.frames:
        return ["  frames: none were shown" + _view(judgment)] if judgment.status == "scored" else []
    frames = judgment.frames
    seconds = ", ".join(f"{second:.2f}".rstrip("0").rstrip(".") for second in frames["seconds"])
    size = f"{frames['width']}x{frames['height']} pixels, {frames['decoder']}"
    lines = [paragraph(f"frames: {len(frames['seconds'])} ({size}) at seconds", seconds)]
    wanted = (judgment.settings.get("video") or {}).get("frames")
    if wanted and len(frames["seconds"]) < wanted:
        lines.append(f"  note: {wanted} frames were asked for; the video has no more")
    return lines


def _view(judgment: Judgment) -> str:
    view = judgment.settings.get("view")
    return "; the judge read the description" if view == "description" else "; the judge read the text alone"
