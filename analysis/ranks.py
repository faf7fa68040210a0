"""Rank correlations in every draw where ratings have many levels (metrics, expected scores): exact, sorted once.

A draw is a weight for every row. What depends on the ratings alone, the orders in which rows are walked, is worked out
before the first draw; a draw then costs cumulated sums and look-ups, no sorting.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from analysis.contingency import midranks, untied_pairs
from analysis.estimate import ratio, row_weights


def drawn_rank_correlations(
    scores: np.ndarray, gold: np.ndarray, clusters: np.ndarray, present: np.ndarray | None = None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Spearman's rho and Kendall's tau-b of scores and gold [rows]: of all rows ([1] each), and of each draw of videos.

    Rows that are not `present` (bool [rows]; default: all are) count nothing, though their videos are drawn.
    """
    _, place = np.unique(clusters, return_inverse=True)
    first, second = (np.unique(values, return_inverse=True)[1] for values in (gold, scores))
    if first.max() > second.max():
        first, second = second, first
    order = np.argsort(second, kind="stable")
    first, second, place = first[order], second[order], place[order]
    counted = np.ones(len(place)) if present is None else present[order].astype(float)
    merges = list(_merges(first, second))
    values = _both(first, second, merges, counted[None])
    drawn = [_both(first, second, merges, weights * counted) for weights in row_weights(place)]
    return values, {name: np.concatenate([some[name] for some in drawn]) for name in values}


def _both(first, second, merges: "list[Merge]", weights: np.ndarray) -> dict[str, np.ndarray]:
    one, other = _counts(first, weights), _counts(second, weights)
    untied = np.sqrt(untied_pairs(one) * untied_pairs(other))
    return {
        "spearman": _spearman(midranks(one)[:, first], midranks(other)[:, second], weights),
        "kendall_tau_b": ratio(sum(merge.difference(weights) for merge in merges), untied),
    }


def _counts(levels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weight of each level: [draws, levels]."""
    return np.stack([np.bincount(levels, weight) for weight in weights])


def _spearman(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted Pearson correlation of centred ranks [draws, rows]."""
    weighted = weights * one
    covariance = np.einsum("dr,dr->d", weighted, other)
    spread = np.einsum("dr,dr->d", weighted, one) * np.einsum("dr,dr,dr->d", weights, other, other)
    return ratio(covariance, np.sqrt(spread))


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


def _merges(first: np.ndarray, second: np.ndarray) -> Iterator[Merge]:
    """The levels of a merge sort by `first`; rows are sorted by `second`. Halves are split between values of `first`."""
    width = 1
    while width <= first.max():
        node = first // (2 * width)
        walk = np.argsort(node, kind="stable")
        node, is_left, value = node[walk], (first[walk] // width) % 2 == 0, second[walk]
        lefts = np.concatenate([[0], np.cumsum(is_left)])  # left rows before each place of the walk
        new_node = np.concatenate([[True], node[1:] != node[:-1]])
        new_value = new_node | np.concatenate([[True], value[1:] != value[:-1]])
        right = ~is_left
        yield Merge(walk[is_left], walk[right], *(
            lefts[bound][right]
            for new in (new_value, new_node) for bound in _bounds(new)
        ))  # fmt: skip
        width *= 2


def _bounds(new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the group of each place begins and where it ends; `new` marks the beginnings."""
    starts = np.flatnonzero(new)
    group = np.cumsum(new) - 1
    return starts[group], np.append(starts[1:], len(new))[group]
