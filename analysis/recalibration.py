"""Maps from a judge's scores to people's ratings, fitted on rated items: isotonic, or ordinal (one logistic a cut).

A map is shown beside the raw score, never in its place, and judged on videos that it was not fitted on.
"""

from typing import Literal, NamedTuple

import numpy as np

from analysis.agreement import agreement
from analysis.estimate import Estimate
from analysis.paired import PairedTest, compare_ratings
from analysis.selective import folds
from workbench.errors import InputError

MapKind = Literal["isotonic", "ordinal"]
GRID = 201  # scores at which an ordinal map with many levels is written down
SHOWN = ("rmse", "mae", "bias", "pearson")  # a monotone map changes no order, but for ties that it makes


class ScoreMap(NamedTuple):
    """A map as points: scores ascending, and the rating that people are expected to give; straight lines between them."""

    kind: MapKind
    scores: list[float]
    ratings: list[float]
    n: int
    videos: int

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Expected ratings [rows] of raw scores [rows]; beyond the ends, that of the end."""
        return np.interp(scores, self.scores, self.ratings)


class Recalibrated(NamedTuple):
    """A map fitted on all rows, and what such a map does to videos it has not seen: raw, mapped out of fold, the test."""

    fitted: ScoreMap
    raw: dict[str, Estimate]
    mapped: dict[str, Estimate]
    test: PairedTest


def fit_map(kind: MapKind, scores: np.ndarray, gold: np.ndarray, clusters: np.ndarray) -> ScoreMap:
    """Fit a map on scores and gold ratings [rows]. Raises InputError without rows."""
    if not len(scores):
        raise InputError("calibrate: got no row with a score and a gold rating to fit a map on.")
    points = {"isotonic": _isotonic, "ordinal": _ordinal}[kind](np.asarray(scores, float), np.asarray(gold, float))
    return ScoreMap(kind, *(column.tolist() for column in points), len(scores), len(np.unique(clusters)))


def _isotonic(scores: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares under monotony (pool adjacent violators; scikit-learn)."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(scores, gold)
    return fitted.X_thresholds_, fitted.y_thresholds_


def _ordinal(scores: np.ndarray, gold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expected rating under one logistic regression a cut between ratings (Frank and Hall 2001), made monotone."""
    nearest = np.floor(gold + 0.5)
    levels, at = np.unique(nearest), np.unique(scores)
    if len(at) > GRID:
        at = np.linspace(at[0], at[-1], GRID)
    ratings = np.full(len(at), levels[0])
    for below, level in zip(levels[:-1], levels[1:], strict=True):
        ratings = ratings + (level - below) * _share_above(scores, nearest >= level, at)
    return at, np.maximum.accumulate(ratings)


def _share_above(scores: np.ndarray, above: np.ndarray, at: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    centre, spread = scores.mean(), scores.std() or 1.0
    fitted = LogisticRegression().fit(((scores - centre) / spread)[:, None], above)
    return fitted.predict_proba(((at - centre) / spread)[:, None])[:, 1]


def recalibrate(
    kind: MapKind, scores: np.ndarray, gold: np.ndarray, clusters: np.ndarray, name: str = "judge"
) -> Recalibrated | None:
    """Fit a map and measure it on videos left out of the fitting (five folds). None with fewer than two videos."""
    if len(np.unique(clusters)) < 2:
        return None
    mapped = np.empty(len(scores))
    for fold in folds(clusters):
        mapped[fold] = fit_map(kind, scores[~fold], gold[~fold], clusters[~fold]).apply(scores[fold])
    figures = [{figure: found[figure] for figure in SHOWN} for found in
               (agreement(one, gold, clusters) for one in (scores, mapped))]  # fmt: skip
    test = compare_ratings(mapped, scores, gold, clusters, (f"{name}, {kind} map", f"{name}, raw"))
    return Recalibrated(fit_map(kind, scores, gold, clusters), *figures, test)
