"""Matching a judge's ratings with the gold ratings of the same items: who rated what, and what is missing.

A rating that is unparsed, failed or skipped is coverage, never a score. Every sample of a judge is a row of its own; rows
of one video are drawn together, so that repeats do not narrow an interval.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from analysis.estimate import numbered
from analysis.gold_labels import gold_labels
from analysis.records import Records, Verdict
from workbench.errors import InputError


class Coverage(NamedTuple):
    """What became of the items that have a gold label: rows by status; `absent` are those never asked (`absent_rows`)."""

    scored: int
    unparsed: int = 0
    failed: int = 0
    skipped: int = 0
    absent: int = 0
    no_gold: int = 0  # the judge's own scored rows that no gold label is there for

    @property
    def asked(self) -> int:
        return self.scored + self.unparsed + self.failed + self.skipped

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

    @property
    def by_item(self) -> dict[str, float]:
        """Mean rating by item id."""
        return dict(zip(self.items, self.mean.tolist(), strict=True))

    def of(self, annotator: int) -> dict[str, float]:
        """One annotator's ratings by item id."""
        known = np.isfinite(self.ratings[annotator])
        return {item: float(self.ratings[annotator, place]) for place, item in enumerate(self.items) if known[place]}


class Matched(NamedTuple):
    """A judge's scores beside the gold ones: [rows] each. `rows` names item and sample."""

    scores: np.ndarray
    gold: np.ndarray
    clusters: np.ndarray
    rows: list[tuple[str, int]]
    coverage: Coverage


def gold_ratings(records: Records, gold: str) -> Gold:
    """The gold ratings of every item that has one. Several samples of one annotator for an item count as their mean.

    Raises InputError where nobody is called `gold`.
    """
    by_judge = gold_labels(records, gold)
    found: dict[str, dict[int, list[float]]] = {}
    for place, verdicts in enumerate(by_judge.values()):
        for verdict in verdicts:
            if verdict.score is not None and verdict.item in records.items:
                found.setdefault(verdict.item, {}).setdefault(place, []).append(verdict.score)
    ratings = np.full((len(by_judge), len(found)), np.nan)
    for place, scores in enumerate(found.values()):
        for who, given in scores.items():
            ratings[who, place] = sum(given) / len(given)
    raters = [place for place in range(len(by_judge)) if np.isfinite(ratings[place]).any()]
    clusters = numbered([records.items[item].video for item in found])
    return Gold([list(by_judge)[place] for place in raters], list(found), clusters, ratings[raters])


def usual_rows(counts: Iterable[int]) -> int:
    """How often a judge is asked about an item, samples times orders: the most frequent count, of equals the largest.

    1 where it was asked about none.
    """
    frequent = Counter(counts)
    return max(frequent, key=lambda count: (frequent[count], count), default=1)


def absent_rows(items: Iterable[str], asked: Mapping[str, int]) -> int:
    """The rows that these items lack beside what is usual, of a judge that was `asked` so often about each item id."""
    usual = usual_rows(asked.values())
    return sum(max(0, usual - asked.get(item, 0)) for item in items)


def match_ratings(
    verdicts: Sequence[Verdict], gold: Mapping[str, float], clusters: Mapping[str, int], records: Records
) -> Matched:
    """The scored verdicts of one judge on items with a gold rating; gold and clusters are by item id."""
    rows = [v for v in verdicts if v.score is not None and v.item in gold]
    asked = Counter(v.item for v in verdicts if v.item in gold)
    statuses = Counter(v.status for v in verdicts if v.item in gold)
    coverage = Coverage(
        len(rows),
        *(statuses[name] for name in ("unparsed", "failed", "skipped")),
        absent=absent_rows(gold, asked),
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


def matched_judges(
    records: Records, judges: Mapping[str, int], gold: Gold, annotator: int | None = None
) -> dict[str, Matched]:
    """Every judge's ratings beside the mean gold rating, or beside one annotator's. Judges asked none of it are left out."""
    ratings = gold.by_item if annotator is None else gold.of(annotator)
    clusters = dict(zip(gold.items, gold.clusters.tolist(), strict=True))
    by_column: dict[int, list[Verdict]] = {place: [] for place in judges.values()}
    for verdict in records.of(judges.values()):
        by_column[verdict.column].append(verdict)
    found = {name: match_ratings(by_column[place], ratings, clusters, records) for name, place in judges.items()}
    return {name: one for name, one in found.items() if one.coverage.asked}


def no_common_items(gold: str) -> InputError:
    """What to raise when no judge was asked about any item with a gold label."""
    return InputError(
        f"No judge of these runs has an item in common with the gold labels of {gold!r}; items are the same when video, "
        "instruction, response, reference and description are. Give the runs that judged those items."
    )
