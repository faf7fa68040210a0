"""The truth about a seed from the procedural world: many responses to its instruction, each with its true rating.

A world folder tells how its scenes were made (world.json) and a seed tells which scene it is of, so the scene and its
questions are made again, and any number of rated responses with them, by the world's own rule (world/flaws.py).
"""

import json
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bootstrap.chats import GOLD, TARGETS
from bootstrap.world.asking import ask_all
from bootstrap.world.flaws import rated_response
from bootstrap.world.questions import Question
from bootstrap.world.sampling import Length, Setting, sample_scene, scene_generator
from bootstrap.world.scene import SPLITS, Scene
from bootstrap.world.targets import RULE
from workbench.errors import InputError
from workbench.schema import Item

REPERTOIRE = 8  # responses to an instruction for each rating
STREAM = 7  # of the world's random numbers; the world itself uses the first few


class Repertoire(NamedTuple):
    """What can be answered to one instruction: responses by their true rating, and the true rating of each."""

    by_rating: dict[int, tuple[str, ...]]
    ratings: dict[str, int]


def repertoire(seed: Item) -> Repertoire:
    """The responses to a seed's instruction. Raises InputError for a seed that is not from a world folder."""
    path, scene = seed.video.path if seed.video else None, seed.tags.get("scene", "")
    if not path or not scene:
        raise InputError(f"seed {seed.id}: it is not from the procedural world (no path of a clip, or no scene tag).")
    folder = Path(path).parent.parent
    return _repertoire(folder, scene, seed.instruction, seed.tags.get("video_dependent") == "no")


def true_rating(seed: Item, text: str) -> int | None:
    """The true rating of a response to a seed's instruction; None for one that is none of the world's."""
    if text.strip() == (seed.reference or "").strip():
        return GOLD
    return repertoire(seed).ratings.get(text.strip())


@lru_cache(maxsize=4096)
def _repertoire(folder: Path, scene_id: str, instruction: str, text_visible: bool) -> Repertoire:
    scene, question = _asked(folder, scene_id, instruction)
    by_rating: dict[int, tuple[str, ...]] = {}
    ratings: dict[str, int] = {}
    for rating in TARGETS:
        drawn = (_draw(scene, question, rating, number, text_visible) for number in range(REPERTOIRE))
        by_rating[rating] = tuple(text for text in dict.fromkeys(drawn) if text not in ratings)
        ratings |= dict.fromkeys(by_rating[rating], rating)
    return Repertoire(by_rating, ratings)


def _draw(scene: Scene, question: Question, rating: int, number: int, text_visible: bool) -> str:
    key = [scene.seed, SPLITS.index(scene.split), scene.index, STREAM, zlib.crc32(question.instruction.encode())]
    return rated_response(scene, question, np.random.default_rng([*key, rating, number]), rating, text_visible).text


def _asked(folder: Path, scene_id: str, instruction: str) -> tuple[Scene, Question]:
    """The scene, and the question that was asked with this instruction."""
    world = _world(folder)
    index = scene_id.rpartition("-")[2]
    if not index.isdecimal():
        raise InputError(f"scene: got {scene_id!r}, expected an id such as full-train-0-000012.")
    scene = sample_scene(_setting(world["setting"]), world["split"], world["seed"], int(index))
    rng = scene_generator(scene.split, scene.seed, scene.index, 1)
    for question in ask_all(scene, rng, world["questions"]):
        if question.instruction == instruction:
            return scene, question
    raise InputError(
        f"{folder}: scene {scene_id} is not asked {instruction!r:.80}; give the seeds as the world made them."
    )


@lru_cache(maxsize=16)
def _world(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / "world.json").read_text(encoding="utf-8"))
        rule, world = record["rule"], record["world"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder}: it has no readable world.json; give seeds from a world folder.") from error
    if rule != RULE:
        raise InputError(f"{folder}: it was made by {rule}, but this is {RULE}; make the world again.")
    return world


def _setting(record: dict[str, Any]) -> Setting:
    lengths = tuple(Length(*part) for part in record["lengths"])
    return Setting(**{**record, "lengths": lengths, "behaviours": tuple(record["behaviours"])})
