"""Which prompts begin alike: the plan by which each distinct beginning is prefilled, and kept, once.

Prompts are compared as tokens, since byte-pair merges may cross the place where two texts part. A video lies wholly in
one node: it is prefilled together with what leads to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

LEAST_SHARED = 16  # tokens: a shorter common beginning is cheaper to compute again than to attend to apart
LEAST_SAVED = 128  # tokens that are not computed again, below a shared beginning


class Prompt(NamedTuple):
    """What a prompt is to the plan. Only prompts of the same `video` can share anything."""

    ids: Sequence[int]
    video: Any = None  # its identity; anything hashable
    video_end: int = 0  # tokens up to the last that stands for the video


@dataclass(eq=False)
class Node:
    """Tokens `start` to `end` of prompt `example`, shared by all prompts below. Whoever prefills it fills the rest."""

    start: int
    end: int
    example: int
    parent: "Node | None"
    waiting: int = 0  # requests that still need it
    segment: Any = field(default=None, repr=False)  # keys and values
    logits: Any = field(default=None, repr=False)  # float [1, vocabulary] of what follows the last token

    @property
    def path(self) -> "list[Node]":
        """From the first to this one."""
        above = self.parent.path if self.parent else []
        return [*above, self]


def plan_prefixes(prompts: Sequence[Prompt]) -> list[Node]:
    """The node that each prompt ends with. Equal prompts end with the same one."""
    leaves: dict[int, Node] = {}
    families = {prompt.video: number for number, prompt in enumerate(prompts)}
    order = sorted(range(len(prompts)), key=lambda number: families[prompts[number].video])
    for _, family in groupby(order, key=lambda number: prompts[number].video):
        members = sorted(family, key=lambda number: prompts[number].ids)
        _grow(prompts, members, 0, None, leaves)
    return [leaves[number] for number in range(len(prompts))]


def depth_first(leaves: Sequence[Node]) -> list[int]:
    """The prompts in an order in which those below the same node are neighbours, by first appearance."""
    first: dict[Node, int] = {}
    for number, leaf in enumerate(leaves):
        for node in leaf.path:
            first.setdefault(node, number)
    return sorted(range(len(leaves)), key=lambda number: [first[node] for node in leaves[number].path])


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two prompts have in common from the start."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # comparing slices is much quicker than comparing tokens
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _grow(
    prompts: Sequence[Prompt], members: list[int], start: int, parent: Node | None, leaves: dict[int, Node]
) -> None:
    """Nodes for the sorted `members`, which are alike up to `start` and below `parent`."""
    first, last = prompts[members[0]], prompts[members[-1]]
    shared = shared_length(first.ids, last.ids)
    if first.ids == last.ids:
        leaf = Node(start, shared, members[0], parent)
        leaves.update(dict.fromkeys(members, leaf))
        return
    groups = list(_parted(prompts, members, shared))
    pays = (shared - start) * (len(groups) - 1) >= (LEAST_SAVED if parent else LEAST_SHARED)
    node = Node(start, shared, members[0], parent) if pays and shared >= first.video_end else None
    for group in groups:
        if node and len(prompts[group[0]].ids) == shared:
            leaves.update(dict.fromkeys(group, node))
        else:
            _grow(prompts, group, shared if node else start, node or parent, leaves)


def _parted(prompts: Sequence[Prompt], members: list[int], shared: int) -> Iterator[list[int]]:
    """Groups by the token after `shared`; those that end there are one."""
    for _, group in groupby(members, key=lambda number: prompts[number].ids[shared : shared + 1]):
        yield list(group)
