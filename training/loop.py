"""The one training loop: AdamW, linear warm-up, cosine decay, clipping; metrics as JSON lines; resumes after a kill."""

import json
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from training.presets import Stage
from training.processes import average_gradients, rank

WARMUP, CLIP, LOG_EVERY, SAVE_EVERY = 0.03, 1.0, 25, 100
BETAS, WEIGHT_DECAY = (0.9, 0.98), 0.05


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


def train(
    parameters: Iterable[torch.nn.Parameter],
    loss_of: Callable[[int], tuple[torch.Tensor, dict[str, float]]],
    plan: Stage,
    place: Place,
) -> list[float]:
    """Minimise `loss_of(step)` -> (loss, figures to log) over the parameters; the losses of the steps done here.

    What a step sees must depend on its number alone: then a run that was killed goes on from its last saved step with
    the very losses it would have had.
    """
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    optimizer = _optimizer(trainable)
    first, spent = _resume(place.state, trainable, optimizer)
    losses, window, start = [], [], time.monotonic() - spent
    for step in range(first, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, plan.steps, plan.lr)
        loss, figures = loss_of(step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(trainable)
        torch.nn.utils.clip_grad_norm_(trainable, CLIP)
        optimizer.step()
        losses.append(loss.item())
        window.append({"loss": losses[-1], **figures})
        done, seconds = step + 1, time.monotonic() - start
        if rank():
            continue
        if done % LOG_EVERY == 0 or done == plan.steps:
            line = {"stage": place.stage, "step": done, "seconds": round(seconds, 1), **_means(window)}
            log_line(place.metrics, line)
            window = []
        if done % SAVE_EVERY == 0:
            _save(place.state, trainable, optimizer, done, seconds)
    return losses


def _optimizer(trainable: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """AdamW; biases and norm scales do not decay."""
    matrices = [parameter for parameter in trainable if parameter.ndim >= 2]
    vectors = [parameter for parameter in trainable if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], betas=BETAS)


def _save(state: Path, trainable: list, optimizer: torch.optim.Optimizer, done: int, seconds: float) -> None:
    """Write under another name, then rename: a kill in between leaves the state before."""
    partial = state.with_suffix(".tmp")
    values = [parameter.detach() for parameter in trainable]
    record = {"step": done, "seconds": seconds, "values": values, "optimizer": optimizer.state_dict()}
    torch.save(record, partial)
    partial.replace(state)


def _resume(state: Path, trainable: list, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    """Put back what `_save` wrote, if anything: the next step, and the seconds spent up to it."""
    if not state.exists():
        return 0, 0.0
    saved = torch.load(state, weights_only=True)
    with torch.no_grad():
        for parameter, value in zip(trainable, saved["values"], strict=True):
            parameter.copy_(value)
    optimizer.load_state_dict(saved["optimizer"])
    return saved["step"], saved["seconds"]


def _means(window: list[dict[str, float]]) -> dict[str, float]:
    """Mean of every figure over the steps that have it."""
    names = sorted({name for line in window for name in line})
    values = {name: [line[name] for line in window if name in line] for name in names}
    return {name: round(sum(some) / len(some), 4) for name, some in values.items()}
