"""What the stages of a fit do to a model: dense labels, then rows of drills and of judging."""

import random
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch

from training.ahead import ahead
from training.cpu import mixed_precision, use_fast_forms
from training.data import World
from training.dense import DenseHeads, dense_labels, dense_loss, frame_numbers, outputs, owners, word_embeddings
from training.features import vision_features
from training.gaze import Gaze, Scene, gaze_loss, gazes, turned_words, watched_layers
from training.heavy_tokens import heavy_tokens
from training.learner import Learner
from training.loop import train
from training.packs import draw_packs, looked_at, task_of
from training.presets import TEXT_TASKS, Stage
from training.processes import count, rank
from training.rows import Clip
from training.seen_once import seen_once, share_of
from training.sft import Packed, Targets, target_losses
from training.traces import Traces
from training.views import sha_and_view

DRAWERS = {"cpu": 1, "cuda": 4}  # processes that draw packs for one that trains


def run_dense(learner: Learner, world: World, plan: Stage, seed: int) -> list[float]:
    """Train the vision tower and merger on the labels under each merged token; the losses of all steps.

    Each process sees a share of the scenes of its own, and of a step's videos.
    """
    device, vision = learner.model.device, learner.model.model.visual
    clips = learner.clips(world, share_of(world))
    use_fast_forms(learner.model)
    merge = learner.model.config.vision_config.spatial_merge_size
    words = word_embeddings(learner.model, learner.processor.tokenizer, world.vocabulary)
    heads = DenseHeads(learner.model.config.text_config.hidden_size, outputs(world.vocabulary), words).to(device)
    drawn_from = [video for video in world.videos if _as_it_is(video) in clips]
    number, most = rank(), plan.videos // count()

    @cache
    def labels_of(video: str) -> dict[str, torch.Tensor]:
        return _labels(world, video, clips[_as_it_is(video)], merge)

    def loss_of(step: int):
        videos = random.Random(f"{seed} {step} {number}").sample(drawn_from, min(most, len(drawn_from)))
        with mixed_precision(device):
            shown = [learner.turned(clips[_as_it_is(video)], video).inputs.tensors for video in videos]
            features = vision_features(learner.model, shown)
        labels = [labels_of(video) for video in videos]
        wanted = {name: torch.cat([each[name] for each in labels]).to(device) for name in labels[0]}
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


def run_rows(learner: Learner, world: World, plan: Stage, seed: int) -> list[float]:
    """Train the language model on packs of every task of the plan's mix, drills and prompts alike; the losses.

    Each process draws its share of a step's packs.

    A judge that has not learned the parts of judging apart (to look, to read claims, to compare) looks at the video
    alone and scores every response alike. Every task counts by its weight, however many tokens its targets have.
    """
    model, device = learner.model, learner.model.device
    model.model.visual.requires_grad_(False)
    use_fast_forms(model)
    clips, features = seen_once(learner, world, plan) if set(plan.mix) - set(TEXT_TASKS) else ({}, {})
    tasks = {name: task_of(name, learner, world, clips, plan) for name in plan.mix}
    videos = {name: looked_at(world) if name == "look" else world.told for name in plan.mix}
    layers, width = model.model.language_model.layers, model.config.text_config.hidden_size
    traces = Traces(layers, width, world.vocabulary["motion"]).to(device)
    mix = {name: packs / count() for name, packs in plan.mix.items()}
    number, heavy = rank(), heavy_tokens(learner.processor, plan.deciding)
    tokenizer, told = learner.processor.tokenizer, watched_layers(model.config.text_config.num_hidden_layers)
    merge = model.config.vision_config.spatial_merge_size

    def load(task: str, video: str | None, packed: Packed) -> Load:
        scene = video and _scene(world, video, clips[video], merge)
        turned = turned_words(tokenizer, packed) if task == "claims" else None
        return Load(task, video, packed, scene, gazes(tokenizer, packed, scene), turned)

    def draw(step: int) -> list[Load]:
        drawn = draw_packs(tasks, mix, videos, random.Random(f"{seed} {step} {number}"))
        return [load(*one) for one in drawn]

    loads = ahead(draw, plan.steps, DRAWERS[device.type])

    def loss_of(step: int):
        batch = loads(step)
        packs, watched = [load.packed for load in batch], dict.fromkeys(told)
        with mixed_precision(device):
            targets = target_losses(model, packs, [features.get(each.video) for each in batch], watched)
        loss, figures = _by_task(batch, targets, heavy.weights(packs).to(device))
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


def _by_task(batch: Sequence[Load], targets: Targets, weights: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
    """Mean of the tasks' weighted mean losses, and each one's loss and share of tokens predicted right."""
    names = list(dict.fromkeys(load.task for load in batch))
    counts = torch.tensor([max(1, int(load.packed.branches.max())) for load in batch])
    of_row = torch.tensor([names.index(load.task) for load in batch]).repeat_interleave(counts)
    of_token, figures, total = of_row.to(targets.rows.device)[targets.rows], {}, 0.0
    for number, name in enumerate(names):
        mine = of_token == number
        loss = (targets.losses[mine] * weights[mine]).sum() / weights[mine].sum()
        total = total + loss
        figures |= {f"{name}_loss": loss.item(), f"{name}_accuracy": targets.right[mine].float().mean().item()}
    return total / len(names), figures
