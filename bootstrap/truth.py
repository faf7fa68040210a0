"""What a run made of the truth, where it is known: the seeds of a world folder.

Against the truth, the evaluator's bias and the generator's misses are told apart, and the labels' own accuracy is seen.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bootstrap.acceptance import Bias, gap_estimates, judge_biases, video_of
from bootstrap.attempts import Attempt, RatedSet
from bootstrap.chats import TARGETS
from bootstrap.clustered import Estimate, clustered_mean
from bootstrap.dataset import world_of
from bootstrap.sampling_sets import some_sets
from bootstrap.world_truth import true_rating

MOST_SETS = 500  # the world is asked again for each


class Known(NamedTuple):
    """An attempt and the true rating of its response; None for a response that is none of the world's."""

    attempt: Attempt
    true: int | None
    video: str


class Truth(NamedTuple):
    """evaluator: given minus true, by true rating. hits: responses of round 1 that truly have their target's rating, by
    target. labels: the same for accepted ones, which is how right the dataset's labels are."""

    evaluator: list[Bias]
    hits: dict[int, Estimate]
    labels: dict[int, Estimate]


def known_truth(sets: Sequence[RatedSet]) -> Truth | None:
    """The run against the truth; None where no seed is of a world folder. Raises InputError for a world of another make."""
    used, _ = some_sets([one for one in sets if world_of(one.seed)], MOST_SETS)
    if not used:
        return None
    known = [
        Known(attempt, true_rating(one.seed, attempt.text), video_of(one)) for one in used for attempt in one.attempts
    ]
    rated = [one for one in known if one.true is not None and one.attempt.rating is not None]
    first = [one for one in known if one.attempt.round == 1]
    accepted = [one for one in known if one.attempt.accepted]
    return Truth(
        judge_biases({rating: _gaps([one for one in rated if one.true == rating], rating) for rating in TARGETS}),
        {target: _right([one for one in first if one.attempt.target == target]) for target in TARGETS},
        {target: _right([one for one in accepted if one.attempt.target == target]) for target in TARGETS},
    )


def _gaps(known: list[Known], true: int) -> tuple[Estimate, Estimate]:
    return gap_estimates([(one.attempt.rating or 0) - true for one in known], [one.video for one in known])


def _right(known: list[Known]) -> Estimate:
    told = [one for one in known if one.true is not None]
    hits = [one.true == one.attempt.target for one in told]
    return clustered_mean(hits, [one.video for one in told], len(known) - len(told))
