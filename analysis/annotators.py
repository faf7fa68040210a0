"""Agreement among annotators: Krippendorff's alpha with holes in the table, each annotator against the others' mean; of
choices alpha too, of rankings Kendall's tau.

Both bound what a judge can reach: it cannot agree with people better than they agree with each other.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from analysis.agreement import agreement
from analysis.contingency import alpha_distances, krippendorff_alpha
from analysis.estimate import Estimate, cluster_sums, estimate, mean_estimate, numbered, ratio
from analysis.rankings import ranking_tau
from workbench.schema import Choice

MAX_LEVELS = 20  # for coincidence tables; with more, alpha exists at the interval level only
ALPHAS = ("nominal", "ordinal", "interval")
CHOICES: tuple[Choice, ...] = ("A", "B", "tie")


class Among(NamedTuple):
    """How far people agree in their choices or rankings: who they are, on how many items, in which figure."""

    names: list[str]
    items: int
    agreement: Estimate


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


# -- choices and rankings

Said = Mapping[str, Mapping[str, Any]]  # what each annotator says of each item, by name and item id


def choice_agreement(said: Said, videos: Mapping[str, str]) -> Among | None:
    """Krippendorff's nominal alpha of choices (A, B, tie); `videos` by item id. None where fewer than two people chose."""
    names, items = _people(said, videos)
    if len(names) < 2:
        return None
    choices = np.full((len(names), len(items)), np.nan)
    for who, name in enumerate(names):
        for place, item in enumerate(items):
            if item in said[name]:
                choices[who, place] = CHOICES.index(said[name][item])
    alpha = krippendorff(choices, numbered([videos[item] for item in items]))["nominal"]
    return Among(names, len(items), alpha._replace(reason=alpha.reason and alpha.reason.replace("ratings", "choices")))


def ranking_agreement(said: Said, videos: Mapping[str, str]) -> Among | None:
    """Kendall's tau of two people's rankings: its mean over the pairs of people of an item, and over items.

    Items that fewer than two people ranked are left out and counted. None where fewer than two people ranked any.
    """
    names, items = _people(said, videos)
    if len(names) < 2:
        return None
    taus = [_mean_tau([said[name][item] for name in names if item in said[name]]) for item in items]
    return Among(names, len(items), mean_estimate(taus, numbered([videos[item] for item in items])))


def _people(said: Said, videos: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Who says something, and of which items."""
    names = [name for name, of in said.items() if any(item in videos for item in of)]
    return names, list(dict.fromkeys(item for name in names for item in said[name] if item in videos))


def _mean_tau(rankings: Iterable[tuple[int, ...]]) -> float:
    """NaN where there are no two rankings of the same responses."""
    taus = [ranking_tau(one, other) for one, other in combinations(rankings, 2) if sorted(one) == sorted(other)]
    return sum(taus) / len(taus) if taus else np.nan
