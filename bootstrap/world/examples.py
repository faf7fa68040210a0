"""The example clips that ship with the page: scenes of the test split, chosen by what they show, with rated responses.

examples.json    [{title, mode, video, instruction, responses, ratings, reference}], `video` relative to the file
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bootstrap.world.asking import ask
from bootstrap.world.clip import write_clip
from bootstrap.world.drawing import draw_frames
from bootstrap.world.flaws import other_wording, rated_response
from bootstrap.world.questions import Question, QuestionKind
from bootstrap.world.sampling import CORE, sample_scene, scene_generator
from bootstrap.world.scene import Scene

SEED = 20_260
SECONDS = (3.0, 6.0)
FACTS = 5  # at least so many in every response


class Wish(NamedTuple):
    """What an example is to show; two ratings make a pair, more are judged one by one."""

    name: str
    title: str
    objects: int
    kind: QuestionKind
    ratings: tuple[int, ...]
    mode: str = "pointwise"  # of more than two


WISHES = (
    Wish("caption", "Describe the video: one answer for each rating", 1, "caption", (5, 4, 3, 2, 1)),
    Wish("turn", "What happens first, and then? With a rubric", 1, "order", (5, 3, 1), "rubric"),
    Wish("when", "When does it happen?", 1, "when", (4, 5, 2)),
    Wish("pair", "Which answer is better?", 1, "motion", (2, 4)),
    Wish("three", "Three objects, a close pair", 3, "comparison", (5, 3)),
)


def write_examples(out: Path) -> None:
    """Write the clips and examples.json into the folder `out`; the same every time."""
    out.mkdir(parents=True, exist_ok=True)
    records, index = [], 0
    for wish in WISHES:
        scene, question, index = _find(wish, index)
        write_clip(out / f"{wish.name}.mp4", draw_frames(scene), scene.fps)
        rng = scene_generator(scene.split, scene.seed, scene.index, 2)
        responses = [rated_response(scene, question, rng, rating) for rating in wish.ratings]
        best = max(responses, key=lambda response: response.rating)
        records.append(
            {
                "title": wish.title,
                "mode": "pairwise" if len(wish.ratings) == 2 else wish.mode,
                "video": f"{wish.name}.mp4",
                "instruction": question.instruction,
                "responses": [response.text for response in responses],
                "ratings": list(wish.ratings),
                "reference": other_wording(scene, question, rng, best.text),
            }
        )
    (out / "examples.json").write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")


def _find(wish: Wish, start: int) -> tuple[Scene, Question, int]:
    """The next scene from `start` on that grants the wish, a question about it, and where to go on looking."""
    setting = replace(CORE, objects_max=wish.objects)
    index = start
    while True:
        scene = sample_scene(setting, "test", SEED, index)
        rng = scene_generator(scene.split, scene.seed, scene.index, 1)
        index += 1
        if len(scene.things) != wish.objects or not SECONDS[0] <= scene.duration <= SECONDS[1]:
            continue
        question = ask(scene, rng, wish.kind)
        still = all(segment.motion == "still" for thing in scene.things for segment in thing.segments)
        if question and len(question.facts) >= FACTS and not still:
            return scene, question, index
