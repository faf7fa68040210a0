"""Nested frames: neighbouring pairs at places that do not depend on how many are asked for. Pure functions.

Uniform frames do not nest: 16 of a video share two with 8 of it, so a sweep over frame counts looks at each anew. Here
a video has fixed pairs of frames, of which fewer are a part of more. The price: a pair's frames lie close together.
"""

import numpy as np

from workbench.schema import MOST_NESTED

NESTED_PAIRS = (
    MOST_NESTED // 2
)  # of a video; the vision towers that gain from it merge two frames to one step (Qwen2-VL, 2.1)


def nested_instants(count: int, last: float) -> np.ndarray:
    """Seconds float64 [count], ascending, of an even number of frames; `last` is the time of the last frame.

    Each pair is the beginning and the middle of one of 128 equal spans: the first, the last, then those halfway between.
    """
    span = last / NESTED_PAIRS
    starts = np.array(sorted(_by_halves(NESTED_PAIRS)[: count // 2])) * span
    return np.stack([starts, starts + span / 2], axis=1).ravel()


def _by_halves(count: int) -> list[int]:
    """0 to count - 1: both ends, then the middles of all gaps, again and again."""
    order, gaps = [0, count - 1], [(0, count - 1)]
    while gaps:
        middles = [((low + high) // 2, low, high) for low, high in gaps if high - low > 1]
        order += [middle for middle, _, _ in middles]
        gaps = [gap for middle, low, high in middles for gap in ((low, middle), (middle, high))]
    return order
