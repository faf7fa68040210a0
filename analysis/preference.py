"""Preferences measured: accuracy of single verdicts and over both orders, position bias, accuracy by dimension.

Ties and inconsistent pairs are told apart and never halved into an accuracy. Definitions: docs/statistics.md.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from analysis.contingency import cohen_kappa, disagreement
from analysis.estimate import Estimate, cluster_counts, cluster_sums, estimate, mean_estimate, numbered, ratio
from analysis.matching import absent_rows
from analysis.pairs import PairRow, shown_first, verdicts_asked
from analysis.records import Verdict
from workbench.schema import Choice

PREFERENCE = ("accuracy", "accuracy_decided", "accuracy_missing_wrong", "consistent_accuracy", "accuracy_of_consistent",
              "inconsistent", "ties", "kappa", "first_chosen", "position_bias", "accuracy_gap_by_position")  # fmt: skip
# Of all pairs judged, whether or not they have a gold choice.
OF_ALL = ("inconsistent", "ties", "first_chosen", "position_bias")
OF_PAIRS = ("consistent_accuracy", "accuracy_of_consistent", "kappa")
OUTCOMES = ("A", "B", "tie")
NO_GOLD: Mapping[str, Choice] = {}
ONE_ORDER = "no pair was judged in both orders"


class Dimensions(NamedTuple):
    """Accuracy by the values of one tag; overall counts every verdict alike, macro every value alike."""

    overall: Estimate
    macro: Estimate
    by_value: dict[str, Estimate]


def preference(rows: Sequence[PairRow], gold: Mapping[str, Choice] = NO_GOLD) -> dict[str, Estimate]:
    """Every figure of PREFERENCE. Accuracies are of pairs whose gold choice is A or B; the rest of all pairs.

    What was never asked of the pairs of `gold`, by item id, is left out of the accuracies and of kappa, and counted.
    """
    decidable = [row for row in rows if row.gold in ("A", "B")]
    twice, all_twice = ([row for row in some if row.both_orders] for some in (decidable, rows))
    figures = {
        "accuracy": _over_verdicts(decidable, _is_right),
        "accuracy_decided": _over_verdicts(decidable, lambda row, v: _is_right(row, v) if v.choice != "tie" else None),
        "accuracy_missing_wrong": _over_verdicts(decidable, lambda row, v: float(v.choice == row.gold), scored=False),
        "consistent_accuracy": _over_pairs(twice, lambda row: row.outcome == row.gold),
        "accuracy_of_consistent": _over_pairs(
            twice, lambda r: r.outcome == r.gold if r.outcome in ("A", "B") else None
        ),
        "inconsistent": _over_pairs(all_twice, lambda row: row.outcome == "inconsistent"),
        "ties": _over_verdicts(rows, lambda row, verdict: float(verdict.choice == "tie")),
        "kappa": _kappa(rows),
        "first_chosen": _over_verdicts(all_twice, _first_chosen),
        "position_bias": _over_verdicts(all_twice, _position),
        "accuracy_gap_by_position": accuracy_gap_by_position(decidable),
    }
    for name in ("consistent_accuracy", "accuracy_of_consistent", "inconsistent", "first_chosen", "position_bias"):
        if not all_twice:
            figures[name] = figures[name]._replace(reason=ONE_ORDER)
    return {name: one._replace(left_out=one.left_out + _absent(name, rows, gold)) for name, one in figures.items()}


def _absent(figure: str, rows: Sequence[PairRow], gold: Mapping[str, Choice]) -> int:
    """Verdicts, or pairs where the figure is of those, that were never asked for though they have a gold choice."""
    if figure in OF_ALL:
        return 0
    items = [item for item, choice in gold.items() if figure == "kappa" or choice in ("A", "B")]
    asked = Counter(row.item for row in rows) if figure in OF_PAIRS else verdicts_asked(rows)
    return absent_rows(items, {item: asked[item] for item in gold if item in asked})


def _is_right(row: PairRow, verdict: Verdict) -> float:
    return float(verdict.choice == row.gold)


def _first_chosen(row: PairRow, verdict: Verdict) -> float | None:
    """1 when the response shown first was chosen; None for a tie, and for pairs of which one order has no verdict."""
    if row.outcome is None or verdict.choice == "tie":
        return None
    return float(verdict.choice == shown_first(verdict))


def _position(row: PairRow, verdict: Verdict) -> float | None:
    chosen = _first_chosen(row, verdict)
    return None if chosen is None else chosen - 0.5


def _over_verdicts(
    rows: Sequence[PairRow], value: Callable[[PairRow, Verdict], float | None], scored: bool = True
) -> Estimate:
    """Mean of a value of every verdict; verdicts without a choice are left out and counted unless `scored` is False."""
    values, videos, left_out = [], [], 0
    for row in rows:
        for verdict in row.verdicts:
            if scored and verdict.choice is None:
                left_out += 1
            elif (found := value(row, verdict)) is not None:
                values.append(found)
                videos.append(row.video)
    return mean_estimate(values, numbered(videos), left_out)


def _over_pairs(rows: Sequence[PairRow], value: Callable[[PairRow], bool | None]) -> Estimate:
    """Mean of a value of every pair with an outcome; pairs without one are left out and counted."""
    found = [(value(row), row.video) for row in rows if row.outcome is not None]
    kept = [(float(one), video) for one, video in found if one is not None]
    missing = sum(row.outcome is None for row in rows)
    return mean_estimate([one for one, _ in kept], numbered([video for _, video in kept]), missing)


def _kappa(rows: Sequence[PairRow]) -> Estimate:
    """Cohen's kappa of outcomes (A, B, tie) with gold choices; inconsistent and missing outcomes are left out."""
    kept = [row for row in rows if row.gold and row.outcome in OUTCOMES]
    left_out = sum(row.gold is not None for row in rows) - len(kept)
    cells = np.array([OUTCOMES.index(row.gold) * 3 + OUTCOMES.index(row.outcome) for row in kept], dtype=np.int64)
    counts = cluster_counts(cells, numbered([row.video for row in kept]), 9)
    weights = disagreement(np.arange(3.0), "none")
    return estimate(
        counts, lambda sums: cohen_kappa(sums.reshape(-1, 3, 3), weights), len(kept), left_out, "all choices are alike"
    )


def accuracy_gap_by_position(rows: Sequence[PairRow]) -> Estimate:
    """Accuracy where the better response was shown first, less accuracy where it was shown second."""
    features, videos, left_out = [], [], 0
    for row in rows:
        for verdict in row.verdicts:
            if verdict.choice is None:
                left_out += 1
                continue
            first, right = shown_first(verdict) == row.gold, verdict.choice == row.gold
            features.append([first and right, first, not first and right, not first])
            videos.append(row.video)
    sums = (
        cluster_sums(np.array(features, dtype=float).reshape(-1, 4), numbered(videos)) if features else np.empty((0, 4))
    )
    return estimate(sums, lambda s: ratio(s[:, 0], s[:, 1]) - ratio(s[:, 2], s[:, 3]), len(features), left_out,
                    "the better response was always shown in one place")  # fmt: skip


def by_dimension(rows: Sequence[PairRow], tag: str) -> Dimensions:
    """Accuracy of single verdicts by the values of a tag; rows without the tag are left out and counted."""
    decidable = [row for row in rows if row.gold in ("A", "B")]
    values = sorted({row.tags[tag] for row in decidable if tag in row.tags})
    place = {value: number for number, value in enumerate(values)}
    features, videos, missing = [], [], 0
    for row in decidable:
        for verdict in row.verdicts:
            if tag not in row.tags or verdict.choice is None:
                missing += 1
                continue
            line = np.zeros(2 * len(values))
            line[2 * place[row.tags[tag]] :][:2] = _is_right(row, verdict), 1
            features.append(line)
            videos.append(row.video)
    sums = cluster_sums(np.array(features), numbered(videos)) if features else np.empty((0, 2))
    macro = estimate(
        sums, lambda s: ratio(s[:, ::2], s[:, 1::2]).mean(1), len(features), missing, "a dimension is empty"
    )
    each = {
        value: _over_verdicts([row for row in decidable if row.tags.get(tag) == value], _is_right) for value in values
    }
    return Dimensions(_over_verdicts(decidable, _is_right), macro, each)


def right_or_wrong(rows: Sequence[PairRow]) -> dict[tuple[str, int, Any], float]:
    """1 or 0 for every scored verdict on a pair with a gold choice of A or B, by item, sample and order."""
    return {
        (row.item, row.sample, verdict.order): _is_right(row, verdict)
        for row in rows if row.gold in ("A", "B") for verdict in row.verdicts if verdict.choice is not None
    }  # fmt: skip
