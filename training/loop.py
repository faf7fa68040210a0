"""The one training loop: Muon and AdamW, linear warm-up, cosine decay, clipping; metrics as JSON lines; resumes after a kill.

Muon (Jordan et al. 2024), as PyTorch has it, moves the matrices between hidden layers; AdamW moves all else.
"""

import gc
import json
import math
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from training.presets import Stage
from training.processes import average_gradients, count, gathered, rank, spread
from workbench.store import read_lines

WARMUP, CLIP, LOG_EVERY, SAVE_EVERY = 0.03, 1.0, 25, 100
BETAS, WEIGHT_DECAY = (0.9, 0.98), 0.05
MUON_RATE = 2.5  # times the rate of AdamW


class Place(NamedTuple):
    """Where a stage keeps what it knows: its name, the file of its metrics, and the file that it resumes from."""

    stage: str
    metrics: Path
    state: Path


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Peak rate times linear warm-up over the first 3 % of the steps, then half a cosine down to zero."""
    warmup = max(1, int(steps * WARMUP))
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def log_line(path: Path, record: dict[str, Any]) -> None:
    """Append one record to a JSONL file."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def cut_lines_after(path: Path, stage: str, step: int) -> None:
    """Take out what a stage logged past a step: it is made again from there."""
    if not path.exists():
        return
    kept = [line for line in read_lines(path) if line["stage"] != stage or line["step"] <= step]
    draft = path.with_suffix(".tmp")
    draft.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
    draft.replace(path)


def train(
    parameters: Iterable[torch.nn.Parameter],
    loss_of: Callable[[int], tuple[torch.Tensor, dict[str, float]]],
    plan: Stage,
    place: Place,
    layers: Iterable[torch.nn.Module] = (),
) -> list[float]:
    """Minimise `loss_of(step)` -> (loss, figures to log) over the parameters; the losses of the steps done here.

    What a step sees must depend on its number alone: then a run that was killed goes on from its last saved step with
    the very losses it would have had. The linear maps within `layers` are Muon's.
    """
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    hidden = _hidden(trainable, layers)
    optimizers = _optimizers(trainable, hidden)
    first, spent = _resume(place.state, trainable, optimizers)
    gc.collect()
    gc.freeze()  # millions of rows stay to the end; they are not looked through again and again
    if not rank():
        cut_lines_after(place.metrics, place.stage, first)
    losses, window, start = [], [], time.monotonic() - spent
    for step in range(first, plan.steps):
        loss, figures = loss_of(step)
        for parameter in trainable:
            parameter.grad = None
        loss.backward()
        average_gradients(trainable)
        torch.nn.utils.clip_grad_norm_(trainable, CLIP)
        for optimizer in optimizers:
            faster = MUON_RATE if isinstance(optimizer, torch.optim.Muon) else 1.0
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, plan.steps, plan.lr) * faster
            optimizer.step()
        for owner, matrices in enumerate(hidden):
            spread(matrices, owner)
        losses.append(loss.item())
        window.append({"loss": losses[-1], **figures})
        done, seconds = step + 1, time.monotonic() - start
        if not rank() and (done % LOG_EVERY == 0 or done == plan.steps):
            line = {"stage": place.stage, "step": done, "seconds": round(seconds, 1), **_means(window)}
            log_line(place.metrics, line)
            window = []
        if done % SAVE_EVERY == 0:
            _save(place.state, trainable, optimizers, done, seconds)
    return losses


def _hidden(
    trainable: Sequence[torch.nn.Parameter], layers: Iterable[torch.nn.Module]
) -> list[list[torch.nn.Parameter]]:
    """The linear maps within the layers, in shares of like size for the processes: each moves its own."""
    maps = {id(each.weight) for layer in layers for each in layer.modules() if isinstance(each, torch.nn.Linear)}
    ours = sorted((each for each in trainable if id(each) in maps), key=torch.nn.Parameter.numel)
    return [ours[number :: count()] for number in range(count())]


def _optimizers(
    trainable: Sequence[torch.nn.Parameter], hidden: Sequence[Sequence[torch.nn.Parameter]]
) -> list[torch.optim.Optimizer]:
    """Muon for this process's hidden matrices, with steps as large as AdamW's; AdamW for the rest; neither for none.

    Biases and norm scales do not decay.
    """
    ours = {id(parameter) for share in hidden for parameter in share}
    rest = [parameter for parameter in trainable if id(parameter) not in ours]
    groups = [
        {"params": [each for each in rest if each.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [each for each in rest if each.ndim < 2], "weight_decay": 0.0},
    ]
    found: list[torch.optim.Optimizer] = []
    if mine := hidden[rank()]:
        found.append(torch.optim.Muon(mine, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"))
    if rest:
        found.append(torch.optim.AdamW([group for group in groups if group["params"]], betas=BETAS))
    return found


def _save(state: Path, trainable: list, optimizers: Sequence[torch.optim.Optimizer], done: int, seconds: float) -> None:
    """Write under another name, then rename: a kill in between leaves the state before. All processes call it."""
    states = gathered([optimizer.state_dict() for optimizer in optimizers])
    if rank():
        return
    partial = state.with_suffix(".tmp")
    values = [parameter.detach() for parameter in trainable]
    record = {"step": done, "seconds": seconds, "values": values, "optimizers": states}
    torch.save(record, partial)
    partial.replace(state)


def _resume(state: Path, trainable: list, optimizers: Sequence[torch.optim.Optimizer]) -> tuple[int, float]:
    """Put back what `_save` wrote, if anything: the next step, and the seconds spent up to it."""
    if not state.exists():
        return 0, 0.0
    saved = torch.load(state, map_location="cpu", weights_only=True)
    with torch.no_grad():
        for parameter, value in zip(trainable, saved["values"], strict=True):
            parameter.copy_(value)
    for optimizer, known in zip(optimizers, saved["optimizers"][rank()], strict=True):
        optimizer.load_state_dict(known)
    return saved["step"], saved["seconds"]


def _means(window: list[dict[str, float]]) -> dict[str, float]:
    """Mean of every figure over the steps that have it."""
    names = sorted({name for line in window for name in line})
    values = {name: [line[name] for line in window if name in line] for name in names}
    return {name: round(sum(some) / len(some), 4) for name, some in values.items()}
