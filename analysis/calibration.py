"""Is a judge as sure as it should be: ECE of ratings and of probabilities, Brier score, reliability, confident errors.

A judge's confidence is the largest of its probabilities over the answers on the menu. Definitions: docs/statistics.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from analysis.estimate import Estimate, cluster_sums, estimate, mean_estimate, numbered, ratio
from analysis.matching import Coverage
from analysis.pairs import PairRow
from analysis.records import Records

BINS = 10
MAX_LEVELS = 20  # distinct ratings up to which each is a bin of its own
SURE = 0.9


class Confident(NamedTuple):
    """Rows with probabilities: probs [rows, answers] sum to 1; gold [rows] is the place of the right answer.

    `answers` are the menu: levels of a rating ascending, or choices. `left_out` counts scored rows without probabilities,
    and with `beside` also what the coverage left out.
    """

    answers: list[str]
    probs: np.ndarray
    gold: np.ndarray
    clusters: np.ndarray
    rows: list[tuple[str, int]]
    left_out: int

    def beside(self, coverage: Coverage) -> "Confident":
        """The same rows, beside all that were, or should have been, asked for."""
        return self._replace(left_out=self.left_out + coverage.left_out)

    @property
    def confidence(self) -> np.ndarray:
        return self.probs.max(1).round(12)  # equal confidences stay equal

    @property
    def right(self) -> np.ndarray:
        """Whether the most probable answer is the gold one: bool [rows]. Equally probable ones: the first on the menu."""
        return self.probs.argmax(1) == self.gold


class Bin(NamedTuple):
    """One bar of a reliability diagram: confidences from `low` (exclusive) to `high`, and how often they were right."""

    low: float
    high: float
    confidence: float
    accuracy: Estimate


class SureError(NamedTuple):
    """A row that the judge was sure of and wrong about."""

    item: str
    sample: int
    confidence: float
    said: str
    gold: str


# -- rows


def confident_ratings(records: Records, column: int, gold: Mapping[str, float]) -> Confident:
    """A judge's rating probabilities on items with a gold rating, which is rounded (half up) to the nearest level."""
    found = [(v, records.items[v.item].video) for v in records.of([column])
             if v.score is not None and v.item in gold and v.item in records.items]  # fmt: skip
    answers = sorted({label for v, _ in found for label in v.probs or ()}, key=float)
    levels = np.array([float(label) for label in answers])
    place = {item: _nearest(levels, gold[item]) for item in {v.item for v, _ in found}} if answers else {}
    rows = [(v.probs, place.get(v.item, 0), video, (v.item, v.sample)) for v, video in found]
    return _confident(answers, rows)


def _nearest(levels: np.ndarray, rating: float) -> int:
    return int(np.abs(levels - rating - 1e-9).argmin())


def confident_choices(rows: Sequence[PairRow]) -> Confident:
    """A judge's choice probabilities, a row for each order shown, on pairs whose gold choice is on its menu."""
    found = [(v.probs, row.gold, row.video, (row.item, row.sample))
             for row in rows if row.gold for v in row.verdicts if v.choice is not None]  # fmt: skip
    answers = sorted({label for probs, *_ in found for label in probs or ()}, key=("A", "B", "tie").index)
    return _confident(answers, [(probs, answers.index(gold), *rest) for probs, gold, *rest in found if gold in answers])


def _confident(answers: list[str], rows: Sequence[tuple]) -> Confident:
    kept = [row for row in rows if row[0] and sum(row[0].values()) > 0]
    probs = np.array([[row[0].get(answer, 0.0) for answer in answers] for row in kept]).reshape(len(kept), len(answers))
    return Confident(answers, probs / probs.sum(1, keepdims=True), np.array([row[1] for row in kept], dtype=np.int64),
                     numbered([row[2] for row in kept]), [row[3] for row in kept], len(rows) - len(kept))  # fmt: skip


# -- calibration errors


def rating_ece(scores: np.ndarray, gold: np.ndarray, clusters: np.ndarray, left_out: int = 0) -> Estimate:
    """Expected calibration error of ratings, in rating units: |mean score - mean gold| of each bin, weighted by rows.

    A bin is one rating, or a tenth of the range where there are more than MAX_LEVELS.
    """
    if not len(scores):
        return mean_estimate([], np.empty(0, dtype=np.int64), left_out)
    levels, bins = np.unique(scores, return_inverse=True)
    if len(levels) > MAX_LEVELS:
        bins = np.minimum(((scores - levels[0]) / (levels[-1] - levels[0]) * BINS).astype(np.int64), BINS - 1)
    return _ece(bins, scores, gold, clusters, left_out)


def probability_ece(rows: Confident) -> Estimate:
    """Expected calibration error (Guo et al. 2017): |mean confidence - accuracy| of ten bins, weighted by rows."""
    return _ece(_bins(rows.confidence), rows.confidence, rows.right.astype(float), rows.clusters, rows.left_out)


def _bins(confidence: np.ndarray) -> np.ndarray:
    """Ten bins of equal width, each with its upper end."""
    return np.clip(np.ceil(confidence * BINS - 1e-9).astype(np.int64) - 1, 0, BINS - 1)


def _ece(bins: np.ndarray, said: np.ndarray, true: np.ndarray, clusters: np.ndarray, left_out: int) -> Estimate:
    if not len(bins):
        return mean_estimate([], clusters, left_out)
    width = int(bins.max()) + 1
    gaps = np.zeros((len(bins), width))
    gaps[np.arange(len(bins)), bins] = said - true
    rows = cluster_sums(np.column_stack([gaps, np.ones(len(bins))]), clusters)
    return estimate(rows, lambda sums: ratio(np.abs(sums[:, :-1]).sum(1), sums[:, -1]), len(bins), left_out)


def brier(rows: Confident) -> Estimate:
    """Brier score (1950) over all answers on the menu: mean of the squared distance to certainty of the gold, 0 to 2."""
    return mean_estimate(((rows.probs - _certain(rows)) ** 2).sum(1), rows.clusters, rows.left_out)


def ranked_probability(rows: Confident) -> Estimate:
    """Ranked probability score (Epstein 1969): as Brier's, of cumulated probabilities, so that near misses cost less."""
    steps = np.cumsum(rows.probs - _certain(rows), axis=1)[:, :-1]
    return mean_estimate((steps**2).sum(1), rows.clusters, rows.left_out)


def _certain(rows: Confident) -> np.ndarray:
    return np.eye(len(rows.answers))[rows.gold]


def reliability(rows: Confident) -> list[Bin]:
    """The bins of the reliability diagram that have rows."""
    bins, found = _bins(rows.confidence), []
    for number in np.unique(bins):
        here = bins == number
        accuracy = mean_estimate(rows.right[here], rows.clusters[here])
        found.append(Bin(number / BINS, (number + 1) / BINS, float(rows.confidence[here].mean()), accuracy))
    return found


def sure_errors(rows: Confident, sure: float = SURE) -> list[SureError]:
    """Rows wrong at a confidence of `sure` or more, the surest first."""
    places = [place for place in np.flatnonzero(~rows.right) if rows.confidence[place] >= sure]
    places.sort(key=lambda place: -rows.confidence[place])
    said = rows.probs.argmax(1)
    return [SureError(*rows.rows[place], float(rows.confidence[place]), rows.answers[said[place]],
                      rows.answers[rows.gold[place]]) for place in places]  # fmt: skip


def expected_ratings(rows: Confident) -> np.ndarray:
    """The mean rating under each row's probabilities: [rows]."""
    return rows.probs @ _levels(rows.answers)


def likeliest_ratings(rows: Confident) -> np.ndarray:
    """The most probable rating of each row: [rows]."""
    return _levels(rows.answers)[rows.probs.argmax(1)]


def _levels(answers: Iterable[str]) -> np.ndarray:
    return np.array([float(answer) for answer in answers])
