"""What more samples are worth, for every judge of some runs: the curves of ratings and of preferences."""

from typing import NamedTuple

from analysis.matching import gold_ratings
from analysis.meta_evaluation import scaled
from analysis.pairs import gold_choices, pair_rows
from analysis.records import Records, judge_columns
from analysis.scales import same_scale
from analysis.scaling import ScalePoint, rating_curve, rating_samples
from analysis.scaling_pairs import pair_curve, votes_of
from workbench.errors import InputError


class Scaling(NamedTuple):
    """Curves over the number of samples of one judge; empty for kinds it has no verdicts of."""

    ratings: list[ScalePoint]
    preferences: list[ScalePoint]


def scale(records: Records, gold: str = "human", seed: int = 0) -> dict[str, Scaling]:
    """The curves of every judge by label.

    Raises InputError where nobody is called `gold`, or there is nothing to draw a curve of.
    """
    found = curves(records, gold, seed)
    if not found:
        raise InputError(
            f"scale: no judge has anything in common with {gold!r} to draw a curve of: a rating of an item rated there, or a "
            "verdict on a pair of which one is preferred there; give the runs that judged those items."
        )
    return found


def curves(records: Records, gold: str = "human", seed: int = 0, least: int = 1) -> dict[str, Scaling]:
    """The curves that have at least `least` points, of judges by label; {} where there are none.

    Two points need a judge that was asked twice: several samples, or a pair in both orders.
    """
    ratings, choices = gold_ratings(records, gold), gold_choices(records, gold)
    found = {}
    for name, column in judge_columns(records, gold).items():
        samples = rating_samples(records, column, ratings)
        votes = votes_of(pair_rows(records, column, choices))
        never = sum(choice in ("A", "B") for choice in choices.values()) - len(votes)
        points = rating_curve(samples, seed) if samples and samples.scores.shape[1] >= least else []
        own_scale = samples is None or same_scale(samples.scores, records, column, ratings)
        one = Scaling(
            [point._replace(figures=scaled(point.figures, own_scale)) for point in points],
            pair_curve(votes, seed, never) if any(sum(map(len, vote.by_order)) >= least for vote in votes) else [],
        )
        if one.ratings or one.preferences:
            found[name] = one
    return found
