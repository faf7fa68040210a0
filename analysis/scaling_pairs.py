"""Inference-time scaling of preferences: K votes on a pair, half of them with the responses in the other order.

Shown in one order only, K votes repeat one position bias; reversed in half of them, it cancels (VideoRewardBench,
section 4). Where a pair was asked in one order, all votes are of that order.
"""

from collections import defaultdict
from itertools import product
from typing import NamedTuple

import numpy as np

from analysis.estimate import Estimate, mean_estimate, numbered
from analysis.pairs import PairRow
from analysis.records import Verdict
from analysis.scaling import SUBSETS, ScalePoint, sizes, subsets_of


class Votes(NamedTuple):
    """The verdicts on one pair by order and sample, and what the gold says."""

    by_order: list[list[Verdict]]
    gold: str
    video: str


def votes_of(rows: list[PairRow]) -> list[Votes]:
    """The votes on every pair whose gold choice is A or B; its orders as they first appear, the samples ascending."""
    groups: dict[str, list[PairRow]] = defaultdict(list)
    for row in rows:
        if row.gold in ("A", "B"):
            groups[row.item].append(row)
    found = []
    for group in groups.values():
        by_order: dict[tuple | None, list[Verdict]] = defaultdict(list)
        for row in group:
            for verdict in row.verdicts:
                by_order[verdict.order].append(verdict)
        ordered = [
            sorted(some, key=lambda v: v.sample) for _, some in sorted(by_order.items(), key=lambda kv: kv[0] or ())
        ]
        found.append(Votes(ordered, group[0].gold, group[0].video))
    return found


def pair_curve(votes: list[Votes], seed: int = 0, absent: int = 0) -> list[ScalePoint]:
    """Accuracy over K by majority and, where every verdict has them, by summed probabilities.

    `absent` counts the pairs with a gold choice that were never asked about; they are left out of every figure.
    A tied vote is no right answer; "ties_half" counts it as half, "tied" says how many there are.
    """
    if not votes:
        return []
    samples = max(len(some) for one in votes for some in one.by_order)
    orders = max(len(one.by_order) for one in votes)
    scored = [v for one in votes for some in one.by_order for v in some if v.choice is not None]
    ways = ("majority", "probabilities") if scored and all(v.probs for v in scored) else ("majority",)
    clusters = numbered([one.video for one in votes])
    points = [_point(votes, clusters, way, k, subsets)
              for way in ways for k, subsets in _choices(samples, orders, seed)]  # fmt: skip
    return [point._replace(figures={name: one._replace(left_out=one.left_out + absent)
                                    for name, one in point.figures.items()}) for point in points]  # fmt: skip


def _choices(samples: int, orders: int, seed: int) -> list[tuple[int, list[tuple[tuple[int, ...], ...]]]]:
    """K, and for each subset the samples taken of each order."""
    found = []
    for k in sizes(samples * orders):
        if orders == 1:
            found.append((k, [(subset,) for subset in subsets_of(samples, k, seed)]))
            continue
        splits = [(k // 2, k // 2)] if k % 2 == 0 else [(k // 2 + 1, k // 2), (k // 2, k // 2 + 1)]
        chosen = [both for split in splits for both in product(*(subsets_of(samples, some, seed) for some in split))]
        if len(chosen) > SUBSETS:
            places = np.random.default_rng([seed, k]).choice(len(chosen), SUBSETS, replace=False)
            chosen = [chosen[place] for place in sorted(places)]
        found.append((k, chosen))
    return found


def _point(votes: list[Votes], clusters: np.ndarray, way: str, k: int, subsets: list) -> ScalePoint:
    outcomes = np.array([[_outcome(one, subset, way) for subset in subsets] for one in votes])  # [pairs, subsets]
    there = outcomes != "none"
    gold = np.array([one.gold for one in votes])[:, None]
    right, tied = (outcomes == gold) & there, (outcomes == "tie") & there
    figures = {"accuracy": right, "ties_half": right + tied / 2, "tied": tied}
    return ScalePoint(k, len(subsets), way, {name: _mean(value, there, clusters) for name, value in figures.items()})


def _mean(values: np.ndarray, there: np.ndarray, clusters: np.ndarray) -> Estimate:
    """Mean over pairs of the mean over the subsets in which a pair has a vote."""
    counts = there.sum(1)
    means = np.divide((values * there).sum(1), counts, out=np.full(len(values), np.nan), where=counts > 0)
    return mean_estimate(means, clusters)


def _outcome(one: Votes, subset: tuple[tuple[int, ...], ...], way: str) -> str:
    """A, B or tie; "none" where no vote of the subset has a verdict."""
    taken = [
        some[place] for some, places in zip(one.by_order, subset, strict=False) for place in places if place < len(some)
    ]
    cast = [verdict for verdict in taken if verdict.choice is not None]
    if not cast:
        return "none"
    if way == "probabilities":
        weight = {label: sum((v.probs or {}).get(label, 0.0) for v in cast) for label in ("A", "B", "tie")}
    else:
        weight = {label: sum(v.choice == label for v in cast) for label in ("A", "B", "tie")}
    most = max(weight.values())
    best = [label for label, value in weight.items() if value >= most - 1e-12]
    return best[0] if len(best) == 1 else "tie"
