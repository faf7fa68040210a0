"""From a complete set to training rows: an Item and a target Judgment for each of its ratings and for pairs of them.

The rating is the one the response was written for, and was accepted for. Its rationale is what the evaluator wrote when
it accepted the response; the gold response, which is never evaluated, has a fixed sentence. The evaluator read a
description and several responses at once, a judge sees the video and one: so "the description" is made "the video", and
"response 2" is made "the response"; nothing else is changed. A pair's rationale is those of its two responses.
"""

import itertools
import random
import re
from collections.abc import Mapping
from typing import NamedTuple

from bootstrap.attempts import TARGET, Attempt, RatedSet
from bootstrap.chats import GOLD, TARGETS
from workbench.schema import Item, Judgment, content_id

RATINGS = (GOLD, *TARGETS)
PAIRS = tuple(itertools.combinations(RATINGS, 2))  # (better, worse)
HARD = (3, 2)  # the pair on which generator and evaluator disagree most (paper, section 1)
GOLD_RATIONALE = "It agrees with what the video shows and leaves out nothing that was asked for."
PAIR_PROMPT = "pair"  # stands where the writing prompt's id stands in a pointwise row
OF_THE_RUN = ("rating", "flaws", "hard")  # tags that speak of the gold as it came, not of the rows made here


class Row(NamedTuple):
    """One thing to judge and the target for it."""

    item: Item
    judgment: Judgment


class Rated(NamedTuple):
    """A response of a set with the rating it stands for; `attempt` is None for the gold."""

    rating: int
    item: Item
    attempt: Attempt | None

    @property
    def rationale(self) -> str | None:
        """Why it deserves its rating; None where the evaluator gave no reasoning."""
        if self.attempt is None:
            return GOLD_RATIONALE
        return as_rationale(self.attempt.reasoning) if self.attempt.reasoning else None

    @property
    def source(self) -> str:
        """Where the rationale is from."""
        return "fixed sentence" if self.attempt is None else "evaluator" if self.attempt.reasoning else "none"


def rated_responses(rated_set: RatedSet) -> list[Rated]:
    """The responses that a set has kept, from rating 5 down."""
    kept = {attempt.target: attempt for attempt in rated_set.attempts if attempt.accepted}
    return [Rated(GOLD, rated_set.seed, None)] + [
        Rated(target, rated_set.accepted[target], kept[target]) for target in TARGETS if target in rated_set.accepted
    ]


def set_problem(rated_set: RatedSet) -> str | None:
    """Why a set makes no rows; None for one that does."""
    if not rated_set.complete:
        return "not all five ratings"
    texts = {_plain(rated.item.responses[0]) for rated in rated_responses(rated_set)}
    return "two ratings have the same text" if len(texts) < len(RATINGS) else None


def set_rows(rated_set: RatedSet, split: str, rubric: str | None, pair_share: float, seed: int) -> list[Row]:
    """The rows of a set without a problem: five pointwise ones, and of its ten pairs `pair_share` on average.

    Which pairs, and which response comes first, depends on `seed` and on the set alone.
    """
    responses = {rated.rating: rated for rated in rated_responses(rated_set)}
    rows = [_pointwise(rated, rated_set, split, rubric) for rated in responses.values()]
    rng = random.Random(content_id([seed, "pairs", rated_set.seed.id]))
    count = int(pair_share * len(PAIRS) + rng.random())  # 2.5 pairs are two or three
    for better, worse in rng.sample(PAIRS, min(count, len(PAIRS))):
        shown = (better, worse) if rng.random() < 0.5 else (worse, better)
        rows.append(_pairwise(responses[shown[0]], responses[shown[1]], rated_set, split, rubric))
    return rows


def as_rationale(text: str) -> str:
    """An evaluator's reasoning in the terms of a judge that sees the video and one response."""
    text = re.sub(r"\b([Tt])he (?:video |dense )?description\b", r"\1he video", text.strip())
    return re.sub(r"\b(?:the )?response[ _#]?\d{1,2}\b", _one_response, text, flags=re.IGNORECASE)


def _one_response(match: re.Match) -> str:
    return "The response" if match[0][0].isupper() else "the response"


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _pointwise(rated: Rated, rated_set: RatedSet, split: str, rubric: str | None) -> Row:
    tags = {**_tags(rated_set.seed, split), "rating": str(rated.rating)}
    item = _item(rated_set.seed, (rated.item.responses[0],), tags)
    settings = {"seed": rated_set.seed.id, "target": rated.rating, "rationale": rated.source}
    prompt = "gold"
    if rated.attempt:
        prompt, told = rated.attempt.wanted.prompt, rated.attempt.wanted.settings
        settings |= {name: told[name] for name in ("round", "generator") if name in told}
        settings |= {"evaluator": rated.attempt.given.judge, "given": rated.attempt.rating}
    return Row(item, _target(item, prompt, settings, rubric, rated.rationale, rated_set, score=float(rated.rating)))


def _pairwise(one: Rated, other: Rated, rated_set: RatedSet, split: str, rubric: str | None) -> Row:
    ratings = (one.rating, other.rating)
    hard = "yes" if tuple(sorted(ratings, reverse=True)) == HARD else "no"
    tags = {**_tags(rated_set.seed, split), "rating": ",".join(map(str, ratings)), "hard": hard}
    item = _item(rated_set.seed, (one.item.responses[0], other.item.responses[0]), tags)
    choice = "A" if one.rating > other.rating else "B"
    rationale = None
    if one.rationale and other.rationale:
        rationale = f"A: {one.rationale} B: {other.rationale} {choice} is better."
    settings = {"seed": rated_set.seed.id, "ratings": list(ratings), "rationale": f"{one.source}, {other.source}"}
    return Row(item, _target(item, PAIR_PROMPT, settings, rubric, rationale, rated_set, choice=choice))


def _item(seed: Item, responses: tuple[str, ...], tags: Mapping[str, str]) -> Item:
    return Item(seed.video, seed.instruction, responses, seed.reference, seed.description, tags)


def _tags(seed: Item, split: str) -> dict[str, str]:
    kept = {name: value for name, value in seed.tags.items() if name not in OF_THE_RUN}
    return {**kept, "seed": seed.id, "set": seed.id, "split": split}


def _target(
    item: Item, prompt: str, settings, rubric: str | None, rationale: str | None, rated_set, **verdict
) -> Judgment:
    created = min((attempt.wanted.created for attempt in rated_set.attempts), default="")  # the run's, not the export's
    return Judgment(item.id, TARGET, prompt, "scored", rubric=rubric, reasoning=rationale, settings=settings,
                    created=created, **verdict)  # fmt: skip
