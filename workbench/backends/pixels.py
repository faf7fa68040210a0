"""Frames to the patches of Qwen's vision towers in plain torch: the numbers of the library's processor, sooner.

Bytes are put in order before they become floats, so a quarter of the memory is moved.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch

# Their layout is the one below; all else is left to the processor itself.
PROCESSORS = ("Qwen2VLVideoProcessor", "Qwen3VLVideoProcessor")


def makes_patches(video_processor: Any) -> bool:
    """Whether `patches` does what this processor would do with frames that have their size already."""
    usual = video_processor.do_rescale and video_processor.do_normalize
    return type(video_processor).__name__ in PROCESSORS and usual


def patches(video_processor: Any, images: "np.ndarray") -> "dict[str, torch.Tensor]":
    """pixel_values_videos float32 [patches, values] and video_grid_thw int64 [1, 3] of frames uint8 [n, h, w, 3].

    Patches that are merged later lie next to each other; an odd last frame is shown twice.
    """
    import torch

    each, merge, steps = video_processor.patch_size, video_processor.merge_size, video_processor.temporal_patch_size
    frames = torch.from_numpy(images)
    if missing := -len(frames) % steps:
        frames = torch.cat([frames, frames[-1:].expand(missing, -1, -1, -1)])
    count, height, width, colours = frames.shape
    grid = (count // steps, height // each, width // each)
    blocks = frames.view(grid[0], steps, grid[1] // merge, merge, each, grid[2] // merge, merge, each, colours)
    # -> time, block row, block column, row and column in the block, colour, frame, pixel row, pixel column
    ordered = blocks.permute(0, 2, 5, 3, 6, 8, 1, 4, 7).reshape(-1, colours, steps * each * each)
    mean, deviation = (
        (torch.tensor(values) * (1.0 / video_processor.rescale_factor)).unsqueeze(-1)
        for values in (video_processor.image_mean, video_processor.image_std)
    )
    values = ordered.to(torch.float32).sub_(mean).div_(deviation)
    return {"pixel_values_videos": values.flatten(1), "video_grid_thw": torch.tensor([grid])}
