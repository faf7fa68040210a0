"""Cases: every item of some runs with what each judge says of it beside the gold, to be filtered and put in order.

A case is wrong in size and direction (ratings), in its choice (pairs), flips with the order, has no verdict, or divides the
judges. Reading is in two steps: cases are small and all in memory; the texts of one are read when it is opened.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from analysis.matching import gold_ratings
from analysis.pairs import gold_choices, pair_rows
from analysis.rankings import gold_rankings, in_letters, joint_ranking
from analysis.records import Records, Verdict, judge_columns, labels, read_runs
from analysis.scales import same_scale
from workbench.errors import InputError
from workbench.schema import Item, Kind, content_id
from workbench.store import read_lines

Direction = Literal["any", "over", "under", "wrong choice", "flips", "no verdict"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
KIND_TAGS = ("instruction_kind", "dimension", "category", "task", "kind")  # tags that say what kind of item it is
SCALE = (1.0, 5.0)  # judges with ratings outside it and the gold's own have no part in the spread


class Stand(NamedTuple):
    """What one judge says of an item: the mean of its ratings, the outcome of a pair, its ranking, or None without a verdict.

    `error` is rating less gold, None where there is no gold or another scale; `wrong` is of choices and rankings; `flips`
    where the verdict changed with the order, or with the sample.
    """

    judge: str
    said: float | str | None
    error: float | None
    wrong: bool
    flips: bool
    comparable: bool


class Case(NamedTuple):
    """An item. `gold` is the mean gold rating, the gold choice or ranking; `spread` how far the judges are apart: in rating
    points, or 1 for what they decide differently; `words` are those of the longest response."""

    item: str
    kind: Kind
    about: str
    words: int
    gold: float | str | None
    stands: tuple[Stand, ...]
    spread: float


class Filters(NamedTuple):
    """Which cases to look at. Empty text, 0 and "any" take all. `rating` is of the gold, rounded half up."""

    judge: str = ""
    direction: Direction = "any"
    size: float = 0.0
    rating: int = 0
    kind: str = ""
    shortest: int = 0
    longest: int = 0
    spread: float = 0.0


EVERYTHING = Filters()

# -- reading


def read_cases(folders: Sequence[str | Path], gold: str = "human") -> list[Case]:
    """The cases of some runs, in the order of their items. Without gold (""), they are told by the judges alone.

    Raises StoreError for a folder that is no run, InputError where nobody is called `gold`.
    """
    return cases_of(read_runs(folders), response_words(folders), gold)


def response_words(folders: Iterable[str | Path]) -> dict[str, int]:
    """Words of the longest response by item id."""
    items = (Item.from_dict(line) for folder in folders for line in read_lines(Path(folder) / "items.jsonl"))
    return {item.id: max(len(response.split()) for response in item.responses) for item in items}


def cases_of(records: Records, words: Mapping[str, int], gold: str = "human") -> list[Case]:
    """The cases of records at hand."""
    rated = gold_ratings(records, gold) if gold else None
    ratings = rated.by_item if rated else {}
    choices = gold_choices(records, gold) if gold else {}
    rankings = (
        {item: in_letters(joint_ranking(some)) for item, some in gold_rankings(records, gold).items()} if gold else {}
    )
    columns = (
        judge_columns(records, gold) if gold else dict(zip(labels(records), range(len(records.columns)), strict=True))
    )
    ends = min([SCALE[0], *ratings.values()]), max([SCALE[1], *ratings.values()])
    stands: dict[str, list[Stand]] = defaultdict(list)
    for judge, column in columns.items():
        own_scale = rated is not None and same_scale(_scores(records, column), records, column, rated)
        for item, stand in _rated(records, judge, column, ratings if own_scale else {}, ends):
            stands[item].append(stand)
        for item, stand in _chosen(records, judge, column, choices):
            stands[item].append(stand)
        for item, stand in _ranked(records, judge, column, rankings):
            stands[item].append(stand)
    golds: dict[str, Any] = {**rankings, **choices, **ratings}
    return [
        Case(item, facts.kind, _about(facts.tags), words.get(item, 0), golds.get(item),
             tuple(stands[item]), _spread(stands[item]))
        for item, facts in records.items.items() if item in stands
    ]  # fmt: skip


def _scores(records: Records, column: int) -> np.ndarray:
    return np.array([one.score for one in records.of([column]) if one.score is not None], dtype=float)


def _rated(records: Records, judge: str, column: int, gold: Mapping[str, float], ends: tuple[float, float]):
    by_item: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in records.of([column]):
        if verdict.item in records.items and records.items[verdict.item].kind == "pointwise":
            by_item[verdict.item].append(verdict)
    scores = {item: [one.score for one in some if one.score is not None] for item, some in by_item.items()}
    every = [score for some in scores.values() for score in some]
    comparable = bool(every) and ends[0] <= min(every) and max(every) <= ends[1]
    for item in by_item:
        said = sum(scores[item]) / len(scores[item]) if scores[item] else None
        error = said - gold[item] if said is not None and item in gold else None
        yield item, Stand(judge, said, error, False, len(set(scores[item])) > 1, comparable)


def _chosen(records: Records, judge: str, column: int, gold: Mapping[str, str]):
    by_item: dict[str, list] = defaultdict(list)
    for row in pair_rows(records, column, gold):  # type: ignore[arg-type]
        by_item[row.item].append(row)
    for item, rows in by_item.items():
        outcomes = [row.outcome for row in rows if row.outcome is not None]
        said = max(outcomes, key=outcomes.count) if outcomes else None
        flips = "inconsistent" in outcomes or len(set(outcomes)) > 1
        wrong = said is not None and item in gold and said != gold[item]
        yield item, Stand(judge, said, None, wrong, flips, True)


def _ranked(records: Records, judge: str, column: int, gold: Mapping[str, str]):
    by_item: dict[str, list[str | None]] = defaultdict(list)
    for one in records.of([column]):
        if one.item in records.items and records.items[one.item].kind == "ranking":
            by_item[one.item].append(in_letters(one.ranking) if one.ranking is not None else None)
    for item, some in by_item.items():
        told = [one for one in some if one is not None]
        said = max(told, key=told.count) if told else None
        yield (
            item,
            Stand(judge, said, None, said is not None and gold.get(item, said) != said, len(set(told)) > 1, True),
        )


def _about(tags: Mapping[str, str]) -> str:
    return next((tags[name] for name in KIND_TAGS if tags.get(name)), "")


def _spread(stands: Sequence[Stand]) -> float:
    scores = [stand.said for stand in stands if isinstance(stand.said, float) and stand.comparable]
    outcomes = {stand.said for stand in stands if isinstance(stand.said, str)}
    return max(max(scores) - min(scores) if scores else 0.0, float(len(outcomes) > 1))


# -- filtering


def passing(cases: Iterable[Case], filters: Filters = EVERYTHING) -> list[Case]:
    """The cases that pass, the worst first; of equally bad ones in an order that tells nothing."""
    kept = [case for case in cases if passes(case, filters)]
    return sorted(kept, key=lambda case: (-badness(case, filters), content_id(case.item)))


def passes(case: Case, filters: Filters) -> bool:
    """Whether a case is asked for: by itself, and by one of the judges asked about."""
    if filters.rating and (not isinstance(case.gold, float) or int(case.gold + 0.5) != filters.rating):
        return False
    if filters.kind and filters.kind not in (case.kind, case.about):
        return False
    if case.words < filters.shortest or (filters.longest and case.words > filters.longest):
        return False
    if case.spread < filters.spread:
        return False
    return any(_stands_out(stand, filters) for stand in case.stands)


def _stands_out(stand: Stand, filters: Filters) -> bool:
    if filters.judge and stand.judge != filters.judge:
        return False
    if filters.size and (stand.error is None or abs(stand.error) < filters.size - 1e-9):
        return False
    return {
        "any": True,
        "over": stand.error is not None and stand.error > 0,
        "under": stand.error is not None and stand.error < 0,
        "wrong choice": stand.wrong,
        "flips": stand.flips,
        "no verdict": stand.said is None,
    }[filters.direction]


def badness(case: Case, filters: Filters = EVERYTHING) -> float:
    """How bad a case is: the largest error in rating points among the judges asked about, then how far judges are apart."""
    asked = [stand for stand in case.stands if _stands_out(stand, filters)]
    errors = [abs(stand.error) for stand in asked if stand.error is not None]
    others = [2.0 * stand.wrong + 1.0 * stand.flips for stand in asked]
    return max([0.0, *errors, *others]) + case.spread / 100


def kinds(cases: Iterable[Case]) -> list[str]:
    """What the filter by kind can take: kinds of judging, and what the items' tags say."""
    found = {name for case in cases for name in (case.kind, case.about) if name}
    return sorted(found)


def judges_of(cases: Iterable[Case]) -> list[str]:
    """The judges that say something of these cases."""
    return list(dict.fromkeys(stand.judge for case in cases for stand in case.stands))


def check_filters(filters: Filters, cases: Sequence[Case]) -> None:
    """Raises InputError for a judge or kind that these cases do not have."""
    for name, value, there in (("judge", filters.judge, judges_of(cases)), ("kind", filters.kind, kinds(cases))):
        if value and value not in there:
            raise InputError(f"--{name}: got {value!r}; these runs have {', '.join(there) or 'none'}.")
