"""Time and memory of a local judge: seconds by stage, and telling "out of memory" from other errors."""

import gc
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

SMALL = 10_000_000  # parameters


@contextmanager
def fitting_threads(model: Any) -> Iterator[None]:
    """Compute a small model on the processor with one thread, within this context.

    A second thread gains it nothing, and beside another busy process it costs six times as long: threads that wait for each
    other's small shares do so by spinning, while what they wait for has no processor.
    """
    import torch

    before = torch.get_num_threads()
    alone = model is not None and model.device.type == "cpu" and model.num_parameters() <= SMALL
    torch.set_num_threads(1 if alone else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Clock:
    """Seconds by stage; waits for the GPU, so that they are told apart rightly."""

    def __init__(self, device: Any):
        self._device = device
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        if self._device.type == "cuda":
            import torch

            torch.cuda.synchronize(self._device)
        self.seconds[name] += time.perf_counter() - started


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on whatever device."""
    import torch

    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(word in str(error) for word in words)


def available_bytes(device: Any) -> int:
    """Memory that can still be used on a device, counting what torch holds there but does not use."""
    import torch

    if device.type != "cuda":
        return psutil.virtual_memory().available
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused


def free_memory() -> None:
    """Give back what nothing refers to any more."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
