"""Several processes that train one model: each draws rows of its own, and their gradients are averaged.

On a CPU two processes of one thread each are faster than one of two threads, which wait for each other at every product.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ctypes.util import find_library
from typing import Any

import torch
from torch import distributed, multiprocessing

from workbench.errors import WorkbenchError

LOOK_SECONDS = 0.5  # between looks whether the parent is still there


def run(work: Callable[..., None], arguments: Sequence[Any], processes: int) -> None:
    """Call `work` in that many processes that meet each other, or right here for one; they die with this one.

    What `work` and its arguments are must be picklable. Raises the WorkbenchError that one of them raised.
    """
    if processes == 1:
        torch.set_num_threads(1)
        return work(*arguments)
    errors = multiprocessing.get_context("spawn").SimpleQueue()
    try:
        joined = (work, arguments, processes, _free_port(), errors, os.getpid())
        with _fast_allocator():
            started = multiprocessing.spawn(_join, joined, nprocs=processes, join=False)
        _wait_for(started)
    except multiprocessing.ProcessRaisedException:
        if errors.empty():
            raise
        raise errors.get() from None


def _wait_for(started: multiprocessing.ProcessContext) -> None:
    """Until they have ended; whatever ends the waiting, an interrupt as well, ends them."""
    try:
        while not started.join():
            pass
    finally:
        for process in started.processes:
            process.kill()  # of one that has ended, nothing happens


@contextmanager
def _fast_allocator() -> Iterator[None]:
    """Let processes that are started meanwhile allocate by jemalloc, where it is installed.

    Among ten thousands of kept tensors glibc's allocator searches for every new one; steps take 1.6 times as long.
    """
    before, found = os.environ.get("LD_PRELOAD"), find_library("jemalloc")
    if before is not None or found is None:
        yield
        return
    os.environ["LD_PRELOAD"] = found
    try:
        yield
    finally:
        del os.environ["LD_PRELOAD"]


def _join(
    number: int,
    work: Callable[..., None],
    arguments: Sequence[Any],
    processes: int,
    port: int,
    errors: Any,
    parent: int,
) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=number, world_size=processes)
    try:
        work(*arguments)
    except WorkbenchError as error:
        errors.put(error)
        raise
    distributed.destroy_process_group()  # its threads, left to the end of the process, now and then abort it


def _end_with(parent: int) -> None:
    """Wait until the parent is gone, however it went, and end: two must never write one stage."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def rank() -> int:
    """Number of this process, from 0; the first one writes."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """How many processes train the model."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def wait() -> None:
    """Until all processes are here."""
    if distributed.is_initialized():
        distributed.barrier()


def average_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Give every process the mean of all processes' gradients; one that a process lacks counts as zero there."""
    if not distributed.is_initialized():
        return
    grads = [torch.zeros_like(each) if each.grad is None else each.grad for each in parameters]
    flat = torch.cat([grad.flatten() for grad in grads])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for parameter, mean in zip(parameters, flat.split([grad.numel() for grad in grads]), strict=True):
        parameter.grad = mean.view_as(parameter)


def spread(parameters: Sequence[torch.nn.Parameter], owner: int) -> None:
    """Give every process the values that the one of that number has."""
    if not distributed.is_initialized() or not parameters:
        return
    flat = torch.cat([each.detach().flatten() for each in parameters])
    distributed.broadcast(flat, owner)
    if rank() != owner:
        with torch.no_grad():
            for parameter, values in zip(parameters, flat.split([each.numel() for each in parameters]), strict=True):
                parameter.copy_(values.view_as(parameter))


def gathered(value: Any) -> list[Any]:
    """What every process gives, by its number."""
    found = [value] * count()
    if distributed.is_initialized():
        distributed.all_gather_object(found, value)
    return found
