"""What the steps of a fit see, made some steps ahead of them by a process of its own."""

import io
import pickle
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch

Made = TypeVar("Made")


def ahead(make: Callable[[int], Made], steps: int) -> Callable[[int], Made]:
    """`make(step)` for one step after the other, made in a process of its own some steps ahead."""
    from torch.utils.data import DataLoader

    waiting: Iterator[bytes] | None = None

    def get(step: int) -> Made:
        nonlocal waiting
        if waiting is None:
            waiting = iter(
                DataLoader(
                    _Steps(make),
                    batch_size=None,
                    sampler=range(step, steps),
                    num_workers=1,
                    multiprocessing_context="fork",
                )
            )
        return pickle.loads(next(waiting))

    return get


class _Steps(torch.utils.data.Dataset):
    """Steps as bytes: of the hundreds of small tensors of a step, each would else be a file shared between processes."""

    def __init__(self, make: Callable[[int], Any]):
        self.make = make

    def __getitem__(self, step: int) -> bytes:
        written = io.BytesIO()
        _WithArrays(written, pickle.HIGHEST_PROTOCOL).dump(self.make(step))
        return written.getvalue()


class _WithArrays(pickle.Pickler):
    """Writes tensors as arrays, many times faster than they write themselves."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return torch.from_numpy, (value.numpy(),)
        return NotImplemented
