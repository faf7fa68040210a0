"""The walk of a merge sort, fixed beforehand: how rows stand to all rows below them, for one weight or for a thousand."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Merge(NamedTuple):
    """One level of a merge sort that counts concordant pairs (Knight 1966), with its walk fixed beforehand.

    `left` [rows of left halves, in walking order]; for each row of a right half [right]: how many of `left` go before it
    with a smaller second rating, how many with one no larger, and where its own left half begins and ends.
    """

    left: np.ndarray
    right: np.ndarray
    before: np.ndarray
    through: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def difference(self, weights: np.ndarray) -> np.ndarray:
        """Concordant less discordant pairs between left and right halves, by weight: [draws]."""
        cumulated = np.zeros((len(weights), len(self.left) + 1))
        np.cumsum(weights[:, self.left], axis=1, out=cumulated[:, 1:])
        gained = np.take(cumulated, self.before, axis=1)
        for place, sign in ((self.through, 1), (self.start, -1), (self.end, -1)):
            gained += sign * np.take(cumulated, place, axis=1)
        return np.einsum("dr,dr->d", gained, weights[:, self.right])


def merges(first: np.ndarray, second: np.ndarray) -> Iterator[Merge]:
    """The levels of a merge sort by `first`, the last merge first; rows are sorted by `second`.

    Halves are split between values of `first`. Going down, a level's walk parts the one above into halves: nothing is sorted.
    """
    walk, node = np.arange(len(first)), np.zeros(len(first), dtype=np.int64)
    for bit in reversed(range(int(first.max()).bit_length())):
        is_left, value = (first[walk] >> bit) & 1 == 0, second[walk]
        lefts = np.concatenate([[0], np.cumsum(is_left)])  # left rows before each place of the walk
        new_node = np.concatenate([[True], node[1:] != node[:-1]])
        new_value = new_node | np.concatenate([[True], value[1:] != value[:-1]])
        start, end = _bounds(new_node)
        left, right = np.flatnonzero(is_left), np.flatnonzero(~is_left)
        before, through = (lefts[bound[right]] for bound in _bounds(new_value))
        yield Merge(walk[left], walk[right], before, through, lefts[start[right]], lefts[end[right]])
        parted = np.empty_like(walk)  # where each place of this walk goes in the next one
        parted[left] = start[left] + lefts[left] - lefts[start[left]]
        parted[right] = lefts[end[right]] + right - lefts[right]
        walk[parted], node[parted] = walk.copy(), 2 * node + ~is_left


def concordance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """For each row: the rows concordant with it less those discordant. Levels from 0, sorted by `second`: [rows]."""
    turned = slice(None, None, -1)
    return (
        _over_lower(first, second) + _over_lower((first.max() - first)[turned], (second.max() - second)[turned])[turned]
    )


def _over_lower(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """For each row, among rows with a lower first rating: those with a lower second one less those with a higher."""
    found = np.zeros(len(first))
    for one in merges(first, second):
        found[one.right] += one.before + one.through - one.start - one.end
    return found


def _bounds(new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the group of each place begins and where it ends; `new` marks the beginnings."""
    starts = np.flatnonzero(new)
    group = np.cumsum(new) - 1
    return starts[group], np.append(starts[1:], len(new))[group]
