"""Agreement of a judge's ratings with gold ratings: errors, correlations, kappas, leniency, errors by rating.

Everything is a function of sums over videos: of the contingency table where the ratings have few levels, else of moments
(errors, Pearson) and of ranks (`analysis.ranks`). Definitions and sources: docs/statistics.md.
"""

from typing import NamedTuple

import numpy as np

from analysis import contingency
from analysis.contingency import cohen_kappa, disagreement
from analysis.estimate import (
    Estimate,
    cluster_counts,
    cluster_sums,
    mean_estimate,
    ratio,
    resampled_sums,
    with_interval,
)
from analysis.ranks import drawn_rank_correlations
from workbench.errors import InputError

MAX_CELLS = 512  # of a contingency table; ratings with more levels go by moments and ranks
MAX_CATEGORIES = 20  # for kappa, which needs categories
CLOSE = 1e-9  # a difference that is rounding
CONSTANT = "the judge's or the gold ratings are constant"
NO_CATEGORIES = "the ratings are not whole numbers, or all alike"
AGREEMENT = ("rmse", "mae", "bias", "pearson", "spearman", "kendall_tau_b", "exact", "within_one", "kappa",
             "kappa_linear", "kappa_quadratic", "over_by_2", "under_by_2")  # fmt: skip
MOMENTS = 13


class RatingErrors(NamedTuple):
    """How the judge does on items of one gold rating (a mean of several people, rounded half up)."""

    rating: float
    mean_score: Estimate
    mae: Estimate
    bias: Estimate
    over_by_2: Estimate
    under_by_2: Estimate


def agreement(scores: np.ndarray, gold: np.ndarray, clusters: np.ndarray, left_out: int = 0) -> dict[str, Estimate]:
    """Every figure of AGREEMENT for scores and gold [rows] of videos `clusters` [rows].

    NaN is a missing rating: such rows are left out and counted. Raises InputError for arrays of unequal length.
    """
    scores, gold, clusters, missing = known_rows(scores, gold, clusters)
    n, left_out = len(scores), left_out + missing
    if not n:
        return dict.fromkeys(AGREEMENT, Estimate(None, None, None, 0, left_out, 0, "no rating beside a gold rating"))
    table = crossed(scores, gold)
    if table is None:
        values, draws = _by_ranks(scores, gold, clusters)
    else:
        rows = cluster_counts(table.cells, clusters, table.size)
        values, draws = table.statistics(rows.sum(0, keepdims=True)), table.statistics(resampled_sums(rows))
    videos = len(np.unique(clusters))
    why = {name: CONSTANT for name in ("pearson", "spearman", "kendall_tau_b")}
    why |= {name: NO_CATEGORIES for name in AGREEMENT if name.startswith("kappa")}
    return {
        name: with_interval(values[name][0], draws[name], n, left_out, videos, why.get(name, "")) for name in AGREEMENT
    }


def known_rows(scores, gold, clusters) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """The rows in which both ratings are there, and the number of the others."""
    scores, gold, clusters = np.asarray(scores, float), np.asarray(gold, float), np.asarray(clusters)
    if not len(scores) == len(gold) == len(clusters):
        raise InputError(
            f"agreement: got {len(scores)} scores, {len(gold)} gold ratings and {len(clusters)} videos; expected as many of each."
        )
    known = np.isfinite(scores) & np.isfinite(gold)
    return scores[known], gold[known], clusters[known], int((~known).sum())


# -- ratings with few levels


class Crossed(NamedTuple):
    """Ratings as cells of a contingency table (gold level by judge level)."""

    gold_levels: np.ndarray
    levels: np.ndarray
    cells: np.ndarray  # [rows], gold place * len(levels) + judge place

    @property
    def size(self) -> int:
        return len(self.gold_levels) * len(self.levels)

    def statistics(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Every figure for many tables: sums [draws, cells] -> name -> [draws]."""
        gold, levels = self.gold_levels, self.levels
        tables = sums.reshape(len(sums), len(gold), len(levels))
        pairs = np.repeat(gold, len(levels)), np.tile(levels, len(gold))
        return {
            **moment_statistics(sums @ moments(pairs[1], pairs[0], gold.mean())),
            "spearman": contingency.spearman(tables),
            "kendall_tau_b": contingency.kendall_tau_b(tables),
            **_kappas(tables, gold, levels),
        }


def crossed(scores: np.ndarray, gold: np.ndarray) -> Crossed | None:
    """The ratings as table cells; None where they have too many levels for a table."""
    gold_levels, rows = np.unique(gold, return_inverse=True)
    levels, columns = np.unique(scores, return_inverse=True)
    if len(gold_levels) * len(levels) > MAX_CELLS:
        return None
    return Crossed(gold_levels, levels, rows * len(levels) + columns)


def _kappas(tables: np.ndarray, gold: np.ndarray, levels: np.ndarray) -> dict[str, np.ndarray]:
    """Kappas over the union of both ratings' levels; NaN where those are not whole numbers."""
    names = {"kappa": "none", "kappa_linear": "linear", "kappa_quadratic": "quadratic"}
    union = np.union1d(gold, levels)
    if len(union) > MAX_CATEGORIES or (union != union.round()).any():
        return dict.fromkeys(names, np.full(len(tables), np.nan))
    square = np.zeros((len(tables), len(union), len(union)))
    square[:, np.searchsorted(union, gold)[:, None], np.searchsorted(union, levels)[None, :]] = tables
    return {name: cohen_kappa(square, disagreement(union, weights)) for name, weights in names.items()}


# -- moments, and ratings with many levels


def moments(scores: np.ndarray, gold: np.ndarray, centre: float) -> np.ndarray:
    """What the errors and Pearson's r are sums of: [rows, MOMENTS]. `centre` is taken off, against cancellation."""
    x, y, error = gold - centre, scores - centre, scores - gold
    size = np.abs(error)
    return np.stack([np.ones_like(error), x, y, x * x, y * y, x * y, error, size, error**2, size < CLOSE,
                     size <= 1 + CLOSE, error >= 2 - CLOSE, error <= CLOSE - 2], axis=1)  # fmt: skip


def moment_statistics(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Errors, shares and Pearson's r of sums [draws, MOMENTS]."""
    n, x, y, xx, yy, xy, error, size, square, exact, within, over, under = sums.T
    return {
        "rmse": np.sqrt(ratio(square, n)),
        "mae": ratio(size, n),
        "bias": ratio(error, n),
        "pearson": ratio(n * xy - x * y, np.sqrt(_spread(n, x, xx) * _spread(n, y, yy))),
        "exact": ratio(exact, n),
        "within_one": ratio(within, n),
        "over_by_2": ratio(over, n),
        "under_by_2": ratio(under, n),
    }


def _spread(n: np.ndarray, total: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """n² times the variance; exactly zero where that is rounding."""
    spread = n * squares - total**2
    return np.where(spread > 1e-12 * n * squares, spread, 0)


def _by_ranks(scores, gold, clusters) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The statistics, and their draws, where a contingency table would be too large."""
    rows = cluster_sums(moments(scores, gold, gold.mean()), clusters)
    values, draws = moment_statistics(rows.sum(0, keepdims=True)), moment_statistics(resampled_sums(rows))
    value_ranks, draw_ranks = drawn_rank_correlations(scores, gold, clusters)
    kappas = ("kappa", "kappa_linear", "kappa_quadratic")
    return (
        {**values, **value_ranks, **dict.fromkeys(kappas, np.array([np.nan]))},
        {**draws, **draw_ranks, **dict.fromkeys(kappas, np.array([np.nan]))},
    )


# -- errors by rating


def errors_by_rating(scores: np.ndarray, gold: np.ndarray, clusters: np.ndarray) -> list[RatingErrors]:
    """One line for each gold rating, ascending: how far and in which direction the judge is off there."""
    scores, gold, clusters, _ = known_rows(scores, gold, clusters)
    nearest = np.floor(gold + 0.5)
    found = []
    for rating in np.unique(nearest):
        here = nearest == rating
        error, where = scores[here] - gold[here], clusters[here]
        figures = (scores[here], np.abs(error), error, error >= 2 - CLOSE, error <= CLOSE - 2)
        found.append(RatingErrors(float(rating), *(mean_estimate(values, where) for values in figures)))
    return found
