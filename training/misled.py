"""Rationales whose eyes deceived them: what is seen is changed here and there, and the verdict follows what is written.

A judge that learns from true rationales alone comes to weigh a claim by what it knows of the video, whatever it has
written down as seen; on videos it has not met, it then calls what it wrote as equal unequal.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from training.rationales import BROKEN, PAIR
from training.rows import Clip, Example, encode_example
from workbench.backends.encoding import Encoded
from workbench.backends.positions import RopeRule
from workbench.prompts import Prompt

NAMED = re.compile(r"(\w+?)(\d?): seen ([^,:]+), said ([^,:]+): (?:correct|wrong \(\d+\))\.")
GRAMMAR = re.compile(rf"{BROKEN} \(\d+\)\.")
SUM = re.compile(r"\d+ wrong(?:: score \d)?\.")


class Misled(NamedTuple):
    """A rationale whose eyes deceived it: some values seen are others, and all that follows from them follows."""

    text: str
    deceived: tuple[bool, ...]  # whether the value seen was changed, a step; not where B's is the one written for A
    wrong: tuple[int, ...]  # wrong claims: of the one response, or of A and of B


def misled(text: str, values: Mapping[str, Sequence[str]], share: float, rng: random.Random) -> Misled | None:
    """The rationale (in fixed order, of one response or a pair) with a share of the values seen drawn anew.

    None for a rationale of another form, and where both responses of a pair come out alike.
    """
    pair = PAIR.fullmatch(text)
    parts = list(pair.groups()[:2]) if pair else [text]
    if not all(NAMED.search(part) and SUM.search(part) for part in parts):
        return None
    eyes: dict[tuple[str, str], str] = {}  # what a value of a fact is taken for, of both responses alike
    told = [_misled_part(part, values, share, rng, eyes) for part in parts]
    wrong = tuple(count for _, _, count in told)
    if not pair:
        return Misled(told[0][0], tuple(told[0][1]), wrong)
    if wrong[0] == wrong[1]:
        return None
    better = "A" if wrong[0] < wrong[1] else "B"
    text = f"A: {told[0][0]} B: {told[1][0]} {better} is better."
    return Misled(text, (*told[0][1], *_not_seen_before(*(part for part, *_ in told), told[1][1])), wrong)


def _not_seen_before(first: str, second: str, deceived: Sequence[bool]) -> list[bool]:
    """Which values of the second part were changed and do not stand in the first: what was seen for A is seen for B."""
    before = {step.groups()[:3] for step in NAMED.finditer(first)}
    steps = NAMED.finditer(second)
    return [changed and step.groups()[:3] not in before for changed, step in zip(deceived, steps, strict=True)]


def _misled_part(
    text: str,
    values: Mapping[str, Sequence[str]],
    share: float,
    rng: random.Random,
    eyes: dict[tuple[str, str], str],
) -> tuple[str, list[bool], int]:
    flags: list[bool] = []
    wrong = 0

    def step(found: re.Match) -> str:
        nonlocal wrong
        name, number, seen, said = found.groups()
        drawn = rng.choice(values[name]) if rng.random() < share else seen
        other = eyes.setdefault((name, seen), drawn)
        flags.append(other != seen)
        wrong += other != said
        return f"{name}{number}: seen {other}, said {said}: " + ("correct." if other == said else f"wrong ({wrong}).")

    text = NAMED.sub(step, text)
    if GRAMMAR.search(text):
        wrong += 1
        text = GRAMMAR.sub(f"{BROKEN} ({wrong}).", text)
    score = f": score {max(1, 5 - wrong)}" if ": score" in text else ""
    return SUM.sub(f"{wrong} wrong{score}.", text), flags, wrong


def encode_misled(
    processor: Any,
    rule: RopeRule | None,
    prompt: Prompt,
    example: Example,
    clip: Clip | None,
    order: tuple[int, ...],
    misled: Misled,
) -> Encoded:
    """`encode_example` of the row whose verdict follows from a misled rationale; no loss on what is falsely seen, unless
    it was written for A already: that is how a judge learns to see one thing of both.

    The true row where decoding is not undone by encoding, so that what is falsely seen cannot be found in it.
    """
    import torch

    told: dict[str, Any] = {"score": float(max(1, 5 - misled.wrong[0]))}
    if len(misled.wrong) == 2:
        shown_first = (misled.wrong[0] < misled.wrong[1]) == (order == (0, 1))
        told = {"choice": "A" if shown_first else "B"}
    target = replace(example.target, reasoning=misled.text, **told)
    encoded = encode_example(processor, rule, prompt, example._replace(target=target), clip, order)
    assert encoded.labels is not None
    labels = encoded.labels.clone()
    places = (labels != -100).nonzero().squeeze(1)
    text = processor.tokenizer.decode(encoded.ids[places])
    spans = processor.tokenizer(text, return_offsets_mapping=True)
    if spans["input_ids"] != encoded.ids[places].tolist():
        return encode_example(processor, rule, prompt, example, clip, order)
    for step, deceived in zip(NAMED.finditer(text), misled.deceived, strict=True):
        if deceived:
            start, end = step.span(3)
            under = [first < end and last > start for first, last in spans["offset_mapping"]]
            labels[places[torch.tensor(under)]] = -100
    return replace(encoded, labels=labels)
