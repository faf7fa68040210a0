"""Several processes that train one model: each draws rows of its own, and their gradients are averaged.

On a CPU two processes of one thread each are faster than one of two threads, which wait for each other at every product.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import distributed


def rank() -> int:
    """Number of this process, from 0; the first one writes."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def join() -> None:
    """Meet the other processes that `start` has started; nothing to do in a process alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        distributed.init_process_group("gloo")


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


def start(command: Sequence[str], processes: int) -> int:
    """Run a `-m module ...` in that many processes that meet each other; the exit status."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    here = str(Path(__file__).parents[1])  # the launcher does not look in the working folder
    paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    return subprocess.run([*launcher, *command], env={**os.environ, "PYTHONPATH": paths}).returncode
