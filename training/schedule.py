"""Which rows each step sees: packs of one video's rows, micro-batches of packs, steps of micro-batches.

All depends on the rows, the seed and the numbers of the recipe alone, so a run that goes on sees what it would have seen.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from training.tasks import Task

Pack = tuple[int, ...]  # numbers of tasks about one video
MicroPlan = tuple[Pack, ...]  # empty: company for the other processes


class Sizes(NamedTuple):
    """How rows are put together. `micros`: micro-batches a step, of all processes."""

    batch: int  # rows a micro-batch
    micros: int
    branches: int  # rows a pack


def packs_of(tasks: Sequence[Task], branches: int, rng: random.Random) -> list[Pack]:
    """Every task once, in packs of up to `branches` that share video and prompt, those of one instruction together."""
    groups: dict[tuple[str, str], dict[str, list[int]]] = {}
    for number, task in enumerate(tasks):
        group = groups.setdefault((task.video, task.prompt.id), {})
        group.setdefault(task.example.item.instruction, []).append(number)
    packs = []
    for group in groups.values():
        instructions = list(group.values())
        rng.shuffle(instructions)
        rows = [row for some in instructions for row in rng.sample(some, len(some))]
        packs += list(_batched(rows, branches))
    rng.shuffle(packs)
    return packs


def schedule(
    tasks: Sequence[Task], sizes: Sizes, epochs: int, seed: int, max_steps: int | None
) -> list[list[MicroPlan]]:
    """The micro-batches of every step, equally many in each; the last of an epoch may be empty."""
    steps: list[list[MicroPlan]] = []
    for epoch in range(epochs):
        packs = packs_of(tasks, min(sizes.branches, sizes.batch), random.Random(f"{seed} epoch {epoch}"))
        for some in _batched(_filled(packs, sizes.batch), sizes.micros):
            steps.append([*some, *[()] * (sizes.micros - len(some))])
    return steps[:max_steps]


def _filled(packs: Sequence[Pack], batch: int) -> Iterator[MicroPlan]:
    """Packs put together, in their order, as long as their rows are not more than `batch`."""
    some: list[Pack] = []
    for pack in packs:
        if some and sum(map(len, some)) + len(pack) > batch:
            yield tuple(some)
            some = []
        some.append(pack)
    if some:
        yield tuple(some)


def _batched(values, size: int) -> Iterator[tuple]:
    """Tuples of `size` values; the last one may be shorter. (itertools has it from Python 3.12.)"""
    left = iter(values)
    while some := tuple(islice(left, size)):
        yield some
