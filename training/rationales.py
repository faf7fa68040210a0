"""Rationales as small judges learn them: every fact named before what is said of it, and always in the same order.

"Said up, seen down: wrong (1). Said red, seen red: correct." becomes "colour: seen red, said red: correct. motion: seen
down, said up: wrong (1)." Taken in the response's own order, the next claim has to be found by its place, which a model
of a few million parameters learns only after thousands of steps; by its name it is found by what it is. What is seen
comes first, so that it is read from the video and not copied from what was said. Of a second and third object a response
speaks of, the names bear the number: "colour2: ...".
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

WHOLE = ("background", "count")  # facts of the scene, not of an object
LOOKS = ("colour", "size", "texture", "shape")
OBJECT = (*LOOKS, "motion", "first", "then", "event", "time", "span")
BETWEEN = ("larger", "speed", "order")  # facts of two objects
ORDER = (*WHOLE, *OBJECT, *BETWEEN)
WORDS = {
    **dict.fromkeys(("larger", "smaller"), "larger"),
    **dict.fromkeys(("faster", "slower"), "speed"),
    **dict.fromkeys(("before", "after"), "order"),
    **dict.fromkeys(("early", "middle", "late"), "time"),
}
ENDINGS = {"background": "background", "object": "count", "objects": "count", "time": "span"}
BEGINNINGS = ("first", "then")
STEP = re.compile(r"Said ([^:]+?), seen ([^:]+?): (correct|wrong \(\d+\))\. ?")
BROKEN_WORDS = "Broken grammar"
BROKEN = f"{BROKEN_WORDS}: wrong"
RUN = re.compile(rf"(?:{STEP.pattern})+(?:{BROKEN} \(\d+\)\. ?)?")
PAIR = re.compile(r"A: (.*) B: (.*) ([AB]) is better\.", re.DOTALL)


class Step(NamedTuple):
    """One fact of a rationale: its name, the object it is of (from 1; 0 for the scene or two objects), and the values."""

    name: str
    thing: int
    said: str
    seen: str


def in_fixed_order(reasoning: str, vocabulary: Mapping[str, Sequence[str]]) -> str:
    """The rationale with each run of steps named and sorted by `ORDER`; anything else in it stays as it is.

    `vocabulary` holds the words of each attribute (world.json); what is in none of them is an event.
    """
    return RUN.sub(lambda run: _sorted_run(run[0], vocabulary), reasoning)


def fact_name(seen: str, vocabulary: Mapping[str, Sequence[str]]) -> str:
    """Which fact a value as named in a rationale belongs to: "red" -> colour, "then left" -> then."""
    head, _, tail = seen.partition(" ")
    if tail in ENDINGS or head in BEGINNINGS:
        return ENDINGS.get(tail, head)
    return next((name for name in ORDER if seen in vocabulary.get(name, ())), WORDS.get(seen, "event"))


def shortest(value: str) -> str:
    """The value without the words that its name says already: "three objects" -> "three", "then left" -> "left".

    With them, a small judge compares the last words, and takes three objects for two objects.
    """
    head, _, tail = value.partition(" ")
    return head if tail in ENDINGS else tail if head in BEGINNINGS else value


def swapped(reasoning: str) -> str | None:
    """The rationale of a pair whose responses changed places; None for one of another form."""
    found = PAIR.fullmatch(reasoning)
    if not found:
        return None
    one, other, better = found.groups()
    return f"A: {other} B: {one} {'A' if better == 'B' else 'B'} is better."


def _sorted_run(run: str, vocabulary: Mapping[str, Sequence[str]]) -> str:
    lines, wrong = [], 0
    for step in sorted(_steps(run, vocabulary), key=lambda step: (_part(step), step.thing, ORDER.index(step.name))):
        right = step.said == step.seen
        wrong += not right
        number = step.thing if step.thing > 1 else ""
        verdict = "correct" if right else f"wrong ({wrong})"
        lines.append(f"{step.name}{number}: seen {shortest(step.seen)}, said {shortest(step.said)}: {verdict}.")
    if BROKEN in run:
        lines.append(f"{BROKEN} ({wrong + 1}).")
    return " ".join(lines) + (" " if run.endswith(" ") else "")


def _part(step: Step) -> int:
    return 0 if step.name in WHOLE else 1 if step.name in OBJECT else 2


def _steps(run: str, vocabulary: Mapping[str, Sequence[str]]) -> list[Step]:
    """The steps with the object each is of: a fact that was named already is the next object's.

    A description tells one object after the other, and not the same facts of each; a comparison goes to and fro.
    """
    found = [(fact_name(seen, vocabulary), said, seen) for said, seen, _ in STEP.findall(run)]
    compares = any(name in BETWEEN for name, _, _ in found)
    steps: list[Step] = []
    told: dict[str, int] = {}
    thing = 1
    for name, said, seen in found:
        if name in OBJECT:
            told[name] = told.get(name, 0) + 1
            thing = told[name] if compares else max(thing, told[name])
        steps.append(Step(name, thing if name in OBJECT else 0, said, seen))
    return steps
