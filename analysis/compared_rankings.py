"""Rankings of several judges, a row a gold ranking: the values that paired tests compare, and what became of the rest."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from analysis.matching import Coverage
from analysis.rankings import edit_distance, gold_rankings, ranking_tau
from analysis.records import Records

Row = tuple[str, int, int]  # item, sample, place of the annotator among those who ranked the item
VALUES: Mapping[str, Callable[[Sequence[int], Sequence[int]], float]] = {
    "edit_distance": edit_distance,
    "kendall_tau": ranking_tau,
    "exact": lambda one, other: float(tuple(one) == tuple(other)),
    "best_found": lambda one, other: float(one[0] == other[0]),
}


class RankingRows(NamedTuple):
    """One judge's rankings beside the gold ones: value by row for each figure of VALUES, and the coverage."""

    values: dict[str, dict[Row, float]]
    coverage: Coverage


def ranking_rows(records: Records, columns: Mapping[str, int], gold: str) -> dict[str, RankingRows]:
    """The judges that ranked items with a gold ranking, by name."""
    golds = gold_rankings(records, gold)
    found = {name: _rows(records, column, golds) for name, column in columns.items()}
    return {name: one for name, one in found.items() if one.coverage.scored}


def _rows(records: Records, column: int, golds: Mapping[str, Sequence[tuple[int, ...]]]) -> RankingRows:
    verdicts = [one for one in records.of([column]) if one.item in golds]
    values: dict[str, dict[Row, float]] = {figure: {} for figure in VALUES}
    scored = 0
    for one in verdicts:
        for place, truth in enumerate(golds[one.item]):
            if one.ranking is not None and sorted(one.ranking) == sorted(truth):
                scored += 1
                for figure, value in VALUES.items():
                    values[figure][one.item, one.sample, place] = float(value(one.ranking, truth))
    asked, statuses = {one.item for one in verdicts}, Counter(one.status for one in verdicts)
    return RankingRows(values, Coverage(scored, *(statuses[name] for name in ("unparsed", "failed", "skipped")),
                                        absent=sum(item not in asked for item in golds)))  # fmt: skip
