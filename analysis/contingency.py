"""Statistics of two ratings as functions of their contingency table, for many weighted tables at once.

A table [draws, rows, columns] counts how often the first rating has level i and the second level j; levels ascend. With
ratings of 1 to 5 everything about two judges is in 25 numbers, so that a thousand draws cost what one pass costs.
NaN means that the statistic does not exist for that table.
"""

import numpy as np

from analysis.estimate import ratio


def spearman(tables: np.ndarray) -> np.ndarray:
    """Spearman's rho: Pearson correlation of mid-ranks (ties share their mean rank). [draws]"""
    rows, columns = tables.sum(2), tables.sum(1)
    return weighted_pearson(tables, midranks(rows), midranks(columns))


def midranks(counts: np.ndarray) -> np.ndarray:
    """Mean rank of each level, less the mean of all ranks: [draws, levels]."""
    return np.cumsum(counts, axis=1) - counts / 2 - counts.sum(axis=1, keepdims=True) / 2


def weighted_pearson(tables: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Pearson correlation of centred level values rows [draws, i] and columns [draws, j] under the table's counts."""
    covariance = np.einsum("dij,di,dj->d", tables, rows, columns)
    spread = (tables.sum(2) * rows**2).sum(1) * (tables.sum(1) * columns**2).sum(1)
    return ratio(covariance, np.sqrt(spread))


def kendall_tau_b(tables: np.ndarray) -> np.ndarray:
    """Kendall's tau-b (Kendall 1945): concordant less discordant pairs, over the geometric mean of untied pairs. [draws]"""
    above = np.zeros_like(tables)  # weight in higher rows, up to and including each column
    above[:, :-1] = np.cumsum(tables[:, :0:-1], axis=1)[:, ::-1]
    through = np.cumsum(above, axis=2)
    total = through[:, :, -1:]
    difference = (tables * (total - through - (through - above))).sum((1, 2))
    return ratio(difference, np.sqrt(untied_pairs(tables.sum(2)) * untied_pairs(tables.sum(1))))


def untied_pairs(counts: np.ndarray) -> np.ndarray:
    """Pairs whose two members are at different levels. counts [draws, levels]"""
    return (counts.sum(1) ** 2 - (counts**2).sum(1)) / 2


def cohen_kappa(tables: np.ndarray, disagreement: np.ndarray) -> np.ndarray:
    """Cohen's kappa (1960; weighted, 1968): 1 - observed / expected disagreement. disagreement [levels, levels]

    Both ratings have the same levels. It does not exist where both are constant at one level.
    """
    observed = (tables * disagreement).sum((1, 2))
    expected = np.einsum("di,dj,ij->d", tables.sum(2), tables.sum(1), disagreement)
    return 1 - ratio(observed * tables.sum((1, 2)), expected)


def disagreement(levels: np.ndarray, weights: str) -> np.ndarray:
    """How much it counts when one says level i and the other j: "none", "linear" or "quadratic", of the levels' values."""
    distance = np.abs(levels[:, None] - levels[None, :])
    return {"none": (distance > 0).astype(float), "linear": distance, "quadratic": distance**2}[weights]


def krippendorff_alpha(coincidences: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha (2011, "Computing Krippendorff's Alpha-Reliability") of coincidence tables [draws, k, k].

    distances [draws or 1, k, k]: squared, by level of measurement (see `alpha_distances`).
    """
    counts = coincidences.sum(1)
    total = counts.sum(1)
    observed = (coincidences * distances).sum((1, 2))
    expected = (counts[:, :, None] * counts[:, None, :] * distances).sum((1, 2))
    return 1 - ratio(observed * (total - 1), expected)


def alpha_distances(coincidences: np.ndarray, levels: np.ndarray, measurement: str) -> np.ndarray:
    """Squared distances between levels: "nominal", "interval", or "ordinal", which depends on each table's counts."""
    if measurement == "nominal":
        return disagreement(levels, "none")[None]
    if measurement == "interval":
        return disagreement(levels, "quadratic")[None]
    counts = coincidences.sum(1)
    middle = np.cumsum(counts, axis=1) - counts / 2
    return (middle[:, :, None] - middle[:, None, :]) ** 2
