"""Some of a large run's sets, for figures that need not see all: the same ones every time, whatever their order."""

from collections.abc import Sequence

from bootstrap.attempts import RatedSet


def some_sets(sets: Sequence[RatedSet], most: int) -> tuple[list[RatedSet], int]:
    """At most `most` of the sets, those with the least seed ids (ids are hashes), and how many that leaves out."""
    if len(sets) <= most:
        return list(sets), 0
    return sorted(sets, key=lambda one: one.seed.id)[:most], len(sets) - most
