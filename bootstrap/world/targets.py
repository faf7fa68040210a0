"""From questions to records: Items, and the target Judgments with their reasoning and rubrics.

    pointwise   "Said red, seen blue: wrong (1). Said circle, seen circle: correct. ... 1 wrong: score 4."
    pairwise    "A: ... 1 wrong. B: ... 3 wrong. A has fewer wrong, so A is better."

Each stated fact is taken in turn, in the order of the response; the number in brackets counts the wrong ones so far.
"""

from typing import NamedTuple

import numpy as np

from bootstrap.world.asking import ask_all
from bootstrap.world.flaws import RATINGS, Response, other_wording, rated_set
from bootstrap.world.questions import Question
from bootstrap.world.sampling import scene_generator
from bootstrap.world.scene import Scene
from bootstrap.world.words import named, spoken
from workbench.schema import Item, Judgment, Video

RULE = "world@2"  # written as the prompt of every target; raise it when the same seed gives other clips or rows
TEXT_VISIBLE_SHARE = 0.15  # of the questions have responses with flaws that show in the text


class Row(NamedTuple):
    """One thing to judge and the target for it."""

    item: Item
    judgment: Judgment


def scene_rows(scene: Scene, video: Video, questions: int, pair_share: float) -> list[Row]:
    """All rows of a scene: for up to `questions` questions, five pointwise rows and a share of the ten pairs."""
    rng = scene_generator(scene.split, scene.seed, scene.index, 1)
    rows = []
    for number, question in enumerate(ask_all(scene, rng, questions)):
        in_text = bool(rng.random() < TEXT_VISIBLE_SHARE)
        responses = rated_set(scene, question, rng, in_text)
        reference = other_wording(scene, question, rng, responses[0].text)
        tags = {
            **scene_tags(scene),
            "set": f"{scene.id}/{number}",
            "instruction_kind": question.kind,
            "video_dependent": "no" if in_text else "yes",
        }
        shared = dict(video=video, instruction=question.instruction, reference=reference, description=describe(scene))
        for response in responses:
            item = Item(responses=(response.text,), tags={**tags, **_response_tags([response])}, **shared)
            reasoning = pointwise_reasoning(response)
            rows.append(Row(item, _target(item, question, reasoning, score=response.rating)))
        for pair in _pairs(responses, rng, pair_share):
            item = Item(responses=tuple(r.text for r in pair), tags={**tags, **_response_tags(pair)}, **shared)
            choice = "A" if pair[0].rating > pair[1].rating else "B"
            rows.append(Row(item, _target(item, question, pairwise_reasoning(*pair), choice=choice)))
    return rows


def _pairs(responses: list[Response], rng: np.random.Generator, share: float) -> list[list[Response]]:
    """A share of all pairs of two ratings, each in random order."""
    every = [(i, j) for i in range(len(RATINGS)) for j in range(i)]
    chosen = sorted(rng.permutation(len(every))[: round(share * len(every))].tolist())
    return [[responses[k] for k in rng.permutation(every[c])] for c in chosen]


def scene_tags(scene: Scene) -> dict[str, str]:
    """What every item about a scene is tagged with."""
    behaviours = sorted({thing.behaviour for thing in scene.things})
    return {
        "scene": scene.id,
        "split": scene.split,
        "setting": scene.setting,
        "objects": str(len(scene.things)),
        "seconds": f"{scene.duration:.2f}",
        "behaviours": "+".join(behaviours),
    }


def _response_tags(responses: list[Response]) -> dict[str, str]:
    """Ratings, flaws (";" between responses) and, for a pair, whether it is a hard one (2 against 3)."""
    ratings = [response.rating for response in responses]
    flaws = [",".join(f"{flaw.kind}:{flaw.fact}".rstrip(":") for flaw in response.flaws) for response in responses]
    tags = {"rating": ",".join(map(str, ratings)), "flaws": ";".join(flaws)}
    return tags if len(responses) == 1 else {**tags, "hard": "yes" if sorted(ratings) == [2, 3] else "no"}


def _target(item: Item, question: Question, reasoning: str, **verdict) -> Judgment:
    return Judgment(
        item=item.id,
        judge="target",
        prompt=RULE,
        status="scored",
        rubric=rubric(question),
        reasoning=reasoning,
        created="",  # the same scene gives the same lines, whenever it is made
        **verdict,
    )


def pointwise_reasoning(response: Response) -> str:
    """Every claim in turn, then the score."""
    steps, wrong = _steps(response)
    if not response.claims:
        return f"{steps} Score {response.rating}."
    return f"{steps} {wrong} wrong: score {response.rating}."


def pairwise_reasoning(one: Response, other: Response) -> str:
    """Response A in turn, response B in turn, then which is better."""
    better = "A" if one.rating > other.rating else "B"
    halves = []
    for name, response in (("A", one), ("B", other)):
        steps, wrong = _steps(response)
        halves.append(f"{name}: {steps}" + (f" {wrong} wrong." if response.claims else ""))
    return f"{halves[0]} {halves[1]} {better} is better."


def _steps(response: Response) -> tuple[str, int]:
    if not response.claims:
        return "Off topic.", len(response.flaws)
    steps, wrong = [], 0
    for fact, said in response.claims:
        right = said == fact.true
        wrong += not right
        told = "nothing" if said is None else named(fact.name, said)
        verdict = "correct" if right else f"wrong ({wrong})"
        seen = named(fact.name, fact.true) if fact.true else "otherwise"  # in a temporal negative, nothing may be true
        steps.append(f"Said {told}, seen {seen}: {verdict}.")
    if any(flaw.kind == "ungrammatical" for flaw in response.flaws):
        wrong += 1
        steps.append(f"Broken grammar: wrong ({wrong}).")
    return " ".join(steps), wrong


def rubric(question: Question) -> str:
    """Five levels for the responses to one instruction; it says what to check and nothing of what is true."""
    return (
        f"5: {question.about} and all other facts are correct. 4: one fact is wrong. 3: two facts are wrong. "
        "2: three facts are wrong. 1: four or more are wrong, or it is off topic."
    )


def describe(scene: Scene) -> str:
    """All that matters in the scene, as one paragraph: what a judge without the video reads in its place."""
    parts = []
    for thing in scene.things:
        moves = ", then ".join(spoken("motion", segment.motion, 0) for segment in thing.segments)
        event = spoken("event", thing.event, 0)
        parts.append(f"A {thing.size} {thing.texture} {thing.colour} {thing.shape} {moves}. It {event}.")
    change = f" and then {scene.background_after}" if scene.background_after else ""
    drift = " The camera drifts." if any(scene.drift) else ""
    collision = " The first two objects collide." if scene.collision is not None else ""
    return f"The background is {scene.background}{change}. {' '.join(parts)}{collision}{drift}"
