"""Is one judge better than another? Paired tests on the same rows, and Holm's correction over many of them.

Two tests that do not lean on each other: a bootstrap interval of the difference that draws videos for both judges alike,
and a permutation test that swaps the judges video by video (sign-flip).
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from analysis.agreement import crossed, known_rows, moment_statistics, moments
from analysis.estimate import (
    Estimate,
    cluster_counts,
    cluster_sums,
    estimate,
    ratio,
    resampled_sums,
    with_interval,
)
from analysis.ranks import drawn_rank_correlations

FLIPS = 9_999
EXACT_VIDEOS = 14  # up to which all sign patterns are walked
COMPARED = ("mae", "rmse", "pearson", "spearman", "kendall_tau_b", "exact")
FLIP_BLOCK = 8_000_000


class PairedTest(NamedTuple):
    """First judge less second, on rows that both have scored. `p` is the sign-flip test's, `p_holm` corrected for many."""

    first: str
    second: str
    differences: dict[str, Estimate]
    tested: str  # the figure that p is of
    p: float | None
    p_holm: float | None = None


def compare_ratings(
    first: np.ndarray, second: np.ndarray, gold: np.ndarray, clusters: np.ndarray, names: tuple[str, str] = ("A", "B")
) -> PairedTest:
    """Differences of COMPARED between two judges' scores [rows], and the sign-flip test of the absolute error."""
    known = np.isfinite(first) & np.isfinite(second) & np.isfinite(gold)
    left_out = int((~known).sum())
    first, second, gold, clusters = first[known], second[known], gold[known], np.asarray(clusters)[known]
    n = len(gold)
    if not n:
        none = Estimate(None, None, None, 0, left_out, 0, "no row that both have scored")
        return PairedTest(*names, dict.fromkeys(COMPARED, none), "mae", None)
    values, draws = _drawn_alike(first, second, gold, clusters)
    videos = len(np.unique(clusters))
    differences = {
        name: with_interval(values[0][name][0] - values[1][name][0], draws[0][name] - draws[1][name], n, left_out, videos,
                            "constant ratings")
        for name in COMPARED
    }  # fmt: skip
    return PairedTest(*names, differences, "mae", sign_flip(np.abs(first - gold) - np.abs(second - gold), clusters))


Figures = dict[str, np.ndarray]


def _drawn_alike(first, second, gold, clusters) -> tuple[tuple[Figures, Figures], tuple[Figures, Figures]]:
    """Both judges' figures, and both judges' figures in the same draws."""
    one, other = crossed(first, gold), crossed(second, gold)
    if one is None or other is None:
        return tuple(zip(*(_by_ranks(scores, gold, clusters) for scores in (first, second)), strict=True))  # type: ignore
    rows = np.concatenate([cluster_counts(t.cells, clusters, t.size) for t in (one, other)], axis=1)
    figures = [(one.statistics(sums[:, : one.size]), other.statistics(sums[:, one.size :]))
               for sums in (rows.sum(0, keepdims=True), resampled_sums(rows))]  # fmt: skip
    return figures[0], figures[1]


def _by_ranks(scores, gold, clusters) -> tuple[Figures, Figures]:
    rows = cluster_sums(moments(scores, gold, gold.mean()), clusters)
    values, draws = drawn_rank_correlations(scores, gold, clusters)
    sums = resampled_sums(rows, together=True)  # the draws that the ranks had
    return {**moment_statistics(rows.sum(0, keepdims=True)), **values}, {**moment_statistics(sums), **draws}


def compare_means(
    first: np.ndarray, second: np.ndarray, clusters: np.ndarray, names: tuple[str, str], figure: str
) -> PairedTest:
    """Difference of the means of two columns [rows] (say, right or wrong), and its sign-flip test."""
    first, second, clusters, left_out = known_rows(first, second, clusters)
    rows = (
        cluster_sums(np.stack([first - second, np.ones(len(first))], axis=1), clusters) if len(first) else np.empty(0)
    )
    difference = estimate(rows, lambda sums: ratio(sums[:, 0], sums[:, 1]), len(first), left_out)
    return PairedTest(*names, {figure: difference}, figure, sign_flip(first - second, clusters))


def sign_flip(differences: np.ndarray, clusters: np.ndarray, flips: int = FLIPS, seed: int = 0) -> float | None:
    """Two-sided p-value of a mean difference of zero: the judges swapped, or not, in each video as a whole.

    Every pattern of swaps is walked for up to EXACT_VIDEOS videos, else `flips` seeded ones, the observed one counted in
    (Phipson and Smyth 2010). None without rows.
    """
    if not len(differences):
        return None
    sums = cluster_sums(np.asarray(differences, float)[:, None], clusters)[:, 0]
    sizes, counts = np.unique(np.abs(sums).round(9), return_counts=True)
    sizes, counts = sizes[sizes > 0], counts[sizes > 0]  # swapping equals changes nothing
    seen = abs(sums.sum()) - 1e-6 * sizes.sum()
    if counts.sum() <= EXACT_VIDEOS:
        each = np.repeat(sizes, counts)
        return float(np.mean([abs(np.dot(signs, each)) >= seen for signs in product((-1, 1), repeat=len(each))]))
    doubled = (2 * sizes).astype(np.float32)
    rng, block, reached = np.random.default_rng(seed), max(1, FLIP_BLOCK // len(sizes)), 0
    for at in range(0, flips, block):
        kept = _heads(rng, counts, min(block, flips - at)).astype(np.float32)
        reached += int((np.abs(kept @ doubled - counts @ sizes) >= seen).sum())
    return (1 + reached) / (1 + flips)


def _heads(rng: np.random.Generator, counts: np.ndarray, flips: int) -> np.ndarray:
    """How many of each kind of video stay as they are: videos of one size are flipped together. [flips, sizes]"""
    if counts.max() == 1:
        bits = rng.integers(256, size=(flips, -(-len(counts) // 8)), dtype=np.uint8)
        return np.unpackbits(bits, axis=1, count=len(counts))
    return rng.binomial(counts, 0.5, size=(flips, len(counts)))


def holm(tests: Sequence[PairedTest]) -> list[PairedTest]:
    """The tests with p-values corrected for their number (Holm 1979). Tests without a p-value do not count."""
    order = sorted((place for place, test in enumerate(tests) if test.p is not None), key=lambda place: tests[place].p)
    corrected, floor = {}, 0.0
    for rank, place in enumerate(order):
        floor = max(floor, min(1.0, (len(order) - rank) * tests[place].p))
        corrected[place] = floor
    return [test._replace(p_holm=corrected.get(place)) for place, test in enumerate(tests)]
