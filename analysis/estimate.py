"""A statistic with its interval: the bootstrap that draws whole videos, and what it says where there is none.

Rows of one video are alike, so drawing rows would promise more certainty than there is. A draw takes as many videos as
there are, with replacement; the interval is the percentile one (Efron and Tibshirani 1993, chapter 13). Draws are never
made as data: every statistic is a function of sums over videos, and 1,000 draws of those are one matrix product.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

DRAWS = 1000
LEVEL = 0.95
SEED = 0
DEFINED = 0.9  # share of draws in which a statistic must exist for its interval to be one
CHUNK = 1_000_000  # weights held as floats at a time
CACHED = 100_000_000  # weights kept from one statistic to the next, a byte each
BLOCK = 400_000  # weights of rows in hand at a time: what fits a processor's cache
MANY = 20_000  # videos from which alike ones are drawn together


class Estimate(NamedTuple):
    """A statistic, its 95 % interval, how many rows it is of, and how many it had to leave out.

    `value` is None where the statistic does not exist, `low` and `high` where there is no interval; `reason` says why.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    left_out: int = 0
    videos: int = 0
    reason: str | None = None

    @property
    def coverage(self) -> float | None:
        """Share of the rows that could be used."""
        return self.n / (self.n + self.left_out) if self.n + self.left_out else None

    def __str__(self) -> str:
        if self.value is None:
            return "none"
        return f"{self.value:.3f}" + ("" if self.low is None else f" [{self.low:.3f}, {self.high:.3f}]")


Statistic = Callable[[np.ndarray], np.ndarray]  # sums [draws, features] -> [draws]; NaN where there is none


def numbered(names: Sequence[Any]) -> np.ndarray:
    """A number from 0 for each distinct name, in order of appearance: int [rows]."""
    place = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.fromiter((place[name] for name in names), dtype=np.int64, count=len(names))


def cluster_sums(features: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Sums [videos, features] of rows [rows, features]; clusters [rows] are any whole numbers."""
    features = np.asarray(features, dtype=float)
    _, place = np.unique(clusters, return_inverse=True)
    size = int(place.max()) + 1 if len(place) else 0
    return np.stack([np.bincount(place, column, size) for column in features.T], axis=1)


def cluster_counts(cells: np.ndarray, clusters: np.ndarray, width: int) -> np.ndarray:
    """How often each cell (0 to width - 1) occurs in each video: [videos, width]."""
    _, place = np.unique(clusters, return_inverse=True)
    size = int(place.max()) + 1 if len(place) else 0
    return np.bincount(place * width + cells, minlength=size * width).reshape(size, width).astype(float)


def resampled_sums(rows: np.ndarray, draws: int = DRAWS, seed: int = SEED, together: bool = False) -> np.ndarray:
    """Sums [draws, features] of `rows` [videos, features], each over one draw of videos.

    Where there are very many videos, alike ones are counted together, which is the same in distribution; not so when
    other sums of the same videos have to be of the same draws (`together`): these depend on (videos, draws, seed) alone.
    """
    if not together and len(rows) > MANY and (alike := _alike(rows)):
        return np.random.default_rng(seed).multinomial(len(rows), alike[1] / len(rows), size=draws) @ alike[0]
    return np.concatenate([weights @ rows for weights in weight_chunks(len(rows), draws, seed)])


def weight_chunks(videos: int, draws: int = DRAWS, seed: int = SEED) -> Iterator[np.ndarray]:
    """How often each video is drawn, some draws at a time: float [some, videos]."""
    size = max(1, CHUNK // max(1, videos))
    if videos * draws <= CACHED:
        weights = _weights(videos, draws, seed)
        yield from (weights[at : at + size].astype(float) for at in range(0, draws, size))
        return
    rng = np.random.default_rng(seed)
    for at in range(0, draws, size):
        yield _drawn(rng, videos, min(size, draws - at)).astype(float)


def row_weights(place: np.ndarray, videos: int | None = None) -> Iterator[np.ndarray]:
    """How often each row is drawn, some draws at a time: float [some, rows]; `place` [rows] numbers the rows' videos from 0.

    `videos` says how many there are, where some of the last may have no row.
    """
    size = max(1, BLOCK // len(place))
    for weights in weight_chunks(videos or int(place.max()) + 1):
        yield from (weights[at : at + size][:, place] for at in range(0, len(weights), size))


@lru_cache(maxsize=2)
def _weights(videos: int, draws: int, seed: int) -> np.ndarray:
    return _drawn(np.random.default_rng(seed), videos, draws)


def _drawn(rng: np.random.Generator, videos: int, draws: int) -> np.ndarray:
    weights, size = np.empty((draws, videos), dtype=np.uint8), max(1, BLOCK // videos)
    for at in range(0, draws, size):
        some = min(size, draws - at)
        drawn = rng.integers(videos, size=(some, videos)) + np.arange(some)[:, None] * videos
        weights[at : at + some] = np.bincount(drawn.ravel(), minlength=some * videos).reshape(some, videos)
    return weights


def _alike(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The distinct rows and how many there are of each; None where too few are alike for it to be worth it."""
    mark = rows @ np.random.default_rng(1).random(rows.shape[1])
    _, first, counts = np.unique(mark, return_index=True, return_counts=True)
    return (rows[first], counts) if len(counts) < len(rows) / 10 else None


def estimate(rows: np.ndarray, statistic: Statistic, n: int, left_out: int = 0, undefined: str = "") -> Estimate:
    """A statistic of sums over videos, with its interval. `rows` [videos, features]; `undefined` says when it is none."""
    if not n:
        return Estimate(None, None, None, 0, left_out, 0, "nothing to measure")
    value = statistic(rows.sum(axis=0, keepdims=True))[0]
    draws = statistic(resampled_sums(rows)) if len(rows) > 1 and np.isfinite(value) else None
    return with_interval(value, draws, n, left_out, len(rows), undefined)


def with_interval(
    value: float, draws: np.ndarray | None, n: int, left_out: int, videos: int, undefined: str = ""
) -> Estimate:
    """An Estimate of a value and the values it had in the draws [draws]; no NaN goes any further than this."""
    if not np.isfinite(value):
        return Estimate(None, None, None, n, left_out, videos, undefined or "undefined")
    if videos < 2 or draws is None:
        return Estimate(float(value), None, None, n, left_out, videos, "one video: no interval")
    known = draws[np.isfinite(draws)]
    if len(known) < DEFINED * len(draws):
        return Estimate(float(value), None, None, n, left_out, videos, f"undefined in {len(draws) - len(known)} draws")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(value), float(low), float(high), n, left_out, videos)


def ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """over / under, NaN (never a warning) where `under` is zero."""
    over, under = np.broadcast_arrays(np.asarray(over, dtype=float), np.asarray(under, dtype=float))
    return np.divide(over, under, out=np.full(over.shape, np.nan), where=under != 0)


def mean_estimate(values: Sequence[float] | np.ndarray, clusters: np.ndarray, left_out: int = 0) -> Estimate:
    """The mean of values [rows], drawn by cluster. NaN among them is missing: left out and counted."""
    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    rows = np.stack([values[known], np.ones(known.sum())], axis=1)
    sums = cluster_sums(rows, np.asarray(clusters)[known])
    return estimate(sums, lambda s: ratio(s[:, 0], s[:, 1]), int(known.sum()), left_out + int((~known).sum()))
