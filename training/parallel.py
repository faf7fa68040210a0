"""One process or many: what `accelerate launch` set up, and how a model is laid out over the processes.

The same code shards on GPUs (NCCL) and on CPUs (gloo); accelerate itself shards on GPUs only, so `fully_shard` is called
here, with what its config file says.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from training.recipes import Precision
from workbench.errors import InputError

Layout = Literal["single", "ddp", "fsdp2"]


class Team(NamedTuple):
    """The processes of one training, seen from one of them."""

    rank: int
    size: int
    device: torch.device
    layout: Layout
    dtype: torch.dtype  # of the arithmetic; trained weights are float32 in any case

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            torch.distributed.barrier()

    def sum(self, values: Sequence[float]) -> list[float]:
        """Each value summed over the processes."""
        if self.size == 1:
            return list(values)
        told = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(told)
        return told.tolist()

    @contextmanager
    def arithmetic(self) -> Iterator[None]:
        """Inside, matrices are multiplied in the team's dtype."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            yield


def join(precision: Precision = "auto") -> Team:
    """The team that this process was launched into, or a team of one. Raises InputError for FSDP 1."""
    from accelerate import PartialState

    launched = PartialState(cpu=not torch.cuda.is_available())
    sharded = os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"
    if sharded and os.environ.get("FSDP_VERSION", "2") != "2":
        raise InputError("fsdp_version: got 1, expected 2; launch with --config_file training/fsdp2.yaml.")
    layout: Layout = "single" if launched.num_processes == 1 else "fsdp2" if sharded else "ddp"
    device = launched.device if launched.device.type == "cuda" else torch.device("cpu")
    return Team(launched.process_index, launched.num_processes, device, layout, _dtype(precision, device))


def _dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """bfloat16 on a GPU that has it; float32 on a CPU, where results are then the same however rows are batched."""
    if precision != "auto":
        return getattr(torch, precision)
    able = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if able else torch.float32


def lay_out(module: nn.Module, blocks: Sequence[nn.Module], team: Team, whole: Sequence[nn.Module] = ()) -> nn.Module:
    """The module ready to be trained by the team, on its device.

    `blocks` are what FSDP gathers one after the other (the layers of the language model); modules in `whole` stay
    unsharded on every process (a frozen vision tower, which is used outside of the module's forward).
    """
    if team.layout == "fsdp2":
        return _shard(module, blocks, team, whole)
    module.to(team.device)
    if team.layout == "ddp":
        ids = [team.device] if team.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, device_ids=ids)
    return module


def _shard(module: nn.Module, blocks: Sequence[nn.Module], team: Team, whole: Sequence[nn.Module]) -> nn.Module:
    from accelerate import FullyShardedDataParallelPlugin
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    plugin = FullyShardedDataParallelPlugin()  # reads what the launcher put into the environment
    ignored = {parameter for each in whole for parameter in each.to(team.device).parameters()}
    narrow = MixedPrecisionPolicy(param_dtype=team.dtype, reduce_dtype=torch.float32)
    options: dict[str, Any] = {
        "mp_policy": narrow if team.dtype != torch.float32 else MixedPrecisionPolicy(),
        "offload_policy": plugin.cpu_offload,
        "mesh": torch.distributed.init_device_mesh(team.device.type, (team.size,)),
        "ignored_params": ignored,
    }
    for block in blocks:
        fully_shard(block, reshard_after_forward=plugin.reshard_after_forward, **options)
    return fully_shard(module, **options)


def sync_gradients(module: nn.Module, last: bool) -> Any:
    """A context for one micro-batch of several: gradients are exchanged between processes with the last one only."""
    from contextlib import nullcontext

    if hasattr(module, "set_requires_gradient_sync"):  # FSDP2
        module.set_requires_gradient_sync(last)
    elif not last and hasattr(module, "no_sync"):  # DDP
        return module.no_sync()
    return nullcontext()


def whole_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in full, gathered from all processes where it is sharded: every process must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
