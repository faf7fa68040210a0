"""Rationales as small judges learn them: every fact named before what is said of it, and always in the same order.

"Said up, seen down: wrong (1). Said red, seen red: correct." becomes "colour: seen red, said red: correct. motion: seen
down, said up: wrong (1)." Taken in the response's own order, the next claim has to be found by its place, which a model
of a few million parameters learns only after thousands of steps; by its name it is found by what it is. What is seen
comes first, so that it is read from the video and not copied from what was said.
"""

import re
from collections.abc import Mapping, Sequence

ORDER = ("background", "size", "texture", "colour", "shape", "motion", "first", "then", "event")
STEP = re.compile(r"Said ([^:]+?), seen ([^:]+?): (correct|wrong \(\d+\))\. ?")
BROKEN = "Broken grammar: wrong"
RUN = re.compile(rf"(?:{STEP.pattern})+(?:{BROKEN} \(\d+\)\. ?)?")


def in_fixed_order(reasoning: str, vocabulary: Mapping[str, Sequence[str]]) -> str:
    """The rationale with each run of steps named and sorted by `ORDER`; anything else in it stays as it is.

    `vocabulary` holds the words of each attribute (world.json); what is in none of them is an event.
    """
    return RUN.sub(lambda run: _sorted_run(run[0], vocabulary), reasoning)


def fact_name(seen: str, vocabulary: Mapping[str, Sequence[str]]) -> str:
    """Which fact a value as named in a rationale belongs to: "red" -> colour, "then left" -> then."""
    head, _, tail = seen.partition(" ")
    if tail == "background" or head in ("first", "then"):
        return "background" if tail == "background" else head
    return next((name for name in ORDER if seen in vocabulary.get(name, ())), "event")


def _sorted_run(run: str, vocabulary: Mapping[str, Sequence[str]]) -> str:
    steps = [(fact_name(seen, vocabulary), said, seen, verdict) for said, seen, verdict in STEP.findall(run)]
    lines, wrong = [], 0
    for name, said, seen, verdict in sorted(steps, key=lambda step: ORDER.index(step[0])):
        wrong += verdict != "correct"
        lines.append(
            f"{name}: seen {seen}, said {said}: " + ("correct." if verdict == "correct" else f"wrong ({wrong}).")
        )
    if BROKEN in run:
        lines.append(f"{BROKEN} ({wrong + 1}).")
    return " ".join(lines) + (" " if run.endswith(" ") else "")
