"""Everything `agree` tells: each judge of some runs beside the gold labels, in ratings, preferences and rankings."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from analysis.agreement import RatingErrors, agreement, errors_by_rating
from analysis.annotators import Among, against_the_others, choice_agreement, krippendorff, ranking_agreement
from analysis.arena import Standing, games_of, standings
from analysis.estimate import Estimate
from analysis.matching import Coverage, Gold, Matched, gold_ratings, matched_judges, no_common_items
from analysis.paired import PairedTest
from analysis.pairs import PairRow, choices_by_annotator, gold_choices, pair_coverage, pair_rows
from analysis.point_pairs import PointVersusPair, Superiority, points_versus_pairs, superiority
from analysis.preference import Dimensions, by_dimension, preference
from analysis.rankings import ranking_figures, rankings_by_annotator
from analysis.records import Records, Verdict, judge_columns
from analysis.scales import same_scale
from workbench.errors import InputError
from workbench.schema import Choice

SCALED = ("rmse", "mae", "bias", "exact", "within_one", "kappa", "kappa_linear", "kappa_quadratic", "over_by_2",
          "under_by_2")  # fmt: skip
OTHER_SCALE = "the judge's scale is not the gold ratings'"


class Annotators(NamedTuple):
    """How far the people agree. In ratings: Krippendorff's alpha by level of measurement, each one against the mean of the
    others; nobody and nothing where fewer than two rated. In choices and rankings: None where fewer than two gave any."""

    names: list[str]
    items: int
    alpha: dict[str, Estimate]
    against_others: list[dict[str, Estimate]]
    choices: Among | None
    rankings: Among | None


class Ratings(NamedTuple):
    """One judge's ratings beside the (mean) gold rating, and beside each annotator's own where there are several."""

    coverage: Coverage
    figures: dict[str, Estimate]
    by_rating: list[RatingErrors]
    by_annotator: dict[str, dict[str, Estimate]]
    superiority: Superiority


class Preferences(NamedTuple):
    """One judge's pair verdicts beside the gold choices."""

    coverage: Coverage
    figures: dict[str, Estimate]
    dimensions: Dimensions | None
    point_versus_pair: dict[str, PointVersusPair]  # by the label of the judge's prompt and settings that rated
    standings: list[Standing]


class JudgeResult(NamedTuple):
    """What can be said of one judge; None for kinds of judgments that it, or the gold, has none of."""

    ratings: Ratings | None
    preferences: Preferences | None
    rankings: dict[str, Estimate] | None


class MetaEvaluation(NamedTuple):
    """All judges by label."""

    gold: str
    annotators: Annotators | None
    judges: dict[str, JudgeResult]


def meta_evaluate(records: Records, gold: str = "human", dimension: str | None = None) -> MetaEvaluation:
    """Measure every judge of the records against the gold labels; `dimension` is a tag to break preferences down by.

    Raises InputError where nobody is called `gold`, or no judge met it on any item.
    """
    ratings, choices = gold_ratings(records, gold), gold_choices(records, gold)
    columns = judge_columns(records, gold)
    if not columns:
        raise InputError(f"There is no judge beside {gold!r} in these runs; give a run that judged the same items.")
    rated = rated_judges(records, columns, ratings) if ratings.items else {}
    beside = _by_annotator(records, columns, ratings) if len(ratings.annotators) > 1 else {}
    paired = {name: pair_rows(records, column, choices) for name, column in columns.items()}
    judges = {}
    for name, column in columns.items():
        found = JudgeResult(
            _ratings(rated[name], beside.get(name, {}), ratings, records, column) if name in rated else None,
            _preferences(paired[name], choices, records, column, dimension) if paired[name] else None,
            _rankings(records, column, gold),
        )
        if any(part is not None for part in found):
            judges[name] = found
    if not judges:
        raise no_common_items(gold)
    return MetaEvaluation(gold, _annotators(records, gold, ratings), judges)


def rated_judges(records: Records, columns: Mapping[str, int], gold: Gold) -> dict[str, Matched]:
    """The judges that rated single responses, matched with the gold."""
    rates = {verdict.column for verdict in records.verdicts if _rates(verdict, records)}
    rating = {name: column for name, column in columns.items() if column in rates}
    return matched_judges(records, rating, gold) if rating else {}


def _rates(verdict: Verdict, records: Records) -> bool:
    facts = records.items.get(verdict.item)
    return verdict.score is not None or (facts is not None and facts.kind == "pointwise")


def _by_annotator(records: Records, columns: Mapping[str, int], gold: Gold) -> dict[str, dict[str, Matched]]:
    """Judges by name, beside each annotator by name."""
    found: dict[str, dict[str, Matched]] = {}
    for place, annotator in enumerate(gold.annotators):
        for name, one in matched_judges(records, columns, gold, place).items():
            found.setdefault(name, {})[annotator] = one
    return found


def _ratings(one: Matched, beside: Mapping[str, Matched], gold: Gold, records: Records, column: int) -> Ratings:
    own_scale = same_scale(one.scores, records, column, gold)
    return Ratings(
        one.coverage,
        _agreement(one, own_scale),
        errors_by_rating(one.scores, one.gold, one.clusters) if own_scale else [],
        {annotator: _agreement(theirs, own_scale) for annotator, theirs in beside.items()},
        superiority(records, column, gold.by_item),
    )


def _agreement(one: Matched, own_scale: bool) -> dict[str, Estimate]:
    return scaled(agreement(one.scores, one.gold, one.clusters, one.coverage.left_out), own_scale)


def scaled(figures: dict[str, Estimate], same: bool) -> dict[str, Estimate]:
    """The figures, those that compare numbers emptied where the two ratings are not on one scale."""
    if same:
        return figures
    empty = {name: Estimate(None, None, None, one.n, one.left_out, one.videos, OTHER_SCALE)
             for name, one in figures.items() if name in SCALED}  # fmt: skip
    return {**figures, **empty}


def scaled_test(test: PairedTest, same: bool) -> PairedTest:
    """A paired test, its differences and its p as `scaled` leaves them."""
    return test if same else test._replace(differences=scaled(test.differences, same), p=None)


def _preferences(
    rows: Sequence[PairRow], gold: Mapping[str, Choice], records: Records, column: int, dimension: str | None
) -> Preferences:
    return Preferences(
        pair_coverage(rows, gold),
        preference(rows, gold),
        by_dimension(rows, dimension) if dimension else None,
        points_versus_pairs(records, column, rows),
        standings(*games_of(rows)),
    )


def _rankings(records: Records, column: int, gold: str) -> dict[str, Estimate] | None:
    figures = ranking_figures(records, column, gold)
    return figures if any(one.n + one.left_out for one in figures.values()) else None


def _annotators(records: Records, gold: str, ratings: Gold) -> Annotators | None:
    videos = {item: facts.video for item, facts in records.items.items()}
    choices = choice_agreement(choices_by_annotator(records, gold), videos)
    rankings = ranking_agreement(rankings_by_annotator(records, gold), videos)
    if len(ratings.annotators) < 2:
        return Annotators([], 0, {}, [], choices, rankings) if choices or rankings else None
    alpha, others = (measure(ratings.ratings, ratings.clusters) for measure in (krippendorff, against_the_others))
    return Annotators(ratings.annotators, len(ratings.items), alpha, others, choices, rankings)
