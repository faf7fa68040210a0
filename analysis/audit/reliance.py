"""How far a judge's scores depend on the video: one figure, from its own scores alone, and one beside gold labels.

Video reliance = 1 - k(own video, another video) / k(own video, asked again), where k is Cohen's kappa with linear weights
(Cohen 1968): one less the mean absolute difference of two scores of an item, over the mean absolute difference of the
same scores when they are matched at random. Why so:

- the text stays the same, word for word: what moves is the video's doing (without a video the prompt says so);
- what the judge moves by itself is taken out: a judge that is asked again and says something else did not see more;
- it needs no labels, and no scale: a judge that spreads its scores more does not count as one that looks more.

0: scores with another video are those with its own. 1: they tell no more of each other than scores of any two items.
Above 1 only where they are opposed; below 0 only by chance. A judge that gives one score to everything has none.
"""

import numpy as np

from analysis.estimate import Estimate, cluster_sums, estimate, ratio

CONSTANT = "one score for everything: nothing that could depend on the video"
UNSTEADY = "asked again, the judge agrees with itself no more than by chance"
NO_AGREEMENT = "no agreement with the gold that could be lost"


def video_reliance(own, again, other, clusters, left_out: int = 0) -> Estimate:
    """The figure above. Scores [items] with the own video, once more with it, with another one; NaN where one is missing."""
    return _lost(own, again, own, other, clusters, left_out, CONSTANT, UNSTEADY)


def agreement_lost(gold, own, other, clusters, left_out: int = 0) -> Estimate:
    """Share of the agreement with the gold labels (the same kappa) that is lost with another video."""
    return _lost(gold, own, gold, other, clusters, left_out, NO_AGREEMENT, NO_AGREEMENT)


def _lost(a, b, c, d, clusters, left_out: int, undefined: str, unsteady: str) -> Estimate:
    """1 - k(c, d) / k(a, b)."""
    columns = np.array([a, b, c, d], dtype=float)
    known = np.isfinite(columns).all(axis=0)
    columns, left_out = columns[:, known], left_out + int((~known).sum())
    n = columns.shape[1]
    if not n:
        return Estimate(None, None, None, 0, left_out, 0, "no item has all the scores it takes")
    levels = np.unique(columns)
    rows = np.concatenate([_features(*columns[:2], levels), _features(*columns[2:], levels)], axis=1)
    width = rows.shape[1] // 2

    def statistic(sums: np.ndarray) -> np.ndarray:
        kept, moved = _kappa(sums[:, :width], levels), _kappa(sums[:, width:], levels)
        return np.where(kept > 0, 1 - ratio(moved, kept), np.nan)

    sums = cluster_sums(rows, np.asarray(clusters)[known])
    kept = _kappa(sums.sum(axis=0, keepdims=True)[:, :width], levels)[0]
    return estimate(sums, statistic, n, left_out, unsteady if np.isfinite(kept) else undefined)


def _features(x: np.ndarray, y: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """[rows, 2 * levels + 1]: which level x has, which y has, how far they are apart."""
    marks = [(values[:, None] == levels).astype(float) for values in (x, y)]
    return np.concatenate([*marks, np.abs(x - y)[:, None]], axis=1)


def _kappa(sums: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Linear kappa of sums [draws, 2 * levels + 1] -> [draws]; NaN where both scores are constant and the same."""
    size = len(levels)
    far = np.abs(levels[:, None] - levels)
    by_chance = ((sums[:, :size] @ far) * sums[:, size:-1]).sum(axis=1)
    return 1 - ratio(sums[:, -1] * sums[:, :size].sum(axis=1), by_chance)
