"""Vision features by steps of the grid: what one number of frames has computed serves another, where pairs are the same.

Qwen's towers merge two frames to a step, and attend within a step only (Qwen2-VL report, section 2.1; Qwen2.5-VL, 2.1),
so a step's features depend on its own two frames. Uniform frames hardly share pairs; nested ones do (video/nested.py).
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.backends.positions import FAMILIES

if TYPE_CHECKING:
    import torch

    from workbench.video.frames import Frames

Step = list[Any]  # features float [tokens, size] of one step: the tower's output, then what it hands to deeper layers


def works_by_steps(model: Any) -> bool:
    """Whether a model's features of two frames do not depend on the others, and can be handed to it."""
    import inspect

    return model.config.model_type in FAMILIES and "mm_encoder_outputs" in inspect.signature(model.forward).parameters


def step_keys(frames: "Frames") -> list[bytes]:
    """Identity of each pair of pictures; the last one is shown twice where the number is odd."""
    count, *shape = frames.images.shape
    return [
        hashlib.sha256(repr(shape).encode() + frames.images[[first, min(first + 1, count - 1)]].tobytes()).digest()
        for first in range(0, count, 2)
    ]


def only_steps(tensors: "Mapping[str, torch.Tensor]", steps: Sequence[int]) -> "dict[str, torch.Tensor]":
    """A video's pixel_values_videos [patches, values] and video_grid_thw [1, 3] of some of its steps alone."""
    pixels, grid = tensors["pixel_values_videos"], tensors["video_grid_thw"].clone()
    by_step = pixels.view(int(grid[0, 0]), -1, pixels.shape[-1])
    grid[0, 0] = len(steps)
    return {**tensors, "pixel_values_videos": by_step[list(steps)].flatten(0, 1), "video_grid_thw": grid}


def split_steps(features: Mapping[str, Any], count: int) -> list[Step]:
    """The features of each of a video's `count` steps (views)."""
    found = features["mm_encoder_outputs"]["video"]
    whole = [found.pooler_output[0], *(layer[0] for layer in getattr(found, "deepstack_features", None) or ())]
    return [list(parts) for parts in zip(*(states.chunk(count) for states in whole), strict=True)]


def joined_steps(steps: Sequence[Step], like: Mapping[str, Any]) -> Mapping[str, Any]:
    """What forward takes for a video of these steps; `like` is that of any other video."""
    import torch

    pooled, *deeper = (torch.cat(parts) for parts in zip(*steps, strict=True))
    kind = type(like["mm_encoder_outputs"]["video"])
    more = {"deepstack_features": [(states,) for states in deeper]} if deeper else {}
    return {"mm_encoder_outputs": {"video": kind(pooler_output=(pooled,), **more)}}
