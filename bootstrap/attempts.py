"""What a bootstrap run leaves behind, and how it is read: `read_sets(run)` gives every seed's set with all attempts.

    run.json         command, config (rounds, alpha, seed, both participants with identity and sampling), prompts
    items.jsonl      the seeds first (one response, the gold; reference the same), then every response that was rated
    judgments.jsonl  two lines an attempt, joined by settings seed, target and round:
                       judge "target": the rating it was written for; prompt: the one that wrote it (generate@..,
                         regenerate@..); settings: generator, written_in (the round that wrote it)
                       judge <evaluator>: its verdict; prompt evaluate@..; score and reasoning, or status "unparsed"
                         with the reason; settings: position among the responses shown, identity, sampling
                     and one line a finished seed for its gold: judge "target", prompt "gold", score 5, round 0
    sets.jsonl       one line a finished seed, written last of all its lines; a seed without one is not finished:
                       {"seed", "complete", "rounds", "accepted": {"5": item id, "4": ..}, "calls",
                        "unreadable": [{"task", "round", "target", "reason"}],
                        "attempts": [[round, target, given or null, accepted], ..]}: enough for counting
    replies.jsonl    every call with its reply verbatim, written as it came in: {"key", "seed", "task", "round",
                     "prompt", "reply", "finished", "usage", "created"}; a resumed run asks none of them again
    rejected.jsonl   seeds that could not be worked on, and why: no description, a participant that failed
    status.json      state, done and total (seeds), complete, incomplete, failed, calls, tokens, unreadable, accepted
    summary.json     the same at the end; it exists when every seed was worked on

Accepting an attempt compares its two Judgments; whoever reads may compare them with another alpha.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from bootstrap.chats import GOLD, TARGETS, Task
from bootstrap.loop import Shown, Transcript, accepts
from bootstrap.templates import Template
from workbench.backends.base import Backend
from workbench.schema import Item, Judgment, Sampling
from workbench.store import Run, read_lines

TARGET = "target"


class Attempt(NamedTuple):
    """One response as the evaluator saw it in one round: what it was written for, and what it was given."""

    item: Item
    wanted: Judgment
    given: Judgment
    accepted: bool

    @property
    def seed(self) -> str:
        """The id of the seed's Item."""
        return self.wanted.settings["seed"]

    @property
    def target(self) -> int:
        return int(self.wanted.score or 0)

    @property
    def round(self) -> int:
        return self.wanted.settings["round"]

    @property
    def text(self) -> str:
        return self.item.responses[0]

    @property
    def rating(self) -> int | None:
        """What the evaluator gave; None where that could not be read."""
        return None if self.given.score is None else int(self.given.score)

    @property
    def reasoning(self) -> str | None:
        return self.given.reasoning


class RatedSet(NamedTuple):
    """A finished seed: its attempts by round, then target from 4 to 1, and the accepted response of each rating."""

    seed: Item
    attempts: tuple[Attempt, ...]
    accepted: Mapping[int, Item]  # always has 5, the seed itself
    complete: bool
    rounds: int
    calls: int
    unreadable: tuple[Mapping[str, Any], ...]


class Names(NamedTuple):
    """Who took part, as the records tell it."""

    generator: Backend
    evaluator: Backend
    templates: Mapping[Task, Template]
    evaluator_sampling: Sampling


class SetRecords(NamedTuple):
    """The lines that a finished seed leaves: items and judgments, then the line of sets.jsonl."""

    items: list[Item]
    judgments: list[Judgment]
    line: dict[str, Any]


# -- writing


def set_records(
    seed: Item, transcript: Transcript, names: Names, created: Mapping[tuple[Task, int], str]
) -> SetRecords:
    """The records of a seed; `created` gives the moment of each (task, round), so that a replay writes them alike."""
    items, judgments = [], [_gold(seed, created)]
    accepted = {str(GOLD): seed.id}
    for shown in transcript.shown:
        item = candidate(seed, shown.text)
        items.append(item)
        judgments += [_wanted(seed, item, shown, names, created), _given(seed, item, shown, names, created)]
        if shown.accepted:
            accepted[str(shown.target)] = item.id
    line = {
        "seed": seed.id,
        "complete": transcript.complete,
        "rounds": transcript.rounds,
        "accepted": dict(sorted(accepted.items(), reverse=True)),
        "calls": len(created),
        "unreadable": [one._asdict() for one in transcript.unreadable],
        "attempts": [
            [one.round, one.target, one.verdict and one.verdict.score, one.accepted] for one in transcript.shown
        ],
    }
    return SetRecords(items, judgments, line)


def candidate(seed: Item, text: str) -> Item:
    """The Item of a degraded response; its rating is told by judgments, not by the Item."""
    tags = {name: value for name, value in seed.tags.items() if name not in ("rating", "flaws")}  # those of the gold
    return replace(seed, responses=(text,), tags={**tags, "seed": seed.id})


def _gold(seed: Item, created: Mapping) -> Judgment:
    settings = {"seed": seed.id, "target": GOLD, "round": 0}
    return Judgment(seed.id, TARGET, "gold", "scored", float(GOLD), settings=settings, created=min(created.values()))


def _wanted(seed: Item, item: Item, shown: Shown, names: Names, created: Mapping) -> Judgment:
    settings = {**_place(seed, shown), "generator": names.generator.name, "written_in": shown.written_in}
    prompt, moment = names.templates[shown.written_by].id, created[shown.written_by, shown.written_in]
    return Judgment(item.id, TARGET, prompt, "scored", float(shown.target), settings=settings, created=moment)


def _given(seed: Item, item: Item, shown: Shown, names: Names, created: Mapping) -> Judgment:
    blank = Judgment(
        item=item.id,
        judge=names.evaluator.name,
        prompt=names.templates["evaluate"].id,
        status="unparsed",
        error=shown.problem,
        settings={
            **_place(seed, shown),
            "position": shown.position,
            "judge": dict(names.evaluator.identity),
            "sampling": names.evaluator_sampling.to_dict(),
            "view": "description",
        },
        sample=shown.round,
        created=created["evaluate", shown.round],
    )
    if shown.verdict is None:
        return blank
    return replace(blank, status="scored", score=float(shown.verdict.score), reasoning=shown.verdict.reasoning)


def _place(seed: Item, shown: Shown) -> dict[str, Any]:
    return {"seed": seed.id, "target": shown.target, "round": shown.round}


# -- reading


def read_sets(run: Run) -> list[RatedSet]:
    """Every finished seed of a run, in the order of its seeds. A run that is still being written may be read."""
    lines = {line["seed"]: line for line in finished_lines(run)}
    items, alpha = run.items(), run.head()["config"]["alpha"]
    by_seed: dict[str, list[Judgment]] = defaultdict(list)
    for judgment in run.judgments():
        by_seed[judgment.settings.get("seed", "")].append(judgment)
    return [_read_set(items, lines[seed], by_seed[seed], alpha) for seed in items if seed in lines]


def finished_lines(run: Run) -> Iterator[dict[str, Any]]:
    """The lines of sets.jsonl."""
    return read_lines(run.folder / "sets.jsonl")


def _read_set(items: Mapping[str, Item], line: Mapping[str, Any], judgments: list[Judgment], alpha: int) -> RatedSet:
    wanted, given = {}, {}
    for judgment in judgments:
        place = (judgment.settings["round"], judgment.settings["target"])
        (wanted if judgment.judge == TARGET else given)[place] = judgment
    attempts = tuple(
        _attempt(items, wanted[place], given[place], alpha)
        for place in sorted(given, key=lambda place: (place[0], -place[1]))
    )
    accepted = {int(rating): items[item] for rating, item in line["accepted"].items()}
    complete = set(accepted) == {GOLD, *TARGETS}
    seed = items[line["seed"]]
    return RatedSet(seed, attempts, accepted, complete, line["rounds"], line["calls"], tuple(line["unreadable"]))


def _attempt(items: Mapping[str, Item], wanted: Judgment, given: Judgment, alpha: int) -> Attempt:
    accepted = given.score is not None and accepts(wanted.score or 0, given.score, alpha)
    return Attempt(items[wanted.item], wanted, given, accepted)
