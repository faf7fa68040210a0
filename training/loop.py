"""The one training loop: AdamW, linear warm-up, cosine decay, gradient clipping; a JSON line of metrics now and then."""

import json
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from training.presets import Stage

WARMUP, CLIP, LOG_EVERY = 0.03, 1.0, 25


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
    metrics: Path,
    stage: str,
) -> list[float]:
    """Minimise `loss_of(step)` -> (loss, figures to log) over the parameters; the losses of all steps.

    What a step sees depends on its number only, so a stage that starts again sees the same data in the same order.
    """
    steps, lr = plan.steps, plan.lr
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    matrices = [parameter for parameter in trainable if parameter.ndim >= 2]
    vectors = [parameter for parameter in trainable if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, betas=(0.9, 0.98))
    losses, window, start = [], [], time.monotonic()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, lr)
        loss, figures = loss_of(step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainable, CLIP)
        optimizer.step()
        losses.append(loss.item())
        window.append({"loss": losses[-1], **figures})
        if (step + 1) % LOG_EVERY == 0 or step + 1 == steps:
            means = {name: _mean(window, name) for name in sorted({name for line in window for name in line})}
            seconds = round(time.monotonic() - start, 1)
            log_line(metrics, {"stage": stage, "step": step + 1, "seconds": seconds, **means})
            window = []
    return losses


def _mean(window: list[dict[str, float]], name: str) -> float:
    values = [line[name] for line in window if name in line]
    return round(sum(values) / len(values), 4)
