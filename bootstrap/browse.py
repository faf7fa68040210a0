"""Looking through the examples of a run: every response that was rated, by rating, round, outcome and kind."""

from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from bootstrap.attempts import Attempt, RatedSet, read_sets
from bootstrap.chats import GOLD
from workbench.schema import Item
from workbench.store import Run

Outcome = Literal["any", "accepted", "rejected", "marked"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class Example(NamedTuple):
    """One response of a set. `attempt` is how it was rated; None for the gold, which is never rated."""

    rated_set: RatedSet
    attempt: Attempt | None

    @property
    def item(self) -> Item:
        return self.attempt.item if self.attempt else self.rated_set.seed

    @property
    def rating(self) -> int:
        """What it was written for."""
        return self.attempt.target if self.attempt else GOLD

    @property
    def accepted(self) -> bool:
        return self.attempt is None or self.attempt.accepted

    @property
    def key(self) -> tuple[str, int, int]:
        """Seed, target and round: what an example is known by while a run goes on and others come before it."""
        return (self.rated_set.seed.id, self.rating, self.attempt.round if self.attempt else 0)

    @property
    def kind(self) -> str:
        return self.rated_set.seed.tags.get("instruction_kind", "")


class Filters(NamedTuple):
    """Which examples to look at; 0 and "" take all."""

    rating: int = 0
    round: int = 0
    outcome: Outcome = "any"
    kind: str = ""


EVERYTHING = Filters()
EXACT_BYTES = 200_000  # of sets.jsonl, some four hundred sets


def load_sets(folder: Path, going_on: bool = False) -> tuple[RatedSet, ...]:
    """The finished sets of a run; read again only when there are more, or many more for a large run that is going on:
    ten thousand take some ten seconds to read."""
    path = folder / "sets.jsonl"
    if not path.exists():
        return ()
    stat = path.stat()
    if going_on and stat.st_size > EXACT_BYTES:
        return _sets(folder, stat.st_size - stat.st_size % 10 ** (len(str(stat.st_size)) - 1), 0)
    return _sets(folder, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=2)
def _sets(folder: Path, size: int, moment: int) -> tuple[RatedSet, ...]:
    return tuple(read_sets(Run.open(folder)))


def examples_of(
    sets: Sequence[RatedSet], filters: Filters = EVERYTHING, marked: Collection[str] = frozenset()
) -> list[Example]:
    """The examples that pass the filters, set by set; in a set the gold first, then by round and rating.

    `marked` are ids of items that someone marked.
    """
    return [example for one in sets for example in _all_of(one) if _passes(example, filters, marked)]


def _all_of(rated_set: RatedSet) -> list[Example]:
    return [Example(rated_set, None), *(Example(rated_set, attempt) for attempt in rated_set.attempts)]


def _passes(example: Example, filters: Filters, marked: Collection[str]) -> bool:
    if filters.rating and example.rating != filters.rating:
        return False
    if filters.round and (example.attempt is None or example.attempt.round != filters.round):
        return False
    if filters.kind and example.kind != filters.kind:
        return False
    if filters.outcome == "marked":
        return example.item.id in marked
    return filters.outcome == "any" or example.accepted == (filters.outcome == "accepted")


def neighbour(found: Sequence[Example], current: tuple | None, step: int) -> int:
    """The place of the example `step` from the current one, round the ends; 0 where that is not among them."""
    place = next((place for place, example in enumerate(found) if example.key == current), None)
    return 0 if place is None else (place + step) % len(found)


def kinds_of(sets: Sequence[RatedSet]) -> list[str]:
    """The kinds of instruction that the seeds have."""
    return sorted({one.seed.tags["instruction_kind"] for one in sets if "instruction_kind" in one.seed.tags})


def rounds_of(sets: Sequence[RatedSet]) -> list[int]:
    """The rounds there were, from 1."""
    return list(range(1, 1 + max((one.rounds for one in sets), default=0)))
