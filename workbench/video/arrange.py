"""Frames in another order, to see whether a judge looks at them: nothing is encoded again, the file stays as it is."""

import hashlib
from dataclasses import replace
from typing import Literal

import numpy as np

from workbench.video.frames import Frames

FrameOrder = Literal["filmed", "reversed", "shuffled", "frozen"]


def arranged(frames: Frames, order: FrameOrder, seed: int = 0) -> Frames:
    """The frames in that order: last first, shuffled, or the first one in every place.

    `seconds` stay those of the places, for a model with absolute time is told when it sees a picture; `indices` are
    those of the pictures shown. The shuffling depends on seed and video alone.
    """
    if order == "filmed":
        return frames
    places = frame_places(len(frames), order, int.from_bytes(_digest(frames.sha256, seed)))
    return replace(frames, images=np.ascontiguousarray(frames.images[places]),
                   indices=tuple(frames.indices[place] for place in places))  # fmt: skip


def frame_places(count: int, order: FrameOrder, seed: int) -> list[int]:
    """Which of `count` frames is shown in each place. No frame of a shuffled video follows the one it followed."""
    if order == "frozen":
        return [0] * count
    if order == "reversed":
        return list(range(count))[::-1]
    if order == "filmed" or count < 2:
        return list(range(count))
    rng = np.random.default_rng(seed)
    while True:  # a third of all orders will do, for any count
        places = rng.permutation(count)
        if not (np.diff(places) == 1).any():
            return places.tolist()


def _digest(sha256: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{sha256}".encode()).digest()[:8]
