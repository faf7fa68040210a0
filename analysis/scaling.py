"""Inference-time scaling of ratings: what K samples at a temperature come to, by majority, mean, median, probabilities.

A curve over K takes every subset of K of the samples there are, or SUBSETS seeded ones where there are more, and shows
the mean figure over the subsets that have it; its interval draws videos, the same ones for every subset (VideoRewardBench,
section 4).
"""

from itertools import combinations
from math import comb
from typing import Literal, NamedTuple

import numpy as np

from analysis.agreement import crossed, moment_statistics, moments
from analysis.contingency import spearman
from analysis.estimate import Estimate, cluster_counts, cluster_sums, ratio, resampled_sums, with_interval
from analysis.matching import Gold
from analysis.ranks import drawn_rank_correlations
from analysis.records import Records

Way = Literal["majority", "mean", "median", "probabilities"]
WAYS: tuple[Way, ...] = ("majority", "mean", "median", "probabilities")
FIGURES = ("mae", "rmse", "exact", "spearman")
SUBSETS = 20
MAX_POINTS = 9  # values of K on a curve


class Samples(NamedTuple):
    """Repeated ratings [items, samples], NaN where a sample has no verdict; `expected` the means of its probabilities.

    `absent` counts the items with a gold rating that were never asked about.
    """

    scores: np.ndarray
    expected: np.ndarray | None
    gold: np.ndarray
    clusters: np.ndarray
    absent: int = 0


class ScalePoint(NamedTuple):
    """One point of a curve: the mean over `subsets` subsets of `k` samples with any verdict, aggregated in one way."""

    k: int
    subsets: int
    way: str
    figures: dict[str, Estimate]


def rating_samples(records: Records, column: int, gold: Gold) -> Samples | None:
    """A judge's samples of the items with a gold rating; None where it has none of them."""
    means, found, videos = gold.by_item, {}, dict(zip(gold.items, gold.clusters.tolist(), strict=True))
    verdicts = [v for v in records.of([column]) if v.item in means]
    for verdict in verdicts:
        found.setdefault(verdict.item, {})[verdict.sample] = verdict
    names = sorted({verdict.sample for verdict in verdicts})
    if not any(verdict.score is not None for verdict in verdicts):
        return None
    shape = (len(found), len(names))
    scores, expected = np.full(shape, np.nan), np.full(shape, np.nan)
    for row, by_sample in enumerate(found.values()):
        for place, name in enumerate(names):
            verdict = by_sample.get(name)
            if verdict is not None and verdict.score is not None:
                scores[row, place] = verdict.score
                expected[row, place] = _expected(verdict.probs)
    with_probs = np.isfinite(expected[np.isfinite(scores)]).all()
    return Samples(scores, expected if with_probs else None, np.array([means[item] for item in found]),
                   np.array([videos[item] for item in found]), len(means) - len(found))  # fmt: skip


def _expected(probs) -> float:
    total = sum(probs.values()) if probs else 0
    return sum(float(label) * share for label, share in probs.items()) / total if total else np.nan


# -- subsets and aggregation


def sizes(samples: int) -> list[int]:
    """The values of K on a curve: 1, 2, .. while there are few samples, else 1, 3, 5 .. and the number there is."""
    if samples <= MAX_POINTS:
        return list(range(1, samples + 1))
    odd = list(range(1, samples + 1, 2))
    kept = [odd[round(place)] for place in np.linspace(0, len(odd) - 1, MAX_POINTS)]
    return list(dict.fromkeys([*kept, samples]))


def subsets_of(samples: int, k: int, seed: int = 0) -> list[tuple[int, ...]]:
    """Every subset of `k` of the samples, or SUBSETS different seeded ones."""
    if comb(samples, k) <= SUBSETS:
        return list(combinations(range(samples), k))
    rng, found = np.random.default_rng([seed, k]), {}
    while len(found) < SUBSETS:
        found[tuple(sorted(rng.choice(samples, k, replace=False).tolist()))] = None
    return list(found)


def aggregate(scores: np.ndarray, way: Way) -> np.ndarray:
    """One rating for each row of scores [items, k] (for "probabilities": of expected scores); NaN where a row has none.

    Samples without a verdict have no vote. Of equally frequent ratings the majority is the one nearest the mean, then
    the lower.
    """
    known = np.isfinite(scores)
    count = known.sum(1)
    there = count > 0
    found = np.full(len(scores), np.nan)
    if way == "median":
        found[there] = np.nanmedian(scores[there], axis=1)
        return found
    mean = np.divide(np.where(known, scores, 0).sum(1), count, out=np.full(len(scores), np.nan), where=there)
    if way != "majority" or not there.any():
        return mean
    levels = np.unique(scores[known])
    votes = np.stack([(scores == level).sum(1) for level in levels], axis=1)[there]
    far = np.abs(levels - mean[there, None]).round(9)
    most = np.where(votes == votes.max(1, keepdims=True), far, np.inf)
    found[there] = levels[most.argmin(1)]
    return found


# -- curves


def rating_curve(samples: Samples, seed: int = 0) -> list[ScalePoint]:
    """The curves of all ways of aggregating; "probabilities" only where every sample has some."""
    points = []
    for way in WAYS:
        source = samples.expected if way == "probabilities" else samples.scores
        for k in sizes(samples.scores.shape[1]) if source is not None else ():
            chosen = subsets_of(samples.scores.shape[1], k, seed)
            ratings = np.stack([aggregate(source[:, list(subset)], way) for subset in chosen])
            some = int(np.isfinite(ratings).any(1).sum())
            points.append(ScalePoint(k, some, way, _mean_figures(ratings, samples)))
    return points


def _mean_figures(ratings: np.ndarray, samples: Samples) -> dict[str, Estimate]:
    """Figures of ratings [subsets, items] averaged over the subsets that have them; n is of all items rated in any subset."""
    gold, clusters = samples.gold, samples.clusters
    drawn = [_drawn(scores, gold, clusters) for scores in ratings]
    n = int(np.isfinite(ratings).any(0).sum())
    left_out, videos, found = len(gold) - n + samples.absent, len(np.unique(clusters)), {}
    for name in FIGURES:
        values = np.array([values[name] for values, _ in drawn])
        defined = np.isfinite(values[:, 0])
        value = float(_known_mean(values)[0])
        draws = _known_mean(np.array([draws[name] for _, draws in drawn])[defined])
        found[name] = with_interval(value, draws, n, left_out, videos, "constant ratings")
    return found


def _known_mean(values: np.ndarray) -> np.ndarray:
    """Mean over subsets [subsets, draws] of the values that exist: [draws], NaN where there are none."""
    known = np.isfinite(values)
    return ratio(np.where(known, values, 0).sum(0), known.sum(0))


def _drawn(scores: np.ndarray, gold: np.ndarray, clusters: np.ndarray) -> tuple[dict, dict]:
    """FIGURES of one subset, and of each draw of all videos: rows without a rating count nothing."""
    present = np.isfinite(scores)
    filled = np.where(present, scores, gold.mean())
    rows = cluster_sums(moments(filled, gold, gold.mean()) * present[:, None], clusters)
    table = crossed(filled, gold)
    if table is None:
        values, draws = drawn_rank_correlations(filled, gold, clusters, present)
    else:
        cells = np.where(present, table.cells, table.size)
        counts = cluster_counts(cells, clusters, table.size + 1)[:, :-1]
        shape = (-1, len(table.gold_levels), len(table.levels))
        values, draws = ({"spearman": spearman(sums.reshape(shape))} for sums in (counts.sum(0), _draws(counts)))
    return {**moment_statistics(rows.sum(0, keepdims=True)), **values}, {**moment_statistics(_draws(rows)), **draws}


def _draws(rows: np.ndarray) -> np.ndarray:
    return resampled_sums(rows, together=True)
