"""What the three stages of a fit do to a model: dense labels, reading out, judging."""

import random
from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import torch

from training.data import World
from training.dense import DenseHeads, dense_labels, dense_loss, outputs
from training.loop import Place, train
from training.presets import TASKS, Stage
from training.rows import (
    Clip,
    Example,
    encode_claims,
    encode_comparison,
    encode_description,
    encode_example,
    encode_look,
    fact_values,
)
from training.sft import pack, target_loss, vision_features
from workbench.backends.encoding import Encoded, video_inputs
from workbench.backends.positions import RopeRule, rope_rule
from workbench.prompts import Prompt, load_prompt

FEATURE_VIDEOS = 32  # videos that go through the frozen tower at a time
REFERENCE_SHARE = 0.1  # of the judging steps show the reference answer


class Learner(NamedTuple):
    """A model in training, the processor of its checkpoint, and the place of the stage."""

    model: Any
    processor: Any
    place: Place

    @property
    def rule(self) -> RopeRule | None:
        return rope_rule(self.model.config)

    def clips(self, world: World) -> dict[str, Clip]:
        """Frames and model inputs of every video of the world; about 1.5 MB a video at 8 frames of 112x112."""
        frames = {video: world.frames(video) for video in world.videos}
        return {video: Clip(shot, video_inputs(self.processor, shot)) for video, shot in frames.items()}


def run_dense(learner: Learner, world: World, plan: Stage, seed: int) -> list[float]:
    """Train the vision tower and merger on the labels under each merged token; the losses of all steps."""
    vision, clips = learner.model.model.visual, learner.clips(world)
    merge = learner.model.config.vision_config.spatial_merge_size
    heads = DenseHeads(learner.model.config.text_config.hidden_size, outputs(world.vocabulary))
    labels = {video: _labels(world, video, clip, merge) for video, clip in clips.items()}

    def loss_of(step: int):
        videos = random.Random(f"{seed} {step}").sample(world.videos, min(plan.videos, len(world.videos)))
        features = vision_features(learner.model, [clips[video].inputs.tensors for video in videos])
        wanted = {name: torch.cat([labels[video][name] for video in videos]) for name in heads.heads}
        return dense_loss(heads(torch.cat(features)), wanted)

    return train([*vision.parameters(), *heads.parameters()], loss_of, plan, learner.place)


def _labels(world: World, video: str, clip: Clip, merge: int) -> dict[str, torch.Tensor]:
    _, height, width = clip.inputs.tensors["video_grid_thw"][0].tolist()
    grid = height // merge, width // merge
    found = dense_labels(world.facts[video], world.vocabulary, clip.frames.seconds, grid)
    return {name: torch.from_numpy(cells.copy()).flatten(0, 2) for name, cells in found.items()}


def run_language(learner: Learner, world: World, plan: Stage, seed: int) -> list[float]:
    """Train the language model in the parts of judging, a drill a step: to describe, look, read claims and compare.

    A judge that has not learned each of them apart looks at the video alone and scores every response alike.
    """
    clips = learner.clips(world)
    drills = drills_of(learner, world, clips, plan.rows)
    return _run_rows(learner, world, plan, seed, clips, lambda rng, name: drills[name])


def drills_of(learner: Learner, world: World, clips: Mapping[str, Clip], most: int) -> dict[str, "RowsOf"]:
    """The drills by name: each makes up to `most` rows about a video, or without one."""
    processor, rule = learner.processor, learner.rule
    values = fact_values(chain.from_iterable(world.examples.values()))

    def rated(rng: random.Random, video: str) -> list[Example]:
        pointwise = [example for example in world.examples[video] if example.item.kind == "pointwise"]
        return rng.sample(pointwise, min(most, len(pointwise)))

    return {
        "describe": lambda rng, video: [
            encode_description(processor, rule, rng.choice(world.examples[video]), clips[video])
        ],
        "look": lambda rng, video: [encode_look(processor, rule, each, clips[video]) for each in rated(rng, video)],
        "claims": lambda rng, video: [encode_claims(processor, rule, each) for each in rated(rng, video)],
        "compare": lambda rng, video: [encode_comparison(processor, rule, values, rng) for _ in range(most)],
    }


def _draw(rng: random.Random, mix: Mapping[str, float]) -> str:
    return rng.choices(list(mix), list(mix.values()))[0]


def run_judge(learner: Learner, world: World, plan: Stage, seed: int) -> list[float]:
    """Train the judge, a prompt a step by the plan's mix, so that rows of one step are of like length; the losses."""
    clips = learner.clips(world)
    names = [name for name in plan.mix if name not in TASKS]
    prompts = {(name, shown): load_prompt(name, reference=shown) for name in names for shown in (False, True)}
    drills = drills_of(learner, world, clips, 2 * plan.rows)

    def task(rng: random.Random, name: str) -> RowsOf:
        if name in drills:
            return drills[name]
        prompt = prompts[name, rng.random() < REFERENCE_SHARE]
        return partial(_judge_rows, learner, world, clips, prompt, plan.rows)

    return _run_rows(learner, world, plan, seed, clips, task)


def _judge_rows(
    learner: Learner, world: World, clips: Mapping[str, Clip], prompt: Prompt, most: int, rng: random.Random, video: str
) -> list[Encoded]:
    """Up to `most` rows of a video for a prompt; half as many pairs, which are about twice as long."""
    fitting = [example for example in world.examples[video] if example.item.kind == prompt.kind]
    count = most if prompt.kind == "pointwise" else max(1, most // 2)
    chosen = rng.sample(fitting, min(count, len(fitting)))
    return [
        encode_example(learner.processor, learner.rule, prompt, example, clips[video], _order(example, prompt, rng))
        for example in chosen
    ]


def _order(example: Example, prompt: Prompt, rng: random.Random) -> tuple[int, ...]:
    """As given, or for pairs without reasoning also swapped; a rationale speaks of A and B as given."""
    given = tuple(range(len(example.item.responses)))
    free = prompt.kind == "pairwise" and "thinking" not in prompt.form.tags
    return given[::-1] if free and rng.random() < 0.5 else given


RowsOf = Callable[[random.Random, str], list[Encoded]]


def _run_rows(
    learner: Learner,
    world: World,
    plan: Stage,
    seed: int,
    clips: Mapping[str, Clip],
    task: Callable[[random.Random, str], RowsOf],
) -> list[float]:
    """Train on rows: each step draws a task, then videos, then what the task makes of each video."""
    model = learner.model
    model.model.visual.requires_grad_(plan.train_vision)
    known = {} if plan.train_vision else _all_features(model, clips)

    def loss_of(step: int):
        rng = random.Random(f"{seed} {step}")
        name = _draw(rng, plan.mix)
        rows_of = task(rng, name)
        videos = rng.sample(world.videos, min(plan.videos, len(world.videos)))
        rows = [(video, row) for video in videos for row in rows_of(rng, video)]
        features = known or _features(model, clips, videos)
        # Each row apart: on a CPU, causal attention over short rows beats a mask over long packs.
        loss, figures = target_loss(model, [pack([row]) for _, row in rows], [features[video] for video, _ in rows])
        return loss, figures | {f"{name}_accuracy": figures["token_accuracy"]}

    return train(model.parameters(), loss_of, plan, learner.place)


def _features(model: Any, clips: Mapping[str, Clip], videos: list[str]) -> dict[str, torch.Tensor]:
    merged = vision_features(model, [clips[video].inputs.tensors for video in videos])
    return dict(zip(videos, merged, strict=True))


def _all_features(model: Any, clips: Mapping[str, Clip]) -> dict[str, torch.Tensor]:
    """Features of every video, made once: with a frozen tower they are the same in every epoch."""
    videos, found = list(clips), {}
    with torch.no_grad():
        for start in range(0, len(videos), FEATURE_VIDEOS):
            found |= _features(model, clips, videos[start : start + FEATURE_VIDEOS])
    return found
