"""Statistics with their n, what was left out, and a bootstrap interval that draws whole videos, not rows.

Rows of one video are alike, so that drawing rows would promise more certainty than there is. The interval is the
percentile one over 1,000 draws of videos with replacement; the draws are seeded, so a figure is the same every time.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

DRAWS = 1000
DRAWN_AT_ONCE = 1 << 18  # videos: all draws of a small run in one go, little memory for a large one
LEVEL = 0.95


class Estimate(NamedTuple):
    """A mean, None where there is nothing to take it of. `low` to `high` is its 95 % interval, None with one video."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    videos: int
    left_out: int = 0

    def __str__(self) -> str:
        if self.value is None:
            return f"none (n 0{_left_out(self)})"
        interval = "" if self.low is None else f" [{self.low:.3f}, {self.high:.3f}]"
        return (
            f"{self.value:.3f}{interval} (n {self.n}, {self.videos} video{'s' * (self.videos != 1)}{_left_out(self)})"
        )


def _left_out(estimate: Estimate) -> str:
    return f", {estimate.left_out} left out" if estimate.left_out else ""


def clustered_mean(values: Sequence[float], videos: Sequence[Hashable], left_out: int = 0) -> Estimate:
    """The mean of `values`, each of which belongs to the video at its place in `videos`."""
    numbers = np.asarray(values, dtype=float)
    if not len(numbers):
        return Estimate(None, None, None, 0, 0, left_out)
    place = {video: number for number, video in enumerate(dict.fromkeys(videos))}
    cluster = np.array([place[video] for video in videos])
    sums, counts = np.bincount(cluster, numbers), np.bincount(cluster)
    low, high = _interval(sums, counts) if len(place) > 1 else (None, None)
    return Estimate(float(numbers.mean()), low, high, len(numbers), len(place), left_out)


def _interval(sums: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """Percentiles of the mean over draws of whole videos; sums and counts [videos]."""
    size = len(sums)
    rng = np.random.default_rng(0)
    at_once = max(1, DRAWN_AT_ONCE // size)
    means = []
    for start in range(0, DRAWS, at_once):
        drawn = rng.integers(size, size=(min(at_once, DRAWS - start), size))
        means += list(sums[drawn].sum(1) / counts[drawn].sum(1))
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
