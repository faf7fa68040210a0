"""A statistic with its 95 % interval over resampled videos: rows of one video are not independent."""

from collections.abc import Callable, Sequence

import numpy as np

from training.evaluate import RESAMPLES, Figure


def clustered(statistic: Callable[[np.ndarray], float], groups: Sequence[str], seed: int = 0) -> Figure:
    """`statistic(rows)` of all rows, and its percentile interval when whole groups are drawn with replacement.

    `rows` int [n] are numbers of rows, some of them more than once. A resample whose statistic is not finite (a rank
    correlation of constants) is left out of the interval; Figure.n counts the rows.
    """
    names = np.asarray(groups)
    members = [np.flatnonzero(names == name) for name in dict.fromkeys(groups)]
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(members), size=(RESAMPLES, len(members)))
    values = np.array([statistic(np.concatenate([members[group] for group in draw])) for draw in draws])
    low, high = np.percentile(values[np.isfinite(values)], [2.5, 97.5]) if np.isfinite(values).any() else (np.nan,) * 2
    return Figure(float(statistic(np.arange(len(names)))), float(low), float(high), len(names))
