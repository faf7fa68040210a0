"""What more samples are worth, for every judge of some runs: the curves of ratings and of preferences."""

from typing import NamedTuple

from analysis.matching import gold_ratings, no_common_items
from analysis.pairs import gold_choices, pair_rows
from analysis.records import Records, judge_columns
from analysis.scaling import ScalePoint, rating_curve, rating_samples
from analysis.scaling_pairs import pair_curve, votes_of


class Scaling(NamedTuple):
    """Curves over the number of samples of one judge; empty for kinds it has no verdicts of."""

    ratings: list[ScalePoint]
    preferences: list[ScalePoint]


def scale(records: Records, gold: str = "human", seed: int = 0) -> dict[str, Scaling]:
    """The curves of every judge by label.

    Raises InputError where nobody is called `gold`, or no judge met it on any item.
    """
    ratings, choices = gold_ratings(records, gold), gold_choices(records, gold)
    found = {}
    for name, column in judge_columns(records, gold).items():
        samples = rating_samples(records, column, ratings)
        votes = votes_of(pair_rows(records, column, choices))
        if samples or votes:
            found[name] = Scaling(rating_curve(samples, seed) if samples else [], pair_curve(votes, seed))
    if not found:
        raise no_common_items(gold)
    return found


def repeated(found: dict[str, Scaling]) -> dict[str, Scaling]:
    """The curves that have more than one point: those of judges that were asked more than once (or in both orders)."""
    kept = {
        name: Scaling(*(points if any(one.k > 1 for one in points) else [] for points in one))
        for name, one in found.items()
    }
    return {name: one for name, one in kept.items() if one.ratings or one.preferences}
