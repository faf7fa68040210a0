"""What the stages of a fit do to a model: dense labels, then rows of drills and of judging."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import torch

from training.cpu import mixed_precision, use_fast_forms
from training.data import World
from training.dense import DenseHeads, dense_labels, dense_loss, frame_numbers, outputs, owners, word_embeddings
from training.features import vision_features
from training.gaze import Gaze, Scene, gaze_loss, gazes, turned_words, watched_layers
from training.heavy_tokens import heavy_tokens
from training.loop import Place, train
from training.misled import encode_misled, misled
from training.presets import TEXT_FLAWS, TEXT_TASKS, Stage
from training.processes import count, rank, wait
from training.rationales import BROKEN_WORDS, swapped
from training.rows import (
    Clip,
    Example,
    Sight,
    encode_claims,
    encode_comparison,
    encode_example,
    encode_look,
    fact_values,
    sights,
)
from training.sft import Packed, Targets, pack, target_losses
from training.traces import Traces
from training.views import other_things, reworded, seen_as, sha_and_view, turned_clip
from workbench.backends.encoding import Encoded, VideoInputs, video_inputs
from workbench.backends.positions import RopeRule, rope_rule
from workbench.errors import InputError
from workbench.prompts import Prompt, load_prompt
from workbench.schema import content_id
from workbench.video.frames import Frames

FEATURE_VIDEOS = 32  # videos that go through the frozen tower at a time
REFERENCE_SHARE = 0.1  # of the judging packs show the reference answer
MISLED_SHARE = 0.3  # of the values seen in a misled rationale are drawn anew
SIGHTS, COMPARISONS = 4, 3  # things to look at in one video; made-up comparisons at a time
TURNED_SHARE = 0.4  # of the responses whose claims are listed have words turned around
ASIDE_SHARE = 0.15  # of the responses whose claims are listed, and of the rows judged, hold a sentence about nothing
NO_MORE: Mapping[str, float] = {}


class Learner(NamedTuple):
    """A model in training, the processor of its checkpoint, and the place of the stage."""

    model: Any
    processor: Any
    place: Place

    @property
    def rule(self) -> RopeRule | None:
        return rope_rule(self.model.config)

    def clips(
        self, world: World, videos: Sequence[str] | None = None, counts: Mapping[int, float] | None = None
    ) -> dict[str, Clip]:
        """Moments and model inputs of the videos (default: all); about 0.9 MB a video at 8 frames of 112x112."""
        return {video: self._clip(world.frames(video, counts)) for video in videos or world.videos}

    def _clip(self, frames: Frames) -> Clip:
        return Clip(replace(frames, images=frames.images[:0]), _in_half(video_inputs(self.processor, frames)))

    def turned(self, clip: Clip, video: str) -> Clip:
        """The clip as the video of that name shows it."""
        vision = self.model.config.vision_config
        return turned_clip(clip, sha_and_view(video)[1], vision.patch_size, vision.spatial_merge_size)


def _in_half(inputs: VideoInputs) -> VideoInputs:
    """Pixels in bfloat16, which eight bits of colour fit into: thousands of clips are held at once."""
    pixels = inputs.tensors["pixel_values_videos"].bfloat16()
    return inputs._replace(tensors={**inputs.tensors, "pixel_values_videos": pixels})


def run_dense(learner: Learner, world: World, plan: Stage, seed: int) -> list[float]:
    """Train the vision tower and merger on the labels under each merged token; the losses of all steps."""
    vision, clips = learner.model.model.visual, learner.clips(world, world.scenes)
    use_fast_forms(learner.model)
    merge = learner.model.config.vision_config.spatial_merge_size
    words = word_embeddings(learner.model, learner.processor.tokenizer, world.vocabulary)
    heads = DenseHeads(learner.model.config.text_config.hidden_size, outputs(world.vocabulary), words)
    labels = {video: _labels(world, video, clips[_as_it_is(video)], merge) for video in world.videos}

    def loss_of(step: int):
        videos = random.Random(f"{seed} {step} {rank()}").sample(world.videos, min(plan.videos, len(world.videos)))
        with mixed_precision():
            shown = [learner.turned(clips[_as_it_is(video)], video).inputs.tensors for video in videos]
            features = vision_features(learner.model, shown)
        wanted = {name: torch.cat([labels[video][name] for video in videos]) for name in labels[videos[0]]}
        return dense_loss(heads(torch.cat(features).float()), wanted)

    return train([*vision.parameters(), *heads.parameters()], loss_of, plan, learner.place, [vision])


def _as_it_is(video: str) -> str:
    return sha_and_view(video)[0]


def _labels(world: World, video: str, clip: Clip, merge: int) -> dict[str, torch.Tensor]:
    _, height, width = clip.inputs.tensors["video_grid_thw"][0].tolist()
    grid = height // merge, width // merge
    found = dense_labels(world.facts[video], world.vocabulary, clip.frames.seconds, grid)
    return {name: torch.from_numpy(cells.copy()).flatten(0, 2) for name, cells in found.items()}


class Load(NamedTuple):
    """One pack of a step: its task, the video it shows and what that is of (None without), the rows, what heads should see.

    `turned` tells the words turned around in a response whose claims are listed, None for other tasks.
    """

    task: str
    video: str | None
    packed: Packed
    scene: Scene | None
    gazes: list[Gaze]
    turned: torch.Tensor | None


Task = Callable[[random.Random, str], list[Encoded]]  # (random numbers, video) -> rows of one pack


def run_rows(learner: Learner, world: World, plan: Stage, seed: int) -> list[float]:
    """Train the language model on packs of every task of the plan's mix, drills and prompts alike; the losses.

    A judge that has not learned the parts of judging apart (to look, to read claims, to compare) looks at the video
    alone and scores every response alike. Every task counts by its weight, however many tokens its targets have.
    """
    model = learner.model
    model.model.visual.requires_grad_(False)
    use_fast_forms(model)
    clips, features = _seen_once(learner, world, plan) if set(plan.mix) - set(TEXT_TASKS) else ({}, {})
    tasks = {name: task_of(name, learner, world, clips, plan) for name in plan.mix}
    videos = {name: world.videos if name == "look" else world.told for name in plan.mix}
    layers, width = model.model.language_model.layers, model.config.text_config.hidden_size
    traces = Traces(layers, width, world.vocabulary["motion"])
    number, heavy = rank(), heavy_tokens(learner.processor, plan.deciding)
    tokenizer, told = learner.processor.tokenizer, watched_layers(model.config.text_config.num_hidden_layers)
    merge = model.config.vision_config.spatial_merge_size

    def load(task: str, video: str | None, packed: Packed) -> Load:
        scene = video and _scene(world, video, clips[video], merge)
        turned = turned_words(tokenizer, packed) if task == "claims" else None
        return Load(task, video, packed, scene, gazes(tokenizer, packed, scene), turned)

    def draw(step: int) -> list[Load]:
        drawn = draw_packs(tasks, plan.mix, videos, random.Random(f"{seed} {step} {number}"))
        return [load(*one) for one in drawn]

    loads = _ahead(draw, plan.steps)

    def loss_of(step: int):
        batch = loads(step)
        packs, watched = [load.packed for load in batch], dict.fromkeys(told)
        with mixed_precision():
            targets = target_losses(model, packs, [features.get(each.video) for each in batch], watched)
        loss, figures = _by_task(batch, targets, heavy.weights(packs))
        astray, of_kinds = gaze_loss(watched, packs, [load.gazes for load in batch])
        missed, of_traces = traces.loss(packs, [load.scene for load in batch], [load.turned for load in batch])
        return loss + astray + missed, figures | of_kinds | of_traces

    return train([*model.parameters(), *traces.parameters()], loss_of, plan, learner.place, layers)


def _scene(world: World, video: str, clip: Clip, merge: int) -> Scene:
    facts, (_, height, width) = world.facts[video], clip.inputs.tensors["video_grid_thw"][0].tolist()
    pairs = frame_numbers(facts, clip.frames.seconds)
    owner = torch.from_numpy(owners(facts, pairs, (height // merge, width // merge)))
    seconds = torch.from_numpy(pairs.mean(1) / facts["fps"]).float()[:, None, None].expand(owner.shape)
    return Scene(facts, owner.flatten(), seconds.flatten())


def draw_packs(
    tasks: Mapping[str, Task],
    mix: Mapping[str, float],
    videos: Mapping[str, Sequence[str]],
    rng: random.Random,
) -> list[tuple[str, str | None, Packed]]:
    """The packs of one step, with task and video (None: shows none): as many as `mix` says, a fraction being a chance.

    `videos` holds what each task draws from.
    """
    found = []
    for name, packs in mix.items():
        for _ in range(int(packs) + (rng.random() < packs % 1)):
            video = rng.choice(videos[name])
            rows = tasks[name](rng, video)
            if rows and (rows[0].types == 2).any():
                found.append((name, video, pack(rows)))
            else:
                found += [(name, None, pack([row])) for row in rows]
    return found


def _by_task(batch: Sequence[Load], targets: Targets, weights: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
    """Mean of the tasks' weighted mean losses, and each one's loss and share of tokens predicted right."""
    names = list(dict.fromkeys(load.task for load in batch))
    counts = torch.tensor([max(1, int(load.packed.branches.max())) for load in batch])
    of_row = torch.tensor([names.index(load.task) for load in batch]).repeat_interleave(counts)
    of_token, figures, total = of_row[targets.rows], {}, 0.0
    for number, name in enumerate(names):
        mine = of_token == number
        loss = (targets.losses[mine] * weights[mine]).sum() / weights[mine].sum()
        total = total + loss
        figures |= {f"{name}_loss": loss.item(), f"{name}_accuracy": targets.right[mine].float().mean().item()}
    return total / len(names), figures


def task_of(name: str, learner: Learner, world: World, clips: Mapping[str, Clip], plan: Stage) -> Task:
    """A drill, or judging by the prompt of that name, of up to `plan.rows` rows about a video.

    Few rows a pack, of many videos a step: with five responses each about three videos, a judge did not find in 25,000
    rows how to read a colour out of a response, which it finds in 2,000 rows about as many videos.
    """
    processor, rule = learner.processor, learner.rule
    if name == "look":
        seen = {video: sights(facts) for video, facts in world.facts.items()}
        return lambda rng, video: [
            encode_look(processor, rule, _some_facts(sight, rng), clips[video])
            for sight in rng.sample(seen[video], min(SIGHTS, len(seen[video])))
        ]
    if name == "claims":
        return partial(_claims_rows, learner, world)
    if name == "compare":
        values = fact_values(chain.from_iterable(world.examples.values()))
        if not values:
            raise InputError(
                f"{world.folder}: got no rationale that says what was seen; give a folder of bootstrap world."
            )
        return lambda rng, video: [encode_comparison(processor, rule, values, rng) for _ in range(COMPARISONS)]
    prompts = [load_prompt(name, reference=shown) for shown in (False, True)]
    values = fact_values(chain.from_iterable(world.examples.values()))
    return partial(_judge_rows, learner, world, clips, prompts, plan, values)


def _claims_rows(learner: Learner, world: World, rng: random.Random, video: str) -> list[Encoded]:
    """What one response claims, its words for things changed where the videos are; none for one that is broken already."""
    found = []
    for example in _set_of(world, video, "pointwise", 1, rng):
        if BROKEN_WORDS not in (example.target.reasoning or ""):
            shown = reworded(example, other_things(world.vocabulary, rng)) if len(world.views) > 1 else example
            found.append(encode_claims(learner.processor, learner.rule, shown, rng, TURNED_SHARE, ASIDE_SHARE))
    return found


def _some_facts(sight: Sight, rng: random.Random) -> Sight:
    """At least two of the facts, in their order; all of two objects, which are told apart by their colours."""
    if "colour2" in sight.seen:
        return sight
    names = set(rng.sample(list(sight.seen), rng.randint(2, len(sight.seen))))
    return Sight(sight.subject, {name: value for name, value in sight.seen.items() if name in names})


def _share(examples: Sequence[Example], often: Mapping[str, float]) -> float:
    """How often these responses to one instruction come up, by `Stage.often`."""
    tags = examples[0].item.tags
    in_text = often.get(TEXT_FLAWS, 1.0) if tags.get("video_dependent") == "no" else 1.0
    return in_text * often.get(tags.get("instruction_kind", ""), 1.0)


def _set_of(
    world: World, video: str, kind: str, most: int, rng: random.Random, often: Mapping[str, float] = NO_MORE
) -> list[Example]:
    """Up to `most` examples of one instruction about the video: as branches of one prefix they cost least.

    Some instructions come up more often than others, as `Stage.often` says.
    """
    sets: dict[str, list[Example]] = {}
    for example in world.examples[video]:
        if example.item.kind == kind:
            sets.setdefault(example.item.instruction, []).append(example)
    if not sets:
        return []
    chosen = rng.choices(list(sets.values()), [_share(some, often) for some in sets.values()])[0]
    return rng.sample(chosen, min(most, len(chosen)))


def _judge_rows(
    learner: Learner,
    world: World,
    clips: Mapping[str, Clip],
    prompts: Sequence[Prompt],
    plan: Stage,
    values: Mapping[str, Sequence[str]],
    rng: random.Random,
    video: str,
) -> list[Encoded]:
    """Rows of one instruction for a prompt, with the reference or without; half as many pairs, but in both orders."""
    prompt = prompts[rng.random() < REFERENCE_SHARE]
    most = plan.rows if prompt.kind == "pointwise" else max(1, plan.rows // 2)
    shown = chain.from_iterable(
        _orders(each, prompt) for each in _set_of(world, video, prompt.kind, most, rng, plan.often)
    )
    deceived = MISLED_SHARE if "thinking" in prompt.form.tags and rng.random() < plan.misled else 0.0
    encoded = []
    for example, order in shown:
        example = example.with_aside(rng) if rng.random() < ASIDE_SHARE else example
        row = learner.processor, learner.rule, prompt, example, clips[video], order
        other = misled(example.target.reasoning or "", values, deceived, rng) if deceived else None
        encoded.append(encode_misled(*row, other) if other else encode_example(*row))
    return encoded


def _orders(example: Example, prompt: Prompt) -> Iterator[tuple[Example, tuple[int, ...]]]:
    """The example as given, and a pair in the other order too; its rationale then speaks of A and B as shown."""
    given = tuple(range(len(example.item.responses)))
    yield example, given
    if prompt.kind == "pairwise":
        reasoning = swapped(example.target.reasoning or "")
        if reasoning or "thinking" not in prompt.form.tags:
            yield example.with_reasoning(reasoning), given[::-1]


def _ahead(make: Callable[[int], list[Load]], steps: int) -> Callable[[int], list[Load]]:
    """`make(step)` for one step after the other, made in a process of its own some steps ahead."""
    from torch.utils.data import DataLoader

    waiting: Iterator[list[Load]] | None = None

    def get(step: int) -> list[Load]:
        nonlocal waiting
        if waiting is None:
            waiting = iter(
                DataLoader(
                    _Steps(make),
                    batch_size=None,
                    sampler=range(step, steps),
                    num_workers=1,
                    multiprocessing_context="fork",
                )
            )
        return next(waiting)

    return get


class _Steps(torch.utils.data.Dataset):
    def __init__(self, make: Callable[[int], list[Load]]):
        self.make = make

    def __getitem__(self, step: int) -> list[Load]:
        return self.make(step)


def _seen_once(learner: Learner, world: World, plan: Stage) -> tuple[dict[str, Clip], dict[str, torch.Tensor]]:
    """Clips without their pixels, and features of every video: with a frozen tower they are the same in every epoch.

    Each process makes its share of the features; they stay in a file for the others, and for the next stage.
    """
    known = _tower_id(learner.model.model.visual, world, plan)
    folder = learner.place.metrics.parent / "features"
    files = [folder / f"{known}-{number}-of-{count()}.pt" for number in range(count())]
    missing = not files[rank()].exists()
    clips, features = {}, {}
    for start in range(0, len(world.scenes), FEATURE_VIDEOS):
        some = world.scenes[start : start + FEATURE_VIDEOS]
        shots = learner.clips(world, some, plan.frames)
        clips |= {seen_as(name, view): _without_pixels(shots[name]) for view in world.views for name in some}
        if missing and start // FEATURE_VIDEOS % count() == rank():
            for view in world.views:
                features |= _features(learner, {seen_as(name, view): shots[name] for name in some})
    if missing:
        folder.mkdir(exist_ok=True)
        torch.save(features, files[rank()].with_suffix(".part"))
        files[rank()].with_suffix(".part").rename(files[rank()])
    wait()
    for file in files:
        features |= torch.load(file, weights_only=True)
    return clips, features


def _features(learner: Learner, shots: Mapping[str, Clip]) -> dict[str, torch.Tensor]:
    """What the frozen tower makes of the clips, each turned as its video shows it."""
    turned = [learner.turned(shot, video).inputs.tensors for video, shot in shots.items()]
    with torch.no_grad(), mixed_precision():
        merged = vision_features(learner.model, turned)
    return {video: each.float() for video, each in zip(shots, merged, strict=True)}


def _tower_id(tower: torch.nn.Module, world: World, plan: Stage) -> str:
    """Tells features of this tower, of these videos and numbers of frames, from all others."""
    parts = [str(world.videos), str(sorted(plan.frames.items()))]
    parts += [
        f"{name} {weight.float().sum().item()} {weight.float().norm().item()}"
        for name, weight in tower.state_dict().items()
    ]
    return content_id(parts)


def _without_pixels(clip: Clip) -> Clip:
    grid = {"video_grid_thw": clip.inputs.tensors["video_grid_thw"]}
    return clip._replace(inputs=clip.inputs._replace(tensors=grid))
