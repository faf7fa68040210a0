"""Agreement among annotators: Krippendorff's alpha with holes in the table, and each annotator against the others' mean.

Both bound what a judge can reach: it cannot agree with people better than they agree with each other.
"""

import numpy as np

from analysis.agreement import agreement
from analysis.contingency import alpha_distances, krippendorff_alpha
from analysis.estimate import Estimate, cluster_sums, estimate, ratio

MAX_LEVELS = 20  # for coincidence tables; with more, alpha exists at the interval level only
ALPHAS = ("nominal", "ordinal", "interval")


def krippendorff(ratings: np.ndarray, clusters: np.ndarray) -> dict[str, Estimate]:
    """Krippendorff's alpha by level of measurement, of ratings [annotators, items] with NaN for a missing rating.

    Items with fewer than two ratings cannot be paired: they are left out and counted.
    """
    ratings, clusters = np.asarray(ratings, float), np.asarray(clusters)
    pairable = np.isfinite(ratings).sum(0) > 1
    ratings, clusters, left_out = ratings[:, pairable], clusters[pairable], int((~pairable).sum())
    n = int(pairable.sum())
    levels = np.unique(ratings[np.isfinite(ratings)])
    why = "fewer than two annotators on any item" if not n else "all ratings are alike"
    if not n:
        return dict.fromkeys(ALPHAS, Estimate(None, None, None, 0, left_out, 0, why))
    if len(levels) > MAX_LEVELS:
        many = Estimate(None, None, None, n, left_out, len(np.unique(clusters)), f"more than {MAX_LEVELS} levels")
        interval = estimate(cluster_sums(_squares(ratings), clusters), _interval_alpha, n, left_out, why)
        return {"nominal": many, "ordinal": many, "interval": interval}
    rows = cluster_sums(_coincidences(ratings, levels), clusters)
    found = {}
    for measurement in ALPHAS:

        def statistic(sums: np.ndarray, measurement: str = measurement) -> np.ndarray:
            tables = sums.reshape(-1, len(levels), len(levels))
            return krippendorff_alpha(tables, alpha_distances(tables, levels, measurement))

        found[measurement] = estimate(rows, statistic, n, left_out, why)
    return found


def _coincidences(ratings: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Each item's ordered pairs of ratings by different annotators, each over (its ratings - 1): [items, levels²]."""
    counts = np.stack([(ratings == level).sum(0) for level in levels], axis=1).astype(float)
    pairs = counts[:, :, None] * counts[:, None, :]
    pairs[:, np.arange(len(levels)), np.arange(len(levels))] -= counts
    pairs /= (counts.sum(1) - 1)[:, None, None]
    return pairs.reshape(len(pairs), -1)


def _squares(ratings: np.ndarray) -> np.ndarray:
    """Per item: ratings, their sum and sum of squares (centred), and the squared differences over (ratings - 1)."""
    known = np.isfinite(ratings)
    values = np.where(known, ratings - ratings[known].mean(), 0)
    count, total, squares = known.sum(0), values.sum(0), (values**2).sum(0)
    return np.stack([count, total, squares, 2 * (count * squares - total**2) / (count - 1)], axis=1)


def _interval_alpha(sums: np.ndarray) -> np.ndarray:
    count, total, squares, observed = sums.T
    return 1 - ratio(observed * (count - 1), 2 * (count * squares - total**2))


def against_the_others(ratings: np.ndarray, clusters: np.ndarray) -> list[dict[str, Estimate]]:
    """For each annotator: agreement of their ratings with the mean of the others' on the same items.

    Items that they, or all others, did not rate are left out and counted.
    """
    found = []
    for who in range(len(ratings)):
        rest = np.delete(ratings, who, axis=0)
        known = np.isfinite(rest)
        others = ratio(np.where(known, rest, 0).sum(0), known.sum(0))
        here = np.isfinite(ratings[who]) & np.isfinite(others)
        found.append(agreement(ratings[who][here], others[here], clusters[here], int((~here).sum())))
    return found
