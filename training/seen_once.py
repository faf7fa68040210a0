"""What one of the processes of a fit does to a video once: to decode it and, with a frozen tower, to keep its features."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from training.clips import FIELDS
from training.cpu import mixed_precision
from training.data import World
from training.features import vision_features
from training.learner import Learner
from training.presets import Stage
from training.processes import count, rank, wait
from training.rows import Clip
from training.views import seen_as
from workbench.backends.encoding import VideoInputs
from workbench.schema import content_id
from workbench.video.frames import Frames

FEATURE_VIDEOS = 4  # videos that go through the frozen tower at a time; what more of them need leaves the caches
FEATURES_RULE = "2"  # of what a file of features holds
NO_IMAGES = np.zeros((0, 0, 0, 3), np.uint8)


def share_of(world: World) -> list[str]:
    """The scenes that this process decodes."""
    return world.scenes[rank() :: count()]


def seen_once(learner: Learner, world: World, plan: Stage) -> tuple[dict[str, Clip], dict[str, torch.Tensor]]:
    """Clips without their pixels, and features of every video: with a frozen tower they are the same in every epoch.

    Each process makes both of its share; they stay in a file for the others, and for the next stage.
    """
    known = _tower_id(learner.model.model.visual, world, plan)
    folder = learner.place.metrics.parent / "features"
    files = [folder / f"{known}-{number}-of-{count()}.pt" for number in range(count())]
    if not files[rank()].exists():
        mine = share_of(world)
        made: dict[str, dict[str, Any]] = {"clips": {}, "features": {}}
        for start in range(0, len(mine), FEATURE_VIDEOS):
            shots = learner.clips(world, mine[start : start + FEATURE_VIDEOS], plan.frames)
            made["clips"] |= {scene: _told(shot) for scene, shot in shots.items()}
            for view in world.views:
                made["features"] |= _features(learner, {seen_as(scene, view): shot for scene, shot in shots.items()})
        folder.mkdir(exist_ok=True)
        torch.save(made, files[rank()].with_suffix(".part"))
        files[rank()].with_suffix(".part").rename(files[rank()])
    wait()
    clips: dict[str, Clip] = {}
    features: dict[str, torch.Tensor] = {}
    for kept in (torch.load(file, weights_only=True) for file in files):
        features |= kept["features"]
        for scene, told in kept["clips"].items():
            clips |= dict.fromkeys((seen_as(scene, view) for view in world.views), _clip_told(told))
    return clips, features


def _features(learner: Learner, shots: Mapping[str, Clip]) -> dict[str, torch.Tensor]:
    """What the frozen tower makes of the clips, each turned as its video shows it."""
    turned = [learner.turned(shot, video).inputs.tensors for video, shot in shots.items()]
    with torch.no_grad(), mixed_precision(learner.model.device):
        merged = vision_features(learner.model, turned)
    return {video: each.float().cpu() for video, each in zip(shots, merged, strict=True)}


def _tower_id(tower: torch.nn.Module, world: World, plan: Stage) -> str:
    """Tells features of this tower, of these videos and numbers of frames, from all others."""
    weights = hashlib.sha256()
    for weight in tower.state_dict().values():
        weights.update(weight.cpu().numpy().tobytes())
    return content_id([FEATURES_RULE, world.videos, sorted(plan.frames.items()), weights.hexdigest()])


def _told(clip: Clip) -> dict[str, Any]:
    """A clip without its pictures and pixels, in plain values and tensors."""
    return {
        "frames": {name: getattr(clip.frames, name) for name in FIELDS},
        "inputs": clip.inputs._replace(tensors={"video_grid_thw": clip.inputs.tensors["video_grid_thw"]})._asdict(),
    }


def _clip_told(told: Mapping[str, Any]) -> Clip:
    """What `_told` was given, but for pictures and pixels."""
    return Clip(Frames(NO_IMAGES, **told["frames"]), VideoInputs(**told["inputs"]))
