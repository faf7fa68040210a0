"""How a run went: acceptance by target and round, target against given, yield by round, the evaluator's bias."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from bootstrap.attempts import Attempt, RatedSet
from bootstrap.chats import TARGETS
from bootstrap.clustered import Estimate, clustered_mean

SMALLEST = 0.1  # ratings; a bias below it is not called one, however certain
Verdict = Literal["too high", "too low", "none seen", "too few videos"]


class Stage(NamedTuple):
    """The responses written for one target that were evaluated in one round. `acceptance` is of those rated readably."""

    target: int
    round: int
    shown: int
    accepted: int
    unreadable: int
    acceptance: Estimate


class Matrix(NamedTuple):
    """How often a response written for a target was given each rating: counts[target][given]."""

    name: str
    counts: Mapping[int, Mapping[int, int]]
    unreadable: Mapping[int, int]
    agreement: Estimate  # given as intended, of those rated readably


class Bias(NamedTuple):
    """What the evaluator gave more than intended to the responses written for a target, in the first round."""

    target: int
    gap: Estimate  # mean of given minus target
    error: Estimate  # mean of its size
    verdict: Verdict


class Yield(NamedTuple):
    """The share of the seeds that have all five ratings after a round."""

    round: int
    share: Estimate


def video_of(rated_set: RatedSet) -> str:
    """What the intervals draw: the video, or the seed itself where there is none."""
    return rated_set.seed.video.sha256 if rated_set.seed.video else rated_set.seed.id


def funnel(sets: Sequence[RatedSet]) -> list[Stage]:
    """A stage for every target and round that had responses, by round, then target from 4 to 1."""
    stages: dict[tuple[int, int], list[tuple[Attempt, str]]] = {}
    for rated_set in sets:
        for attempt in rated_set.attempts:
            stages.setdefault((attempt.round, -attempt.target), []).append((attempt, video_of(rated_set)))
    return [_stage(-target, round, stages[round, target]) for round, target in sorted(stages)]


def _stage(target: int, round: int, attempts: list[tuple[Attempt, str]]) -> Stage:
    rated = [(attempt, video) for attempt, video in attempts if attempt.rating is not None]
    unreadable = len(attempts) - len(rated)
    hits = [attempt.accepted for attempt, _ in rated]
    acceptance = clustered_mean(hits, [video for _, video in rated], unreadable)
    return Stage(target, round, len(attempts), sum(hits), unreadable, acceptance)


def yields(sets: Sequence[RatedSet], failed: int = 0) -> list[Yield]:
    """The yield after each round; `failed` seeds, which were not worked on to the end, are left out and counted."""
    videos = [video_of(one) for one in sets]
    last = max((one.rounds for one in sets), default=0)
    completed = [_completed_in(one) for one in sets]
    return [
        Yield(round, clustered_mean([at is not None and at <= round for at in completed], videos, failed))
        for round in range(1, last + 1)
    ]


def _completed_in(rated_set: RatedSet) -> int | None:
    """The round that completed the set; None for one that is not complete."""
    rounds = [attempt.round for attempt in rated_set.attempts if attempt.accepted]
    return max(rounds) if rated_set.complete else None


def yield_by_kind(sets: Sequence[RatedSet]) -> dict[str, Estimate]:
    """The yield by the seeds' tag "instruction_kind"; empty where they have none."""
    by_kind: dict[str, list[RatedSet]] = {}
    for one in sets:
        if kind := one.seed.tags.get("instruction_kind"):
            by_kind.setdefault(kind, []).append(one)
    return {kind: _share_complete(by_kind[kind]) for kind in sorted(by_kind)}


def _share_complete(sets: Sequence[RatedSet]) -> Estimate:
    return clustered_mean([one.complete for one in sets], [video_of(one) for one in sets])


def matrices(sets: Sequence[RatedSet]) -> list[Matrix]:
    """Target against given in the first round, which nothing has selected yet, and in all rounds."""
    first = [(attempt, video) for attempt, video in _attempts(sets) if attempt.round == 1]
    return [_matrix("first round", first), _matrix("all rounds", list(_attempts(sets)))]


def _attempts(sets: Iterable[RatedSet]) -> Iterable[tuple[Attempt, str]]:
    return ((attempt, video_of(one)) for one in sets for attempt in one.attempts)


def _matrix(name: str, attempts: list[tuple[Attempt, str]]) -> Matrix:
    cells = Counter((attempt.target, attempt.rating) for attempt, _ in attempts)
    rated = [(attempt, video) for attempt, video in attempts if attempt.rating is not None]
    hits = [attempt.rating == attempt.target for attempt, _ in rated]
    return Matrix(
        name,
        {target: {given: cells[target, given] for given in TARGETS} for target in TARGETS},
        {target: cells[target, None] for target in TARGETS},
        clustered_mean(hits, [video for _, video in rated], len(attempts) - len(rated)),
    )


def biases(sets: Sequence[RatedSet]) -> list[Bias]:
    """The evaluator's bias by target, in the first round: later ones hold what earlier ones rejected.

    What the generator missed is in it too; where the truth is known, `truth.py` tells the two apart. At 4 and 1 an
    honest error can only point inwards, so there a bias is called one when it is more than the errors at 2 and 3 come to.
    """
    rated = [(a, video) for a, video in _attempts(sets) if a.round == 1]
    return judge_biases({target: _gaps(rated, target) for target in TARGETS})


def _gaps(attempts: list[tuple[Attempt, str]], target: int) -> tuple[Estimate, Estimate]:
    of_target = [(attempt, video) for attempt, video in attempts if attempt.target == target]
    rated = [(attempt.rating - target, video) for attempt, video in of_target if attempt.rating is not None]
    return gap_estimates([gap for gap, _ in rated], [video for _, video in rated], len(of_target) - len(rated))


def gap_estimates(gaps: Sequence[int], videos: Sequence[str], left_out: int = 0) -> tuple[Estimate, Estimate]:
    """The mean gap, and the mean of its size."""
    return clustered_mean(gaps, videos, left_out), clustered_mean([abs(gap) for gap in gaps], videos, left_out)


def judge_biases(gaps: Mapping[int, tuple[Estimate, Estimate]]) -> list[Bias]:
    """The biases with their verdicts, from mean gap and mean size of the gap by rating 4 to 1."""
    inner = [gaps[rating][1].value or 0.0 for rating in (3, 2) if rating in gaps]
    inward = max(inner, default=0.0)
    margins = {4: (inward, 0.0), 1: (0.0, inward)}  # how much too low, too high, an honest evaluator may look
    return [
        Bias(rating, gap, error, _verdict(gap, *margins.get(rating, (0.0, 0.0))))
        for rating, (gap, error) in gaps.items()
    ]


def _verdict(gap: Estimate, below: float, above: float) -> Verdict:
    if gap.value is None or gap.low is None or gap.high is None:
        return "too few videos"
    if gap.low > above and gap.value >= SMALLEST:
        return "too high"
    return "too low" if gap.high < -below and gap.value <= -SMALLEST else "none seen"
