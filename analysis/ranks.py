"""Rank correlations in every draw where ratings have many levels (metrics, expected scores): sorted once, not per draw.

A draw is a weight for every row. What depends on the ratings alone, the orders in which rows are walked, is worked out
before the first draw; a draw then costs cumulated sums and look-ups. Of many rows the draws go by `analysis.rank_slopes`.
"""

import numpy as np

from analysis.contingency import midranks, untied_pairs
from analysis.estimate import DRAWS, ratio, row_weights
from analysis.merges import Merge, merges
from analysis.rank_slopes import binned_draws, linear_draws, slopes

EXACT_ROWS = 5_000  # up to which every draw is walked
LINEAR_VIDEOS = 300  # from which draws of more rows are linear

RANKED = ("spearman", "kendall_tau_b")
Figures = dict[str, np.ndarray]


def drawn_rank_correlations(
    scores: np.ndarray, gold: np.ndarray, clusters: np.ndarray, present: np.ndarray | None = None
) -> tuple[Figures, Figures]:
    """Spearman's rho and Kendall's tau-b of scores and gold [rows]: of all rows ([1] each), and of each draw of videos.

    Rows that are not `present` (bool [rows]; default: all are) count nothing, though their videos are drawn. Values are
    exact; so are draws of up to EXACT_ROWS rows. Of more rows they are approximate (docs/statistics.md says how near).
    """
    _, place = np.unique(clusters, return_inverse=True)
    videos = int(place.max()) + 1
    if present is not None and not present.all():
        scores, gold, place = scores[present], gold[present], place[present]
    if not len(scores):
        return {name: np.full(1, np.nan) for name in RANKED}, {name: np.full(DRAWS, np.nan) for name in RANKED}
    first, second = (np.unique(values, return_inverse=True)[1] for values in (gold, scores))
    if first.max() > second.max():
        first, second = second, first
    order = np.argsort(second, kind="stable")
    first, second, place = first[order], second[order], place[order]
    if len(place) <= EXACT_ROWS:
        return _walked(first, second, place, videos)
    found = slopes(first, second)
    if videos >= LINEAR_VIDEOS:
        return found.values, linear_draws(found, place, videos)
    return found.values, binned_draws(found, first, second, place, videos)


def _walked(first: np.ndarray, second: np.ndarray, place: np.ndarray, videos: int) -> tuple[Figures, Figures]:
    walk = list(merges(first, second))
    values = _both(first, second, walk, np.ones((1, len(place))))
    drawn = [_both(first, second, walk, weights) for weights in row_weights(place, videos)]
    return values, {name: np.concatenate([some[name] for some in drawn]) for name in values}


def _both(first, second, walk: list[Merge], weights: np.ndarray) -> Figures:
    one, other = _counts(first, weights), _counts(second, weights)
    untied = np.sqrt(untied_pairs(one) * untied_pairs(other))
    return {
        "spearman": _spearman(midranks(one)[:, first], midranks(other)[:, second], weights),
        "kendall_tau_b": ratio(sum(merge.difference(weights) for merge in walk), untied),
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
