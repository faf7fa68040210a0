"""Distortions at a known strength: what each strength in [0, 1] does to the frames of a clip, and drawing strengths.

    distortion    at strength s
    stutter       the picture halts for (1 + 11 s) frames at a time on average, up to a second, then jumps to now
    blur          Gaussian, with a standard deviation of 4 s pixels
    compression   H.264 at the constant rate factor 26 + 25 s (51 is the coarsest there is)
    exposure      brighter or darker by 2.2 s stops: each doubles or halves the light; what runs over is cut
    flicker       brightness jumps up and down by 27 to 45 s percent, frame pair by frame pair
    noise         Gaussian, independent in every pixel and channel, with a standard deviation of 40 s of 255

They come in this order, so that none undoes an earlier one (compression would wipe out noise that came before it).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from bootstrap.world.clip import recompressed
from bootstrap.world.levels import DIMENSIONS, LEVELS, level_of, quality_of

KINDS = tuple(dimension.distortion for dimension in DIMENSIONS)
WEAKEST = 0.1  # a distortion below this could not be told from none
MOST_AT_ONCE = 4


class Distorted(NamedTuple):
    """The frames, and for each the number of the frame of the scene that it shows."""

    frames: list[np.ndarray]
    shown: np.ndarray


def draw_strengths(rng: np.random.Generator, moving: bool) -> dict[str, float]:
    """Strengths of some distortions, such that all five levels of overall quality are equally likely.

    Stutter is left out where nothing is `moving`: it could not be seen.
    """
    kinds = [kind for kind in KINDS if moving or kind != "stutter"]
    wanted = int(rng.integers(1, len(LEVELS) + 1))
    while True:
        some = rng.permutation(kinds)[: int(rng.integers(MOST_AT_ONCE + 1))].tolist()
        strengths = {kind: round(float(rng.uniform(WEAKEST, 1)), 3) for kind in kinds if kind in some}
        if level_of(quality_of(strengths).overall) == wanted:
            return strengths


def distort(frames: list[np.ndarray], fps: int, strengths: Mapping[str, float], rng: np.random.Generator) -> Distorted:
    """The uint8 [h, w, 3] frames of a clip with each distortion at its strength."""
    shown = halted(len(frames), strengths.get("stutter", 0.0), rng)
    out = [frames[number] for number in shown]
    if "blur" in strengths:
        out = [_blurred(frame, 4 * strengths["blur"]) for frame in out]
    if "compression" in strengths:
        out = recompressed(out, fps, round(26 + 25 * strengths["compression"]))
    gains = _gains(len(out), strengths, rng)
    grain = 40 * strengths.get("noise", 0.0)
    return Distorted([_lit(frame, gain, grain, rng) for frame, gain in zip(out, gains, strict=True)], shown)


def halted(count: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """For each of `count` frames the number of the frame that stands: int [count]."""
    shown = np.arange(count)
    longest = 2 * round(1 + 11 * strength) - 1  # halts are drawn evenly from 1 to this
    start = 0
    while strength > 0 and start < count:
        length = int(rng.integers(1, longest + 1))
        shown[start : start + length] = start
        start += length
    return shown


def _blurred(frame: np.ndarray, deviation: float) -> np.ndarray:
    return np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(deviation)))


def _gains(count: int, strengths: Mapping[str, float], rng: np.random.Generator) -> np.ndarray:
    """What the light of each frame is multiplied by: float [count]."""
    stops = 2.2 * strengths.get("exposure", 0.0) * rng.choice([-1, 1])
    pairs = np.arange(count) // 2
    sizes = rng.uniform(0.6, 1, count)[pairs] * 0.45 * strengths.get("flicker", 0.0)
    return 2**stops * (1 + np.where(pairs % 2, sizes, -sizes))


def _lit(frame: np.ndarray, gain: float, grain: float, rng: np.random.Generator) -> np.ndarray:
    if gain == 1 and grain == 0:
        return frame
    light = frame.astype(np.float32) * np.float32(gain)
    if grain:
        light = np.minimum(light, 255) + grain * rng.standard_normal(frame.shape, np.float32)
    return np.clip(light + 0.5, 0, 255).astype(np.uint8)
