"""Clips of known quality and what to ask a judge of it: items with targets from the scores, as Score2Instruct makes them.

    row (tag instruction_kind)   what is judged                        target
    quality overall              the video itself                      the level of the overall score, every dimension's
                                                                       score as criteria, the hierarchical justification
    quality dimension            the video itself, in one dimension    the level of that dimension's score
    quality question             an answer to a question about it      5 less what the answer is off by

An answer that names a level is off by its distance in levels. One that names the wrong dimension is off by four times
the gap between that dimension's score and the right one's, at least by 1, or by 0 where both are of the same level. The
reference is the right answer.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bootstrap.world.clip import write_clip
from bootstrap.world.distortions import Distorted, distort, draw_strengths
from bootstrap.world.drawing import draw_frames
from bootstrap.world.facts import Facts, scene_facts
from bootstrap.world.levels import DIMENSIONS, GROUPS, LEVELS, Dimension, Quality, level_of, level_word, quality_of
from bootstrap.world.sampling import CORE, Setting, sample_scene, scene_generator
from bootstrap.world.scene import Scene, Split
from bootstrap.world.targets import Row, describe
from workbench.quality import ITSELF, OVERALL
from workbench.schema import Item, Judgment, Video

RULE = "quality@1"  # written as the prompt of every target; raise it when the same seed gives other clips or rows
STREAM = 4  # of a scene's random numbers
CRF = 18  # of the clips: fine enough to keep the noise, and to add no blocks of its own
CLEAR_GAP = 0.2  # between two scores before it is asked which is higher

RUBRIC = (
    "5: excellent, no flaw is seen. 4: good, flaws are seen but do not disturb. 3: fair, they disturb a little. "
    "2: poor, they disturb. 1: bad, they disturb very much."
)
ANSWER_RUBRIC = (
    "5: the answer is right. 4: it is off by one level of five. 3: off by two. 2: off by three. 1: off by four."
)


@dataclass(frozen=True)
class QualityWorld:
    """What a quality folder is made from."""

    split: Split
    seed: int
    questions: int = 3  # a clip
    setting: Setting = CORE

    def record(self) -> Facts:
        """What the folder's world.json says."""
        dimensions = {each.name: {"definition": each.statement, "group": each.group} for each in DIMENSIONS}
        return {"rule": RULE, "world": asdict(self), "levels": LEVELS, "dimensions": dimensions}


class Answer(NamedTuple):
    """A question about quality, an answer of known rating, the right answer, and how the rating comes about."""

    question: str
    text: str
    right: str
    rating: int
    reasoning: str


def make_quality_scene(out: Path, world: QualityWorld, index: int) -> dict[str, list[Facts]]:
    """Write the distorted clip of one scene and give its lines of items, judgments and facts."""
    scene = sample_scene(world.setting, world.split, world.seed, index)
    rng = scene_generator(world.split, world.seed, index, STREAM)
    strengths = draw_strengths(rng, moves(scene))
    distorted = distort(list(draw_frames(scene)), scene.fps, strengths, rng)
    path = out / "clips" / f"quality-{scene.id}.mp4"
    write_clip(path, distorted.frames, scene.fps, CRF)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    rows = quality_rows(scene, Video(digest, f"clips/{path.name}"), strengths, rng, world.questions)
    return {
        "items": [row.item.to_dict() for row in rows],
        "judgments": [row.judgment.to_dict() for row in rows],
        "facts": [_facts(scene, rows[0].item.video, strengths, distorted)],
    }


def moves(scene: Scene) -> bool:
    """Whether some object that stays in view is on the move for all of the clip."""
    return any(
        thing.event == "stays" and all(segment.motion != "still" for segment in thing.segments)
        for thing in scene.things
    )


def _facts(scene: Scene, video: Video, strengths: dict[str, float], distorted: Distorted) -> Facts:
    """The scene's facts, with boxes of what each frame really shows, and `quality`: strengths and scores."""
    facts, quality = scene_facts(scene, video.path, video.sha256), quality_of(strengths)
    for thing in facts["objects"]:
        for name in ("box", "visible"):
            thing[name] = [thing[name][number] for number in distorted.shown]
    levels = {name: level_word(score) for name, score in _named_scores(quality).items()}
    return {**facts, "quality": {"strengths": strengths, **quality._asdict(), "levels": levels}}


def quality_rows(
    scene: Scene, video: Video, strengths: dict[str, float], rng: np.random.Generator, questions: int
) -> list[Row]:
    """All rows of a clip: overall, each dimension, and `questions` answers to questions."""
    quality = quality_of(strengths)
    tags = {
        "scene": scene.id,
        "split": scene.split,
        "setting": scene.setting,
        "seconds": f"{scene.duration:.2f}",
        "video_dependent": "yes",
        "distortions": ",".join(f"{kind}:{strength}" for kind, strength in strengths.items()),
        "overall": f"{quality.overall}",
    }
    described = f"{describe(scene)} {_told(quality)}"
    rows = []

    def add(kind: str, instruction: str, response: str, rating: int, reasoning: str, **more) -> None:
        mine = {**tags, "set": f"{scene.id}/{len(rows)}", "instruction_kind": f"quality {kind}", "rating": str(rating)}
        item = Item(video, instruction, (response,), more.pop("reference", None), described, mine)
        judgment = Judgment(item.id, "target", RULE, "scored", float(rating), reasoning=reasoning, created="", **more)
        rows.append(Row(item, judgment))

    level = level_of(quality.overall)
    add("overall", OVERALL, ITSELF, level, justification(quality), criteria=quality.dimensions, rubric=RUBRIC)
    for each in DIMENSIONS:
        score = quality.dimensions[each.name]
        reasoning = f"{_capital(each.statement)}: {level_word(score)}."
        asked = f"Rate {each.extent}."
        add("dimension", asked, ITSELF, level_of(score), reasoning, criteria={each.name: score}, rubric=RUBRIC)
    answers = {}
    while len(answers) < questions:
        answer = _answer(quality, rng)
        answers.setdefault((answer.question, answer.text), answer)
    for answer in answers.values():
        add(
            "question",
            answer.question,
            answer.text,
            answer.rating,
            answer.reasoning,
            reference=answer.right,
            rubric=ANSWER_RUBRIC,
        )
    return rows


def justification(quality: Quality) -> str:
    """From dimensions to their group, from groups to the whole: levels in words, then the score."""
    steps = []
    for group in GROUPS:
        mine = [each for each in DIMENSIONS if each.group == group]
        steps += [f"{_capital(each.statement)}: {level_word(quality.dimensions[each.name])}." for each in mine]
        steps.append(f"So {SAID_GROUPS[group]}: {level_word(quality.groups[group])}.")
    return f"{' '.join(steps)} Overall: {level_word(quality.overall)}, score {level_of(quality.overall)}."


SAID_GROUPS = {"distortion": "freedom from distortion", "aesthetic": "look of the light"}


def _told(quality: Quality) -> str:
    """What a judge without the video reads of the quality."""
    told = [f"{each.statement}: {level_word(quality.dimensions[each.name])}" for each in DIMENSIONS]
    return f"Quality: {'; '.join(told)}."


def _named_scores(quality: Quality) -> dict[str, float]:
    return {**quality.dimensions, **quality.groups, "overall": quality.overall}


def _answer(quality: Quality, rng: np.random.Generator) -> Answer:
    return (_level_answer, _level_answer, _worst_answer, _better_answer)[int(rng.integers(4))](quality, rng)


def _level_answer(quality: Quality, rng: np.random.Generator) -> Answer:
    """What is asked about is chosen such that true levels are nearly even, and what is said is drawn evenly."""
    extents = {each.name: each.extent for each in DIMENSIONS} | {"overall": "how good the picture is as a whole"}
    scores = {name: _named_scores(quality)[name] for name in extents}
    near = int(rng.integers(1, 6))
    least = min(abs(level_of(score) - near) for score in scores.values())
    fitting = [name for name, score in scores.items() if abs(level_of(score) - near) == least]
    name = fitting[int(rng.integers(len(fitting)))]
    true, said = level_of(scores[name]), int(rng.integers(1, 6))
    off = abs(said - true)
    reasoning = f"Said {LEVELS[said - 1]}, seen {LEVELS[true - 1]}: off by {off}, score {5 - off}."
    question = f"Say {extents[name]}: bad, poor, fair, good or excellent?"
    return Answer(question, f"It is {LEVELS[said - 1]}.", f"It is {LEVELS[true - 1]}.", 5 - off, reasoning)


def _worst_answer(quality: Quality, rng: np.random.Generator) -> Answer:
    """What is worst about the picture? One that is flawless, or has several worst sides, has several right answers."""
    scores, low = quality.dimensions, min(quality.dimensions.values())
    worst = next(each for each in DIMENSIONS if scores[each.name] == low)
    said = DIMENSIONS[int(rng.integers(len(DIMENSIONS)))]
    return _compared("Which is the weakest side of the picture?", said, worst, scores[said.name] - low, quality)


def _better_answer(quality: Quality, rng: np.random.Generator) -> Answer:
    """Which of two sides is better, where they clearly differ; else what is worst."""
    one, other = (DIMENSIONS[i] for i in rng.permutation(len(DIMENSIONS))[:2])
    scores = quality.dimensions
    gap = abs(scores[one.name] - scores[other.name])
    if gap < CLEAR_GAP:
        return _worst_answer(quality, rng)
    better = max(one, other, key=lambda each: scores[each.name])
    said = (one, other)[int(rng.integers(2))]
    question = f"Which is better, {one.extent}, or {other.extent}?"
    return _compared(question, said, better, gap if said is not better else 0.0, quality)


def _compared(question: str, said: Dimension, right: Dimension, gap: float, quality: Quality) -> Answer:
    levels = [level_word(quality.dimensions[each.name]) for each in (said, right)]
    rating = 5 - (0 if levels[0] == levels[1] else max(1, round(4 * gap)))
    seen = [f"{each.statement}: {level_word(quality.dimensions[each.name])}" for each in dict.fromkeys((said, right))]
    reasoning = f"{_capital('; '.join(seen))}. {'Right' if rating == 5 else 'Wrong'}: score {rating}."
    return Answer(question, f"{_capital(said.extent)}.", f"{_capital(right.extent)}.", rating, reasoning)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
