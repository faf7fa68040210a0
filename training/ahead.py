"""What the steps of a fit see, made some steps ahead of them by processes of their own."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch

Made = TypeVar("Made")


def ahead(make: Callable[[int], Made], steps: int, workers: int) -> Callable[[int], Made]:
    """`make(step)` for one step after the other, made in processes of their own some steps ahead.

    It crosses with arrays in the place of tensors, each of which would else be a file shared between the processes.
    """
    from torch.utils.data import DataLoader

    waiting: Iterator[Any] | None = None

    def get(step: int) -> Made:
        nonlocal waiting
        if waiting is None:
            waiting = iter(
                DataLoader(
                    range(steps),
                    sampler=range(step, steps),
                    batch_size=None,
                    collate_fn=lambda number: _mapped(make(number), torch.Tensor, torch.Tensor.numpy),
                    num_workers=workers,
                    multiprocessing_context="fork",
                )
            )
        return _mapped(next(waiting), np.ndarray, torch.from_numpy)

    return get


def _mapped(value: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    """The value with all of one kind changed in its lists and named tuples."""
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, list):
        return [_mapped(each, kind, change) for each in value]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_mapped(each, kind, change) for each in value))
    return value
