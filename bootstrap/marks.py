"""What people say about examples: marks.jsonl beside a run, one human Judgment a line.

A mark says which rating a response deserves in somebody's eyes (judge "human:<name>", prompt "mark", score 1 to 5, the
reason as reasoning, settings seed and target). It is wrong about its target where the two differ. The run's process does
not read the file and never writes it; the last mark of a person on a response counts.

The audit counts marks, and an export leaves out the sets of which a response is marked as wrong by anybody.
"""

import fcntl
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bootstrap.acceptance import gap_estimates, video_of
from bootstrap.attempts import RatedSet
from bootstrap.browse import Example
from bootstrap.clustered import Estimate, clustered_mean
from bootstrap.rows import RATINGS
from workbench.errors import InputError
from workbench.schema import Judgment
from workbench.store import cut_broken_tail, read_lines

NAME = "marks.jsonl"
WHO = re.compile(r"[\w.-]{1,40}")
LONGEST_REASON = 2_000  # characters
Marks = Mapping[str, Sequence[Judgment]]  # the marks that count, by item id


class Marked(NamedTuple):
    """What people say of a run's examples, one value a person and response. They chose what to look at, so these are
    shares of what was marked and not of the run.

    wrong: share of the marks on kept responses that say another rating, by the rating it is kept for (5 is the gold);
    gap: their mean of deserved less kept; rejected: share of the marks on rejected responses that say their target;
    wrong_sets: sets with a kept response that somebody says is wrong.
    """

    people: int
    responses: int
    wrong: dict[int, Estimate]
    gap: dict[int, Estimate]
    rejected: Estimate
    wrong_sets: int


def mark_example(folder: Path, example: Example, who: str, rating: int | None, reason: str) -> Judgment:
    """Write down what somebody thinks an example deserves. Raises InputError for a rating or a name that is none."""
    if rating not in (1, 2, 3, 4, 5):
        raise InputError("rating: none given; say which rating the response deserves, 1 to 5.")
    if not WHO.fullmatch(who.strip()):
        raise InputError(f"name: got {who.strip()!r:.60}, expected up to 40 letters, digits, dots or dashes.")
    settings = {"seed": example.rated_set.seed.id, "target": example.rating}
    judgment = Judgment(example.item.id, f"human:{who.strip()}", "mark", "scored", float(rating),
                        reasoning=reason.strip()[:LONGEST_REASON] or None, settings=settings)  # fmt: skip
    with (folder / NAME).open("ab") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)  # several people mark at once
        cut_broken_tail(folder / NAME)
        file.write(json.dumps(judgment.to_dict(), allow_nan=False).encode() + b"\n")
    return judgment


def read_marks(folder: Path) -> Marks:
    """The marks that count, by item id."""
    last: dict[str, Judgment] = {}
    for judgment in map(Judgment.from_dict, read_lines(folder / NAME)):
        last[judgment.key] = judgment
    return _by_item(last.values())


def _by_item(judgments: Iterable[Judgment]) -> dict[str, list[Judgment]]:
    found: dict[str, list[Judgment]] = defaultdict(list)
    for judgment in judgments:
        found[judgment.item].append(judgment)
    return dict(found)


# -- what they come to


def wrong_sets(sets: Iterable[RatedSet], marks: Marks) -> frozenset[str]:
    """The seeds' ids of the sets of which a kept response, or the gold, deserves another rating in somebody's eyes."""
    return frozenset(
        one.seed.id
        for one in sets
        for rating in one.accepted
        if any(mark.score != rating for mark in _about(one, rating, marks))
    )


def _about(rated_set: RatedSet, rating: int, marks: Marks) -> list[Judgment]:
    """The marks on the response that a set has kept for a rating."""
    told = marks.get(rated_set.accepted[rating].id, ())
    return [mark for mark in told if _place(mark) == (rated_set.seed.id, rating)]


def _place(mark: Judgment) -> tuple[str, int]:
    return mark.settings.get("seed", ""), mark.settings.get("target", 0)


def marked(sets: Sequence[RatedSet], marks: Marks) -> Marked | None:
    """What the marks on these sets come to; None where there is none."""
    kept = [(one, rating, mark) for one in sets for rating in one.accepted for mark in _about(one, rating, marks)]
    rejected = [(one, attempt, mark) for one in sets for attempt in one.attempts if not attempt.accepted
                for mark in marks.get(attempt.item.id, ()) if _place(mark) == (one.seed.id, attempt.target)]  # fmt: skip
    if not kept and not rejected:
        return None
    wrong, gap = {}, {}
    for rating in RATINGS:
        gaps = [int(mark.score or 0) - rating for _, kept_for, mark in kept if kept_for == rating]
        videos = [video_of(one) for one, kept_for, _ in kept if kept_for == rating]
        wrong[rating] = clustered_mean([off != 0 for off in gaps], videos)
        gap[rating] = gap_estimates(gaps, videos)[0]
    every = [mark for *_, mark in [*kept, *rejected]]
    right = [mark.score == attempt.target for _, attempt, mark in rejected]
    return Marked(
        people=len({mark.judge for mark in every}),
        responses=len({(mark.item, _place(mark)) for mark in every}),
        wrong=wrong,
        gap=gap,
        rejected=clustered_mean(right, [video_of(one) for one, *_ in rejected]),
        wrong_sets=len(wrong_sets(sets, marks)),
    )
