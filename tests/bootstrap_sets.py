"""Rated sets by hand, for tests of what is made of them: no loop, no model, no video."""

from collections.abc import Mapping, Sequence

from bootstrap.attempts import TARGET, Attempt, RatedSet
from bootstrap.chats import GOLD, TARGETS
from workbench.schema import Item, Judgment, Video

REASONING = "Response 2 has {} faults against the description."
ALL_ACCEPTED = tuple((1, target, target) for target in TARGETS)  # (round, target, given)


def texts_for(number: int) -> dict[int, str]:
    """Five different responses."""
    names = {5: "five", 4: "four", 3: "three", 2: "two", 1: "one"}
    return {rating: f"Answer {number} in {name} parts." for rating, name in names.items()}


def rated_set(
    number: int,
    video: str | None = None,
    tries: Sequence[tuple[int, int, int | None]] = ALL_ACCEPTED,
    texts: Mapping[int, str] | None = None,
    positions: Sequence[int] = (0, 1, 2, 3),
    tags: Mapping[str, str] | None = None,
    reasoning: str | None = REASONING,
    folder: str = "clips",
) -> RatedSet:
    """A set whose attempts are (round, target, given): accepted where the two agree, unreadable where given is None."""
    texts = texts or texts_for(number)
    name = video or f"video {number}"
    seed = Item(Video(name, f"{folder}/{name}.mp4"), f"Question {number}?", (texts[5],), texts[5],
                f"Description {number}.", {"source": "by hand", "rating": "5", **(tags or {})})  # fmt: skip
    attempts = []
    for place, (round, target, given) in enumerate(tries):
        text = texts[target] if given == target else f"{texts[target]} Try {round}."
        item = Item(seed.video, seed.instruction, (text,), seed.reference, seed.description, {"seed": seed.id})
        settings = {"seed": seed.id, "target": target, "round": round}
        wanted = Judgment(item.id, TARGET, "generate@1", "scored", float(target), created="2026-01-01",
                          settings={**settings, "generator": "writer"})  # fmt: skip
        told = {"score": float(given), "status": "scored"} if given else {"status": "unparsed"}
        verdict = Judgment(item.id, "examiner", "evaluate@1", settings={**settings, "position": positions[place % 4]},
                           reasoning=reasoning and reasoning.format(5 - target), **told)  # fmt: skip
        attempts.append(Attempt(item, wanted, verdict, given == target))
    accepted = {GOLD: seed} | {one.target: one.item for one in attempts if one.accepted}
    rounds = max((one.round for one in attempts), default=1)
    return RatedSet(seed, tuple(attempts), accepted, len(accepted) == 5, rounds, 2 * rounds, ())
