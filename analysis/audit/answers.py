"""What a judge answered in an audit, by probe and change: columns of scores, one row a base item."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from analysis.audit.ask import Asked
from analysis.estimate import numbered
from analysis.records import ItemFacts
from workbench.schema import Judgment

Cell = tuple[str, str]  # probe, change


class Answers(NamedTuple):
    """One judge's judgments by (probe, change), then base item, then (order, sample); None where there is none yet.

    `refused`: why requests were never made, by probe. `facts` are of all items of the run.
    """

    judge: str
    cells: Mapping[Cell, Mapping[str, Mapping[tuple[tuple[int, ...], int], Judgment | None]]]
    refused: Mapping[str, str]
    facts: Mapping[str, ItemFacts]

    def scores(self, probe: str, change: str, sample: int = 0) -> dict[str, float]:
        """Score by base item, NaN where the judge was asked and there is no score."""
        found = {}
        for of, by_request in self.cells.get((probe, change), {}).items():
            judgment = by_request.get(((0,), sample))
            found[of] = np.nan if judgment is None or judgment.score is None else judgment.score
        return found

    def samples(self, probe: str, change: str) -> dict[str, list[float]]:
        """All scores by base item, those without a verdict left out."""
        return {
            of: [one.score for one in by_request.values() if one is not None and one.score is not None]
            for of, by_request in self.cells.get((probe, change), {}).items()
        }

    def judgments(self, probe: str, change: str) -> list[Judgment | None]:
        """Every request's judgment."""
        return [one for by_request in self.cells.get((probe, change), {}).values() for one in by_request.values()]

    def clusters(self, items: Iterable[str]) -> np.ndarray:
        """The number of the video of each base item: int [items]."""
        return numbered([self.facts[item].video for item in items])


class Joined(NamedTuple):
    """Columns of scores [columns][rows] on the base items that all of them were asked about."""

    columns: list[np.ndarray]
    clusters: np.ndarray
    items: list[str]


def join(answers: Answers, *columns: Mapping[str, float]) -> Joined:
    """Put columns by base item side by side."""
    items = [item for item in columns[0] if all(item in column for column in columns)]
    values = [np.array([column[item] for item in items], dtype=float) for column in columns]
    return Joined(values, answers.clusters(items), items)


def answers_by_judge(
    asked: Sequence[Asked], judgments: Iterable[Judgment], facts: Mapping[str, ItemFacts]
) -> dict[str, Answers]:
    """The judgments of a run sorted into the variants they answer."""
    by_key = {one.key: one for one in judgments}
    cells: dict[str, dict] = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    refused: dict[str, dict[str, str]] = defaultdict(dict)
    for line in asked:
        if line.key is None:
            refused[line.judge].setdefault(line.probe, str(line.reason))
        else:
            cell = cells[line.judge][line.probe, line.change]
            cell[line.of][line.order, line.sample] = by_key.get(line.key)
    names = dict.fromkeys(line.judge for line in asked)
    return {name: Answers(name, cells[name], refused[name], facts) for name in names}
