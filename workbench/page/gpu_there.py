"""Whether the page's machine has a GPU, of its own or lent to it, without loading torch, which takes seconds."""

import os
from pathlib import Path


def on_zero_gpu() -> bool:
    """Whether this is a ZeroGPU Space, as the package `spaces` tells it."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def has_gpu() -> bool:
    """Whether an NVIDIA card is there and not hidden, or one is lent by ZeroGPU."""
    if on_zero_gpu():
        return True
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(Path("/dev").glob("nvidia[0-9]*"))
