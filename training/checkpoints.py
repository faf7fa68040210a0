"""Checkpoints of a fine-tuning: RUN/checkpoints/step-N, each a judge that can be loaded, and what resuming needs.

    step-N/                  the judge's files, as in RUN/final
           state/            trained weights in float32 and AdamW's moments, in shards (torch.distributed.checkpoint)
           checkpoint.json   step, seconds, validation figures, best so far; written last

A folder appears under its name when it is complete: a kill leaves the one before. Shards are read back by any number of
processes.
"""

import json
import re
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from training.parallel import Team
from workbench.json_files import write_json

MOMENTS = ("exp_avg", "exp_avg_sq")


class Progress(NamedTuple):
    """How far a training is. `best` is the lowest validation loss so far and `best_step` when that was."""

    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_step: int | None = None
    worse: int = 0  # evaluations since the best one
    unmeasured: bool = False  # a stop came before this step's evaluation


def trainable(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that are trained, by name; the same names however the module is laid out."""
    named = module.module.named_parameters() if hasattr(module, "module") else module.named_parameters()
    return {name: parameter for name, parameter in named if parameter.requires_grad}


def save_checkpoint(
    folder: Path,
    progress: Progress,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    save_judge: Callable[[Path], None],
    team: Team,
) -> None:
    """Write step-N/. All processes call this; `save_judge` too is called by all, and writes in the one that leads."""  # fmt: skip
    import torch.distributed.checkpoint as shards

    place = folder / f"step-{progress.step}"
    part = place.with_name(f"{place.name}.part")
    if team.leads:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    team.wait()
    save_judge(part)
    with warnings.catch_warnings(action="ignore"):  # that one process alone is one process alone
        shards.save(_tensors(module, optimizer), checkpoint_id=part / "state")
    team.wait()
    if team.leads:
        write_progress(part, progress)
        shutil.rmtree(place, ignore_errors=True)
        part.rename(place)
    team.wait()


def write_progress(place: Path, progress: Progress) -> None:
    """Write how far the training in a checkpoint's folder is."""
    write_json(place / "checkpoint.json", progress._asdict())


def load_checkpoint(folder: Path, module: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Put back the last checkpoint, in place; the beginning where there is none. All processes call this."""
    import torch.distributed.checkpoint as shards

    steps = saved_steps(folder)
    if not steps:
        return Progress()
    place = folder / f"step-{max(steps)}"
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):
        shards.load(_tensors(module, optimizer), checkpoint_id=place / "state")
    return Progress(**json.loads((place / "checkpoint.json").read_text(encoding="utf-8")))


def saved_steps(folder: Path) -> list[int]:
    """The steps that have a complete checkpoint, in order."""
    found = (re.fullmatch(r"step-(\d+)", path.parent.name) for path in folder.glob("step-*/checkpoint.json"))
    return sorted(int(match[1]) for match in found if match)


def keep_some(folder: Path, keep: int, best: int | None) -> None:
    """Delete all checkpoints but the last `keep` and the best one."""
    for step in saved_steps(folder)[:-keep]:
        if step != best:
            shutil.rmtree(folder / f"step-{step}")


def _tensors(module: nn.Module, optimizer: torch.optim.Optimizer) -> Mapping[str, Any]:
    """Weights and moments by name, as they lie in memory: what is loaded is written right there."""
    tensors = {}
    for name, parameter in trainable(module).items():
        state = optimizer.state[parameter]
        if not state:  # AdamW makes it at its first step
            state["step"] = torch.zeros((), dtype=torch.float32)
            state.update({moment: torch.zeros_like(parameter) for moment in MOMENTS})
        tensors[f"weight/{name}"] = parameter.detach()
        tensors |= {f"{key}/{name}": state[key].detach() for key in ("step", *MOMENTS)}
    return tensors
