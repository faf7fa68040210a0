"""Everything `calibrate` tells of each judge: calibration of ratings and choices, abstaining, maps to people's ratings."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.agreement import agreement
from analysis.calibration import (
    Bin,
    Confident,
    SureError,
    brier,
    confident_choices,
    confident_ratings,
    expected_ratings,
    likeliest_ratings,
    probability_ece,
    ranked_probability,
    rating_ece,
    reliability,
    sure_errors,
)
from analysis.estimate import Estimate
from analysis.matching import Coverage, Gold, Matched, gold_ratings, matched_judges, no_common_items
from analysis.meta_evaluation import OTHER_SCALE, scaled, scaled_test
from analysis.pairs import PairRow, gold_choices, pair_coverage, pair_rows
from analysis.recalibration import MapKind, Recalibrated, recalibrate
from analysis.records import Records, judge_columns
from analysis.scales import same_scale
from analysis.selective import Abstention, RiskCoverage, abstention, risk_coverage

READINGS = ("rmse", "mae", "bias", "pearson", "spearman", "exact")
NO_PROBS = "the judge gives no probabilities"


class Confidence(NamedTuple):
    """What a judge's probabilities are worth. Loss is being wrong; `error_curve` (ratings) has the absolute error instead."""

    n: int
    left_out: int
    ece: Estimate
    brier: Estimate
    ranked_probability: Estimate | None
    bins: list[Bin]
    sure_errors: list[SureError]
    curve: RiskCoverage
    error_curve: RiskCoverage | None
    abstention: Abstention | None


class RatingCalibration(NamedTuple):
    """Ratings of one judge. `readings`: the score as written, the likeliest, and the expected one, on the same rows."""

    coverage: Coverage
    rating_ece: Estimate
    readings: dict[str, dict[str, Estimate]]
    confidence: Confidence | None
    maps: dict[str, Recalibrated]


class ChoiceCalibration(NamedTuple):
    """Choices of one judge; None where it gives no probabilities."""

    coverage: Coverage
    confidence: Confidence | None


class JudgeCalibration(NamedTuple):
    ratings: RatingCalibration | None
    choices: ChoiceCalibration | None


def calibrate(
    records: Records, gold: str = "human", maps: Sequence[MapKind] = (), risk: float | None = None
) -> dict[str, JudgeCalibration]:
    """Calibration of every judge by label; `risk` is the share of wrong verdicts at which to abstain.

    Raises InputError where nobody is called `gold`, or no judge met it on any item.
    """
    ratings, choices = gold_ratings(records, gold), gold_choices(records, gold)
    columns = judge_columns(records, gold)
    rated = matched_judges(records, columns, ratings) if ratings.items else {}
    found = {}
    for name, column in columns.items():
        rows = pair_rows(records, column, choices)
        chosen = any(row.gold for row in rows)
        judge = JudgeCalibration(
            _ratings(name, rated[name], ratings, records, column, maps, risk) if name in rated else None,
            _choices(rows, pair_coverage(rows, choices), risk) if chosen else None,
        )  # fmt: skip
        if judge.ratings or judge.choices:
            found[name] = judge
    if not found:
        raise no_common_items(gold)
    return found


def _ratings(
    name: str, one: Matched, gold: Gold, records: Records, column: int, maps: Sequence[MapKind], risk: float | None
) -> RatingCalibration:
    own_scale = same_scale(one.scores, records, column, gold)
    ece = rating_ece(one.scores, one.gold, one.clusters, one.coverage.left_out)
    if not own_scale:
        ece = ece._replace(value=None, low=None, high=None, reason=OTHER_SCALE)
    rows = confident_ratings(records, column, gold.by_item).beside(one.coverage)
    fitted = {kind: recalibrate(kind, one.scores, one.gold, one.clusters, name) for kind in maps}
    # A map's ratings are on the gold's scale, whatever the raw scores are on.
    known = {kind: found._replace(raw=scaled(found.raw, own_scale), test=scaled_test(found.test, own_scale))
             for kind, found in fitted.items() if found}  # fmt: skip
    return RatingCalibration(
        one.coverage,
        ece,
        _readings(one, rows) if own_scale and len(rows.rows) else {},
        _confidence(rows, risk, ratings=True) if own_scale else None,
        known,
    )


def _choices(rows: Sequence[PairRow], coverage: Coverage, risk: float | None) -> ChoiceCalibration:
    return ChoiceCalibration(coverage, _confidence(confident_choices(rows).beside(coverage), risk, ratings=False))


def _readings(one: Matched, rows: Confident) -> dict[str, dict[str, Estimate]]:
    place = {row: number for number, row in enumerate(one.rows)}
    here = np.array([place[row] for row in rows.rows])
    ways = {"as written": one.scores[here], "likeliest": likeliest_ratings(rows), "expected": expected_ratings(rows)}
    found = {way: agreement(scores, one.gold[here], one.clusters[here], rows.left_out) for way, scores in ways.items()}
    return {way: {name: figures[name] for name in READINGS} for way, figures in found.items()}


def _confidence(rows: Confident, risk: float | None, ratings: bool) -> Confidence | None:
    if not len(rows.rows):
        return None
    sure, wrong = rows.confidence, 1.0 - rows.right
    return Confidence(
        len(rows.rows),
        rows.left_out,
        probability_ece(rows),
        brier(rows),
        ranked_probability(rows) if ratings else None,
        reliability(rows),
        sure_errors(rows),
        risk_coverage(sure, wrong, rows.clusters, rows.left_out),
        risk_coverage(sure, np.abs(expected_ratings(rows) - _gold_levels(rows)), rows.clusters, rows.left_out)
        if ratings
        else None,
        abstention(sure, wrong, rows.clusters, risk, rows.left_out) if risk is not None else None,
    )


def _gold_levels(rows: Confident) -> np.ndarray:
    return np.array([float(answer) for answer in rows.answers])[rows.gold]
