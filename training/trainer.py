"""The fine-tuning loop, for any objective: `train(objective, feed, plan, place, team, save_judge)`.

    objective   Objective(model, loss_of): `loss_of(model, data)` gives the mean loss over a micro-batch's weight, and
                figures (name -> mean) to log. It is called inside the module's forward, so sharded and replicated
                models work, and may run the model more than once (DPO's reference with the adapter off).
    feed        Feed(steps, micros_of, validation): `micros_of(step)` gives this process's Micro-batches of a step. They
                must depend on the step's number alone, and be equally many on all processes; one of weight 0 is run for
                company. `Micro.weight` is its part of the mean (target tokens; pairs), the same on any number of processes.
    plan        Plan: rates, rhythm, patience.   place: Place: stage's name, RUN.   team: training.parallel.join().
    save_judge  called with the folder of each checkpoint, on all processes.

A step's gradient is that of the mean over all its weights: it does not depend on how rows are spread over micro-batches
and processes. After a kill the same call goes on from the last checkpoint, with the losses it would have had.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from training.checkpoints import (
    Progress,
    keep_some,
    load_checkpoint,
    save_checkpoint,
    saved_steps,
    trainable,
    write_progress,
)
from training.loop import learning_rate
from training.metrics import Metrics
from training.parallel import Team, sync_gradients, whole_tensor
from workbench.errors import InputError

CLIP, WEIGHT_DECAY, BETAS = 1.0, 0.0, (0.9, 0.999)  # the paper's; it does not state the betas, these are AdamW's own
LossOf = Callable[[Any, Any], tuple[torch.Tensor, Mapping[str, float]]]


class Micro(NamedTuple):
    """What goes through the model at once."""

    data: Any  # for loss_of
    weight: float  # how much of the step's mean it is
    tokens: int = 0  # processed, the video's included
    examples: int = 0


class Feed(NamedTuple):
    """What a training sees. `validation` gives this process's share, cut alike on all processes."""

    steps: int
    micros_of: Callable[[int], Sequence[Micro]]
    validation: Callable[[], Iterable[Micro]] | None = None


class Plan(NamedTuple):
    """The numbers of a training. Steps count from 1 in files and messages."""

    lr: float
    eval_every: int
    save_every: int
    keep: int
    seed: int
    patience: int | None = None


class Place(NamedTuple):
    """Where a training writes: RUN/metrics.jsonl under the stage's name, RUN/checkpoints. `on_step` is told of progress."""

    stage: str
    folder: Path
    on_step: Callable[[Progress, int, float | None], None] = lambda progress, steps, eta_seconds: None
    on_metrics: Callable[[Mapping[str, Any]], None] = lambda line: None


class Outcome(NamedTuple):
    """How a training ended. `stopped` is "" when all steps were made, else why it ended before."""

    progress: Progress
    stopped: str


class Objective(nn.Module):
    """A model and what is minimised over it, as one module: what is laid out over processes."""

    def __init__(self, model: nn.Module, loss_of: LossOf):
        super().__init__()
        self.model = model
        self.loss_of = loss_of

    def forward(self, data: Any) -> tuple[torch.Tensor, Mapping[str, float]]:
        return self.loss_of(self.model, data)


def train(
    objective: nn.Module, feed: Feed, plan: Plan, place: Place, team: Team, save_judge: Callable[[Path], None]
) -> Outcome:
    """Minimise a laid-out Objective over the feed. Stops at the next step after SIGINT or SIGTERM, with a checkpoint.

    Raises KeyboardInterrupt when it was told to stop, InputError for a loss or gradient that is not finite: then the
    weights and checkpoints stay as they were before that step.
    """
    optimizer = torch.optim.AdamW(trainable(objective).values(), lr=plan.lr, betas=BETAS, weight_decay=WEIGHT_DECAY)
    folder = place.folder / "checkpoints"
    progress = load_checkpoint(folder, objective, optimizer)
    metrics = Metrics(place, team, progress)
    with _stop_signals() as told_to_stop, _ahead(feed, progress.step) as micros_of:
        if progress.unmeasured and feed.validation:
            progress = _validate(objective, feed.validation(), progress, metrics, team)
            if team.leads:
                write_progress(folder / f"step-{progress.step}", progress)
        while progress.step < feed.steps and not _patience_lost(progress, plan):
            step, start = progress.step, time.monotonic()
            torch.manual_seed(plan.seed * 1_000_003 + step * 4_099 + team.rank)  # dropout, if any
            rate = learning_rate(step, feed.steps, plan.lr)
            optimizer.zero_grad(set_to_none=True)
            figures, finite, stop = _gradient(objective, micros_of(step), team, told_to_stop)
            if not finite:
                raise InputError(_not_finite(step + 1, figures, rate, folder))
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            seconds = time.monotonic() - start
            progress = progress._replace(step=step + 1, seconds=progress.seconds + seconds)
            metrics.write(progress, {**figures, "lr": rate}, seconds)
            place.on_step(progress, feed.steps, metrics.eta(progress, feed.steps))
            last = progress.step == feed.steps
            if feed.validation and (last or progress.step % plan.eval_every == 0):
                progress = (
                    progress._replace(unmeasured=True)
                    if stop
                    else _validate(objective, feed.validation(), progress, metrics, team)
                )
            best = progress.best_step == progress.step
            if stop or last or best or progress.step % plan.save_every == 0 or _patience_lost(progress, plan):
                save_checkpoint(folder, progress, objective, optimizer, save_judge, team)
                if team.leads:
                    keep_some(folder, plan.keep, progress.best_step)
            if stop:
                raise KeyboardInterrupt
    early = progress.step < feed.steps
    return Outcome(progress, f"no lower validation loss in {plan.patience} evaluations" if early else "")


class Gradient(NamedTuple):
    """What is known of a step's gradient, the same on all processes."""

    figures: dict[str, float]  # means over all processes
    finite: bool  # the loss and the gradient's norm
    stop: bool  # whether any process was told to stop


def _gradient(objective: nn.Module, micros: Sequence[Micro], team: Team, told_to_stop: threading.Event) -> Gradient:
    """The gradient of a step's mean loss, clipped, in the parameters."""
    sums = [float(told_to_stop.is_set()), sum(micro.weight for micro in micros)]
    sums += [sum(getattr(micro, name) for micro in micros) for name in ("tokens", "examples")]
    stop, weight, tokens, examples = team.sum(sums)
    objective.train()
    found: dict[str, float] = {}
    for number, micro in enumerate(micros, 1):
        with sync_gradients(objective, last=number == len(micros)):
            with team.arithmetic():
                loss, figures = objective(micro.data)
            # Processes average their gradients; what is wanted is the mean over all weights.
            (loss * (micro.weight * team.size / weight)).backward()
        for name, value in {"loss": loss.item(), **figures}.items():
            found[name] = found.get(name, 0.0) + value * micro.weight
    norm = whole_tensor(nn.utils.clip_grad_norm_(trainable(objective).values(), CLIP)).item()
    *sums, broken = team.sum([*found.values(), float(not math.isfinite(norm))])
    means = {name: value / weight for name, value in zip(found, sums, strict=True)}
    figures = {**means, "grad_norm": norm, "tokens": tokens, "examples": examples}
    return Gradient(figures, not broken and math.isfinite(means["loss"]), bool(stop))


def _not_finite(step: int, figures: Mapping[str, float], rate: float, folder: Path) -> str:
    """What to say of a step that cannot be made."""
    saved = saved_steps(folder)
    last = f"The last checkpoint is {folder / f'step-{saved[-1]}'}" if saved else "There is no checkpoint yet"
    return (
        f"step {step}: got a loss of {figures['loss']:g} and a gradient of norm {figures['grad_norm']:g} at a rate of "
        f"{rate:g}, expected finite numbers. Nothing of this step was kept. {last}. The same command would come here "
        "again: take a lower --lr or --precision float32, and another --out."
    )


def _validate(
    objective: nn.Module, micros: Iterable[Micro], progress: Progress, metrics: Metrics, team: Team
) -> Progress:
    """Means over the validation rows, and whether they are the best so far."""
    objective.eval()
    found: dict[str, float] = {"weight": 0.0}
    for micro in micros:
        with torch.no_grad(), team.arithmetic():
            loss, figures = objective(micro.data)
        found["weight"] += micro.weight
        for name, value in {"loss": loss.item(), **figures}.items():
            found[name] = found.get(name, 0.0) + value * micro.weight
    sums = dict(zip(found, team.sum(list(found.values())), strict=True))
    means = {f"validation_{name}": value / sums["weight"] for name, value in sums.items() if name != "weight"}
    metrics.write(progress, means)
    loss = means["validation_loss"]
    if math.isfinite(loss) and (progress.best is None or loss < progress.best):
        return progress._replace(best=loss, best_step=progress.step, worse=0, unmeasured=False)
    return progress._replace(worse=progress.worse + 1, unmeasured=False)


def _patience_lost(progress: Progress, plan: Plan) -> bool:
    return plan.patience is not None and progress.worse >= plan.patience


@contextmanager
def _ahead(feed: Feed, first: int) -> Iterator[Callable[[int], Sequence[Micro]]]:
    """`micros_of` that prepares the next step in a thread while the model works on this one."""
    with ThreadPoolExecutor(1) as worker:
        coming = {first: worker.submit(feed.micros_of, first)} if first < feed.steps else {}

        def micros_of(step: int) -> Sequence[Micro]:
            micros = coming.pop(step).result()
            if step + 1 < feed.steps:
                coming[step + 1] = worker.submit(feed.micros_of, step + 1)
            return micros

        yield micros_of


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set. Outside of the main thread nobody sends them."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = {sign: signal.signal(sign, lambda *_: event.set()) for sign in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
