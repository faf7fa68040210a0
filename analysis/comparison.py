"""Judges side by side on the rows that both have: differences with intervals, paired tests, Holm over all pairs."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from analysis.agreement import agreement
from analysis.estimate import Estimate, mean_estimate, numbered
from analysis.matching import Coverage, Matched, gold_ratings, no_common_items
from analysis.meta_evaluation import rated_judges, scaled, scaled_test
from analysis.paired import COMPARED, PairedTest, compare_means, compare_ratings, holm
from analysis.pairs import gold_choices, pair_coverage, pair_rows
from analysis.preference import right_or_wrong
from analysis.records import Records, judge_columns
from analysis.scales import same_scale
from workbench.errors import InputError

PAIR_FIGURE = "accuracy"


class Comparison(NamedTuple):
    """`common`: each judge's figures on the rows that all judges have; `tests`: each two on the rows that those two have."""

    judges: list[str]
    coverage: dict[str, Coverage]
    common: dict[str, dict[str, Estimate]]
    tests: list[PairedTest]


class Comparisons(NamedTuple):
    """Ratings and preferences; None where fewer than two judges have any."""

    gold: str
    ratings: Comparison | None
    preferences: Comparison | None


def compare(
    records: Records, gold: str = "human", judges: Sequence[str] = (), baseline: str | None = None
) -> Comparisons:
    """Compare all judges, or those named, two by two; with `baseline` only against that one.

    Raises InputError for an unknown judge, or where fewer than two judges have gold labels to be compared by.
    """
    columns = _chosen(judge_columns(records, gold), judges, baseline)
    found = Comparisons(
        gold, _ratings(records, columns, gold, baseline), _preferences(records, columns, gold, baseline)
    )
    if found.ratings is None and found.preferences is None:
        if len(columns) > 1:
            raise no_common_items(gold)
        raise InputError(f"compare: got {len(columns)} judge beside the gold labels, expected two; give another run.")
    return found


def _chosen(columns: dict[str, int], judges: Sequence[str], baseline: str | None) -> dict[str, int]:
    wanted = [*judges, *([baseline] if baseline else [])]
    unknown = [name for name in wanted if name not in columns]
    if unknown:
        raise InputError(f"compare: got judge {unknown[0]!r}; these runs have {', '.join(columns) or 'none'}.")
    return {name: column for name, column in columns.items() if not judges or name in wanted}


def _two_by_two(names: Sequence[str], baseline: str | None) -> list[tuple[str, str]]:
    if baseline in names:
        return [(name, baseline) for name in names if name != baseline]
    return list(combinations(names, 2))


def _ratings(records: Records, columns: Mapping[str, int], gold_name: str, baseline: str | None) -> Comparison | None:
    gold = gold_ratings(records, gold_name)
    matched = {name: one for name, one in rated_judges(records, columns, gold).items() if one.coverage.scored}
    if len(matched) < 2:
        return None
    scales = {name: same_scale(one.scores, records, columns[name], gold) for name, one in matched.items()}
    tests = []
    for first, second in _two_by_two(list(matched), baseline):
        rows = _joined([matched[first], matched[second]])
        test = compare_ratings(*rows.scores, rows.gold, rows.clusters, (first, second))
        tests.append(scaled_test(test, scales[first] and scales[second]))
    return Comparison(list(matched), {name: one.coverage for name, one in matched.items()},
                      _common(matched, scales), holm(tests))  # fmt: skip


class _Joined(NamedTuple):
    """Rows (item, sample) of several judges: scores [judges, rows], NaN where one has none."""

    scores: np.ndarray
    gold: np.ndarray
    clusters: np.ndarray


def _joined(matched: Sequence[Matched]) -> _Joined:
    place: dict[tuple[str, int], int] = {}
    for one in matched:
        for row in one.rows:
            place.setdefault(row, len(place))
    scores, gold = np.full((len(matched), len(place)), np.nan), np.full(len(place), np.nan)
    clusters = np.zeros(len(place), dtype=np.int64)
    for judge, one in enumerate(matched):
        where = np.array([place[row] for row in one.rows], dtype=np.int64)
        scores[judge, where], gold[where], clusters[where] = one.scores, one.gold, one.clusters
    return _Joined(scores, gold, clusters)


def _common(matched: Mapping[str, Matched], scales: Mapping[str, bool]) -> dict[str, dict[str, Estimate]]:
    rows = _joined(list(matched.values()))
    there = np.isfinite(rows.scores).all(0)
    left_out = int((~there).sum())
    found = {}
    for name, scores in zip(matched, rows.scores, strict=True):
        figures = agreement(scores[there], rows.gold[there], rows.clusters[there], left_out)
        found[name] = scaled({figure: figures[figure] for figure in COMPARED}, scales[name])
    return found


def _preferences(
    records: Records, columns: Mapping[str, int], gold_name: str, baseline: str | None
) -> Comparison | None:
    choices = gold_choices(records, gold_name)
    rows = {name: pair_rows(records, column, choices) for name, column in columns.items()}
    right = {name: found for name, some in rows.items() if (found := right_or_wrong(some))}
    if len(right) < 2:
        return None
    videos = {row.item: row.video for some in rows.values() for row in some}
    common = set.intersection(*(set(found) for found in right.values()))
    keys = [key for key in next(iter(right.values())) if key in common]
    clusters = numbered([videos[item] for item, _, _ in keys])
    tests = [_pair_test(right, first, second, videos) for first, second in _two_by_two(list(right), baseline)]
    return Comparison(
        list(right),
        {name: pair_coverage(rows[name], choices) for name in right},
        {name: {PAIR_FIGURE: mean_estimate([found[key] for key in keys], clusters, len(found) - len(keys))}
         for name, found in right.items()},
        holm(tests),
    )  # fmt: skip


def _pair_test(right: Mapping[str, Mapping], first: str, second: str, videos: Mapping[str, str]) -> PairedTest:
    keys = list(dict.fromkeys([*right[first], *right[second]]))
    columns = (np.array([right[name].get(key, np.nan) for key in keys]) for name in (first, second))
    return compare_means(*columns, numbered([videos[item] for item, _, _ in keys]), (first, second), PAIR_FIGURE)
