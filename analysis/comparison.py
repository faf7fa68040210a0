"""Judges side by side on the rows that both have: differences with intervals, paired tests, Holm over all pairs."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from analysis.agreement import agreement
from analysis.compared_rankings import VALUES, RankingRows, ranking_rows
from analysis.estimate import Estimate, mean_estimate, numbered
from analysis.matching import Coverage, Matched, gold_ratings, no_common_items
from analysis.meta_evaluation import rated_judges, scaled, scaled_test
from analysis.paired import COMPARED, PairedTest, compare_means, compare_ratings, holm
from analysis.pairs import gold_choices, pair_coverage, pair_rows
from analysis.preference import right_or_wrong
from analysis.records import Records
from analysis.scales import same_scale
from analysis.sides import people_of, sides_of
from workbench.errors import InputError

PAIR_FIGURE = "accuracy"


class Comparison(NamedTuple):
    """`common`: each judge's figures on the rows that all judges have; `tests`: each two on the rows that those two have.

    `note` says why there are no tests, where there is none of what was asked for.
    """

    judges: list[str]
    coverage: dict[str, Coverage]
    common: dict[str, dict[str, Estimate]]
    tests: list[PairedTest]
    note: str = ""


class Comparisons(NamedTuple):
    """Ratings, preferences and rankings; None where fewer than two judges have any."""

    gold: str
    ratings: Comparison | None
    preferences: Comparison | None
    rankings: Comparison | None = None


def compare(
    records: Records, gold: str = "human", judges: Sequence[str] = (), baseline: str | None = None
) -> Comparisons:
    """Compare all judges, or those named, two by two; with `baseline` only against that one.

    People of the gold who are named, as judge or baseline, are measured by the others' labels. Raises InputError for an
    unknown judge, or where no two judges have the same kind of verdict on items with gold labels.
    """
    wanted = [*judges, *([baseline] if baseline else [])]
    people = people_of(records, gold)
    records, every = sides_of(records, gold, wanted)
    columns = _chosen(every, judges, wanted, people)
    parts = [part(records, columns, gold, baseline) for part in (_ratings, _preferences, _rankings)]
    if not any(parts):
        raise _too_few(records, columns, gold)
    return Comparisons(gold, *parts)


def _chosen(
    columns: Mapping[str, int], judges: Sequence[str], wanted: Sequence[str], people: Sequence[str]
) -> dict[str, int]:
    unknown = [name for name in wanted if name not in columns]
    if unknown:
        there = ", ".join(dict.fromkeys([*columns, *people])) or "none"
        raise InputError(f"compare: got judge {unknown[0]!r}; these runs have {there}.")
    return {name: column for name, column in columns.items() if not judges or name in wanted}


def _too_few(records: Records, columns: Mapping[str, int], gold_name: str) -> InputError:
    """Why nothing can be compared: too few judges, nothing in common with the gold, or each another kind of verdict."""
    if len(columns) < 2:
        return InputError(f"compare: got {len(columns)} judge beside the gold labels, expected two; give another run.")
    gold, choices = gold_ratings(records, gold_name), gold_choices(records, gold_name)
    met = {
        "ratings": [name for name, one in rated_judges(records, columns, gold).items() if one.coverage.scored],
        "preferences": [name for name, column in columns.items() if any(row.gold for row in pair_rows(records, column, choices))],
        "rankings": list(ranking_rows(records, columns, gold_name)),
    }  # fmt: skip
    told = "; ".join(f"{kind} by {', '.join(names)}" for kind, names in met.items() if names)
    if not told:
        return no_common_items(gold_name)
    return InputError(
        f"compare: beside the gold labels of {gold_name!r} got {told}; expected two judges with the same kind of verdict, on "
        "pairs of which one is preferred. Give the runs of another judge."
    )


def _two_by_two(names: Sequence[str], baseline: str | None) -> list[tuple[str, str]]:
    if baseline:
        return [(name, baseline) for name in names if name != baseline and baseline in names]
    return list(combinations(names, 2))


def _note(kind: str, names: Sequence[str], baseline: str | None) -> str:
    if not baseline or baseline in names:
        return ""
    return f"No tests: {baseline}, which the others were to be held against, has no {kind} beside the gold labels."


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
                      _common(matched, scales), holm(tests), _note("ratings", list(matched), baseline))  # fmt: skip


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
        _note("preferences", list(right), baseline),
    )  # fmt: skip


def _pair_test(right: Mapping[str, Mapping], first: str, second: str, videos: Mapping[str, str]) -> PairedTest:
    return _test_of(right, first, second, videos, PAIR_FIGURE)


def _test_of(
    values: Mapping[str, Mapping], first: str, second: str, videos: Mapping[str, str], figure: str
) -> PairedTest:
    """The paired test of a mean: each judge's values by row, the item first in it."""
    keys = list(dict.fromkeys([*values[first], *values[second]]))
    columns = (np.array([values[name].get(key, np.nan) for key in keys]) for name in (first, second))
    return compare_means(*columns, numbered([videos[item] for item, *_ in keys]), (first, second), figure)


def _rankings(records: Records, columns: Mapping[str, int], gold_name: str, baseline: str | None) -> Comparison | None:
    found = ranking_rows(records, columns, gold_name)
    if len(found) < 2:
        return None
    videos = {item: facts.video for item, facts in records.items.items()}
    tests = []
    for first, second in _two_by_two(list(found), baseline):
        each = [_test_of({name: one.values[figure] for name, one in found.items()}, first, second, videos, figure)
                for figure in VALUES]  # fmt: skip
        differences = {figure: one for test in each for figure, one in test.differences.items()}
        tests.append(each[0]._replace(differences=differences))  # p is of the first figure
    return Comparison(list(found), {name: one.coverage for name, one in found.items()}, _common_rankings(found, videos),
                      holm(tests), _note("rankings", list(found), baseline))  # fmt: skip


def _common_rankings(found: Mapping[str, RankingRows], videos: Mapping[str, str]) -> dict[str, dict[str, Estimate]]:
    first = next(iter(VALUES))
    common = set.intersection(*(set(one.values[first]) for one in found.values()))
    keys = [key for key in next(iter(found.values())).values[first] if key in common]
    clusters = numbered([videos[item] for item, *_ in keys])
    return {name: {figure: mean_estimate([by_row[key] for key in keys], clusters, len(by_row) - len(keys))
                   for figure, by_row in one.values.items()} for name, one in found.items()}  # fmt: skip
