"""How close the responses' wording is to the gold's, by rating: it must fall from 4 to 1 (paper, checks of the data)."""

from collections.abc import Sequence
from typing import NamedTuple

from bootstrap.acceptance import video_of
from bootstrap.attempts import RatedSet
from bootstrap.chats import TARGETS
from bootstrap.clustered import Estimate, clustered_mean
from bootstrap.sampling_sets import some_sets
from workbench.backends.metric import Metric

MOST_SETS = 2_000  # enough for a steady figure; metrics take a millisecond a response


class Distance(NamedTuple):
    """A metric's mean by rating, and by how much each rating is above the next, in the same sets.

    `falls`: every step is down, by its mean. `surely`: every step is down by its whole interval. None without a set.
    """

    metric: str
    by_rating: dict[int, Estimate]
    steps: dict[tuple[int, int], Estimate]
    falls: bool | None
    surely: bool | None


def gold_distance(sets: Sequence[RatedSet], metric: Metric) -> Distance:
    """The distance of the responses of complete sets to their gold response; other sets are left out."""
    used, left_out = some_sets([one for one in sets if one.complete], MOST_SETS)
    left_out += sum(not one.complete for one in sets)
    videos = [video_of(one) for one in used]
    scores = {target: [_score(metric, one, target) for one in used] for target in TARGETS}
    by_rating = {target: clustered_mean(scores[target], videos, left_out) for target in TARGETS}
    steps = {}
    for higher, lower in zip(TARGETS, TARGETS[1:], strict=False):
        gaps = [a - b for a, b in zip(scores[higher], scores[lower], strict=True)]
        steps[higher, lower] = clustered_mean(gaps, videos, left_out)
    if not used:
        return Distance(metric.name, by_rating, steps, None, None)
    falls = all((step.value or 0) > 0 for step in steps.values())
    surely = all(step.low is not None and step.low > 0 for step in steps.values())
    return Distance(metric.name, by_rating, steps, falls, surely)


def _score(metric: Metric, rated_set: RatedSet, target: int) -> float:
    return metric.score(rated_set.accepted[target].responses[0], rated_set.seed.reference or "")
