"""Matching a judge's ratings with the gold ratings of the same items: who rated what, and what is missing.

A rating that is unparsed, failed or skipped is coverage, never a score. Every sample of a judge is a row of its own; rows
of one video are drawn together, so that repeats do not narrow an interval.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from analysis.estimate import numbered
from analysis.records import Records, Verdict, gold_columns
from workbench.errors import InputError

MEAN = "mean of people"


class Coverage(NamedTuple):
    """What became of the items that have a gold label: rows by status; `absent` is the number never asked."""

    scored: int
    unparsed: int = 0
    failed: int = 0
    skipped: int = 0
    absent: int = 0
    no_gold: int = 0  # the judge's own scored rows that no gold label is there for

    @property
    def left_out(self) -> int:
        return self.unparsed + self.failed + self.skipped + self.absent

    @property
    def share(self) -> float | None:
        total = self.scored + self.left_out
        return self.scored / total if total else None

    def __str__(self) -> str:
        parts = [f"{self.scored} scored"]
        parts += [
            f"{count} {name.replace('_', ' ')}" for name, count in self._asdict().items() if name != "scored" and count
        ]
        return ", ".join(parts)


class Gold(NamedTuple):
    """Gold ratings [annotators, items], NaN where an annotator has none; items by id, with the number of their video."""

    annotators: list[str]
    items: list[str]
    clusters: np.ndarray
    ratings: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Mean rating of each item over the annotators who rated it: [items]."""
        known = np.isfinite(self.ratings)
        return np.where(known, self.ratings, 0).sum(0) / known.sum(0)


class Matched(NamedTuple):
    """A judge's scores beside the gold ones: [rows] each. `rows` names item and sample."""

    scores: np.ndarray
    gold: np.ndarray
    clusters: np.ndarray
    rows: list[tuple[str, int]]
    coverage: Coverage


def gold_ratings(records: Records, gold: str) -> Gold:
    """The gold ratings of every item that has one. Several ratings of one annotator for an item count as their mean.

    Raises InputError where nobody is called `gold`.
    """
    by_judge = gold_columns(records, gold)
    annotator = {column: place for place, columns in enumerate(by_judge.values()) for column in columns}
    found: dict[str, dict[int, list[float]]] = {}
    for verdict in records.of(annotator):
        if verdict.score is not None and verdict.item in records.items:
            found.setdefault(verdict.item, {}).setdefault(annotator[verdict.column], []).append(verdict.score)
    ratings = np.full((len(by_judge), len(found)), np.nan)
    for place, scores in enumerate(found.values()):
        for who, given in scores.items():
            ratings[who, place] = sum(given) / len(given)
    raters = [place for place in range(len(by_judge)) if np.isfinite(ratings[place]).any()]
    clusters = numbered([records.items[item].video for item in found])
    return Gold([list(by_judge)[place] for place in raters], list(found), clusters, ratings[raters])


def match_ratings(
    verdicts: Sequence[Verdict], gold: Mapping[str, float], clusters: Mapping[str, int], records: Records
) -> Matched:
    """The scored verdicts of one judge on items with a gold rating; gold and clusters are by item id."""
    rows = [v for v in verdicts if v.score is not None and v.item in gold]
    asked = {v.item for v in verdicts}
    statuses = Counter(v.status for v in verdicts if v.item in gold)
    coverage = Coverage(
        len(rows),
        *(statuses[name] for name in ("unparsed", "failed", "skipped")),
        absent=sum(item not in asked for item in gold),
        no_gold=sum(v.score is not None and v.item not in gold and _rated_alone(records, v) for v in verdicts),
    )
    return Matched(
        np.array([v.score for v in rows], dtype=float),
        np.array([gold[v.item] for v in rows], dtype=float),
        np.array([clusters[v.item] for v in rows], dtype=np.int64),
        [(v.item, v.sample) for v in rows],
        coverage,
    )


def _rated_alone(records: Records, verdict: Verdict) -> bool:
    return verdict.item not in records.items or records.items[verdict.item].kind == "pointwise"


def matched_judges(records: Records, judges: Mapping[str, int], gold: Gold) -> dict[str, Matched]:
    """Every judge's ratings beside the mean gold rating. Judges that rated nothing of it are left out.

    Raises InputError where no judge and gold label meet on any item.
    """
    means = dict(zip(gold.items, gold.mean.tolist(), strict=True))
    clusters = dict(zip(gold.items, gold.clusters.tolist(), strict=True))
    by_column: dict[int, list[Verdict]] = {place: [] for place in judges.values()}
    for verdict in records.of(judges.values()):
        by_column[verdict.column].append(verdict)
    found = {name: match_ratings(by_column[place], means, clusters, records) for name, place in judges.items()}
    found = {name: one for name, one in found.items() if one.coverage.scored or one.coverage.absent < len(means)}
    if means and not found:
        raise InputError(
            f"No judge has rated any of the {len(means)} items with a gold rating; items are the same when video, "
            "instruction, response, reference and description are. Give the runs that judged those items."
        )
    return found


def against_annotator(one: Matched, gold: Gold, annotator: int) -> Matched:
    """The same rows against one annotator's ratings; rows that the annotator has none for count as no gold."""
    ratings = dict(zip(gold.items, gold.ratings[annotator].tolist(), strict=True))
    theirs = np.array([ratings[item] for item, _ in one.rows], dtype=float)
    known = np.isfinite(theirs)
    coverage = one.coverage._replace(scored=int(known.sum()), no_gold=one.coverage.no_gold + int((~known).sum()))
    rows = [row for row, there in zip(one.rows, known, strict=True) if there]
    return Matched(one.scores[known], theirs[known], one.clusters[known], rows, coverage)
