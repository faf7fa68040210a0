"""What the language model is given of a video: merged tokens, made anew or from the frozen tower's kept output.

With a frozen tower each video is encoded once. Is the merger frozen too, keep `vision_features`; is it trained, keep
`tower_features`, what goes into the merger, and run `merged_features` at every step.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Literal

import torch

from workbench.errors import InputError

Modality = Literal["video", "image", None]

# How a family's forward is given a video; SmolVLM's frames are images to it, and text-only judges see none.
FAMILIES: dict[str, Modality] = {
    "qwen2_5_vl": "video",
    "qwen3_vl": "video",
    "smolvlm": "image",
    "qwen3": None,
}


def modality(model: Any) -> Modality:
    """How the model takes videos. Raises InputError for a family whose packs nobody has held against separate rows."""
    family = model.config.model_type
    if family not in FAMILIES:
        raise InputError(
            f"packing: got the model type {family!r}, expected one of {', '.join(FAMILIES)}; others are trained "
            "through the model's own forward, a row each."
        )
    return FAMILIES[family]


def vision_features(model: Any, inputs: Sequence[Mapping[str, torch.Tensor]]) -> list[torch.Tensor]:
    """Merged tokens [n, hidden] of each video, with gradients where the tower or the merger is trained.

    A family that feeds features of several depths (Qwen3-VL's deepstack) has them side by side: [n, depths * hidden].
    """
    if modality(model) == "image":
        return [_side_by_side(_encode_frames(model, video))[0] for video in inputs]
    pixels = torch.cat([video["pixel_values_videos"] for video in inputs]).to(model.device)
    grids = torch.cat([video["video_grid_thw"] for video in inputs]).to(model.device)
    return _side_by_side(model.get_video_features(pixels, grids, return_dict=True))


def tower_features(model: Any, inputs: Sequence[Mapping[str, torch.Tensor]]) -> list[torch.Tensor]:
    """The frozen tower's output [n, depths * width] of each video, in the order of its merged tokens, before the merger."""
    with torch.no_grad(), _mergers_left_out(model):
        return vision_features(model, inputs)


def merged_features(model: Any, towers: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """`vision_features` from `tower_features`: the merger alone, with its gradients."""
    mergers, rows = _mergers(model), torch.cat([tower.to(model.device) for tower in towers])
    parts = rows.chunk(len(mergers), 1)
    merged = [_merge(model, merger, part) for merger, part in zip(mergers, parts, strict=True)]
    return list(torch.cat(merged, 1).split([len(tower) for tower in towers]))


def as_encoder_output(model: Any, features: Sequence[torch.Tensor]) -> dict[str, Any]:
    """What the model's forward takes as mm_encoder_outputs: the features of all videos, in the order of their tokens."""
    hidden = model.config.get_text_config().hidden_size
    depths = [list(depth) for depth in zip(*(each.split(hidden, 1) for each in features), strict=True)]
    return {modality(model): SimpleNamespace(pooler_output=depths[0], deepstack_features=depths[1:] or None)}


def _encode_frames(model: Any, video: Mapping[str, torch.Tensor]) -> Any:
    moved = {name: tensor.to(model.device) for name, tensor in video.items()}
    return model.get_image_features(**moved, return_dict=True)


def _side_by_side(output: Any) -> list[torch.Tensor]:
    """One tensor a video of the merged tokens and, beside them, what deeper layers are given."""
    depths = [output.pooler_output, *(getattr(output, "deepstack_features", None) or [])]
    return [torch.cat(each, 1) if len(each) > 1 else each[0] for each in zip(*depths, strict=True)]


def _mergers(model: Any) -> list[torch.nn.Module]:
    """The modules between tower and language model, in the order of `_side_by_side`."""
    if modality(model) == "image":
        return [model.model.connector]
    tower = model.model.visual
    return [tower.merger, *getattr(tower, "deepstack_merger_list", [])]


@contextmanager
def _mergers_left_out(model: Any) -> Iterator[None]:
    """Each merger hands on what it was given, a row for each token it would have made."""

    def instead(module, given, output):
        return given[0].reshape(*output.shape[:-1], -1)

    hooks = [merger.register_forward_hook(instead) for merger in _mergers(model)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _merge(model: Any, merger: torch.nn.Module, rows: torch.Tensor) -> torch.Tensor:
    """Rows [n, width] of `tower_features` through a merger: [n, hidden]."""
    width = model.config.vision_config.hidden_size
    patches = rows.reshape(-1, width).to(next(merger.parameters()).dtype)
    if modality(model) == "image":  # SmolVLM merges frame by frame
        patches = patches.reshape(-1, model.model.image_seq_len * rows.shape[1] // width, width)
    return merger(patches).flatten(0, -2)
