"""Judging only when sure: the risk-coverage curve, the area under it, and the confidence below which to abstain."""

from typing import NamedTuple

import numpy as np

from analysis.estimate import Estimate, mean_estimate, row_weights, with_interval

FOLDS = 5
POINTS = 200  # of a curve that is shown
ONE_VIDEO = "one video: nothing can be held out"


class CurvePoint(NamedTuple):
    """Keeping what has at least `threshold` confidence keeps `coverage` of the rows, at this mean loss."""

    threshold: float
    coverage: float
    risk: float


class RiskCoverage(NamedTuple):
    """`aurc`: area under the curve, the mean risk over the coverages that a threshold can reach (Geifman 2019)."""

    points: list[CurvePoint]
    aurc: Estimate
    risk: Estimate  # of keeping everything


class Abstention(NamedTuple):
    """The lowest confidence to keep so that the mean loss is at most `target`; None where no threshold reaches it.

    `coverage` and `risk` are of the very rows that chose it; `held_out_risk` and `held_out_coverage` of rows whose video
    took no part in choosing (five folds), which is what to expect of new ones; there is none with one video.
    """

    target: float
    threshold: float | None
    coverage: Estimate
    risk: Estimate
    held_out_coverage: Estimate
    held_out_risk: Estimate


def risk_coverage(confidence: np.ndarray, loss: np.ndarray, clusters: np.ndarray, left_out: int = 0) -> RiskCoverage:
    """The curve of confidence and loss [rows]; rows of one confidence are kept together or not at all."""
    loss = np.asarray(loss, float)
    if not len(loss):
        none = mean_estimate([], np.empty(0, dtype=np.int64), left_out)
        return RiskCoverage([], none, none)
    order = np.argsort(-confidence, kind="stable")
    _, place = np.unique(clusters, return_inverse=True)
    confidence, ordered, place = confidence[order], loss[order], place[order]
    ends = np.append(np.flatnonzero(np.diff(confidence)), len(order) - 1)
    kept = ends + 1
    risks = np.cumsum(ordered)[ends] / kept
    points = [CurvePoint(float(confidence[end]), float(count / len(order)), float(risk))
              for end, count, risk in zip(ends, kept, risks, strict=True)]  # fmt: skip
    value = _area(ordered, ends, np.ones((1, len(order))))[0]
    draws = np.concatenate([_area(ordered, ends, weights) for weights in row_weights(place)])
    aurc = with_interval(value, draws, len(order), left_out, int(place.max()) + 1)
    return RiskCoverage(_thinned(points), aurc, mean_estimate(loss, clusters, left_out))


def _area(loss: np.ndarray, ends: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the curve for each of weights [draws, rows]."""
    kept = np.cumsum(weights, axis=1)[:, ends]
    lost = np.cumsum(weights * loss, axis=1)[:, ends]
    risks = np.divide(lost, kept, out=np.zeros_like(lost), where=kept > 0)
    return (risks * np.diff(kept, axis=1, prepend=0)).sum(1) / kept[:, -1]


def _thinned(points: list[CurvePoint]) -> list[CurvePoint]:
    if len(points) <= POINTS:
        return points
    return [points[place] for place in np.unique(np.linspace(0, len(points) - 1, POINTS).astype(int))]


def abstention(
    confidence: np.ndarray, loss: np.ndarray, clusters: np.ndarray, target: float, left_out: int = 0
) -> Abstention:
    """The threshold for a mean loss of at most `target`, and what it does on rows that did not choose it."""
    loss = np.asarray(loss, float)
    threshold = _threshold(confidence, loss, target)
    kept = confidence >= threshold if threshold is not None else np.zeros(len(loss), dtype=bool)
    held_out, parts = np.zeros(len(loss), dtype=bool), folds(clusters)
    for fold in parts if len(parts) > 1 else ():
        chosen = _threshold(confidence[~fold], loss[~fold], target)
        held_out[fold] = confidence[fold] >= chosen if chosen is not None else False
    shares = (mean_estimate(flags.astype(float), clusters, left_out) for flags in (kept, held_out))
    risks = (mean_estimate(loss[flags], clusters[flags], left_out) for flags in (kept, held_out))
    (coverage, out_coverage), (risk, out_risk) = shares, risks
    if len(parts) < 2:
        out_coverage = out_risk = Estimate(None, None, None, 0, len(loss) + left_out, len(parts), ONE_VIDEO)
    return Abstention(target, threshold, coverage, risk, out_coverage, out_risk)


def _threshold(confidence: np.ndarray, loss: np.ndarray, target: float) -> float | None:
    order = np.argsort(-confidence, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1) if len(order) else np.empty(0, int)
    risks = np.cumsum(loss[order])[ends] / (ends + 1)
    fine = np.flatnonzero(risks <= target + 1e-12)
    return float(confidence[order][ends[fine[-1]]]) if len(fine) else None


def folds(clusters: np.ndarray, count: int = FOLDS, seed: int = 0) -> list[np.ndarray]:
    """Masks [rows] of up to `count` parts of the rows, whole videos each; one mask of all rows where there is one video."""
    videos, place = np.unique(clusters, return_inverse=True)
    part = np.random.default_rng(seed).permutation(len(videos)) % min(count, max(1, len(videos)))
    return [part[place] == number for number in range(min(count, len(videos)))]
