"""Examples per second of a training step, three ways in one run: plain, with cached vision features, and packed.

The ways alternate, so that whatever else the machine does falls on all of them; medians are compared. On a processor
its own time is taken too, which waiting for other programs does not lengthen. Beside the speed stands what arithmetic
allows, from counted operations. docs/packing.md tells the method.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, get_args

import torch

from training.benchmark_steps import Subject, cached_step, packed_step, plain_step, with_target
from training.features import tower_features
from training.operations import Way, Work, count_operations, count_work
from training.sft import pack


class Seconds(NamedTuple):
    """Of one step: by the clock, and of the processor, all threads together."""

    clock: float
    processor: float


class Speed(NamedTuple):
    """One way at one target length."""

    way: Way
    examples_per_second: float  # median over the rounds
    slowest: float
    fastest: float
    times_plain: float  # by the clock: median over the rounds of the ratio within a round
    processor_times_plain: float | None  # the same by the time that the processor spent; None on other devices
    limit: float
    share: float  # of the limit that was reached, by the clock
    processor_share: float | None
    operations: float  # counted, forward and backward, over one video's rows


class Length(NamedTuple):
    """All ways at one target length. The differences are relative, packed against plain."""

    target_tokens: int
    prefix_tokens: int
    branch_tokens: tuple[int, ...]
    work: Work
    loss_difference: float
    gradient_difference: float
    speeds: list[Speed]


class Bench(NamedTuple):
    """What a run found, and on what."""

    lengths: list[Length]
    about: dict[str, Any]


def bench(subject: Subject, targets: Sequence[int], rounds: int, say: Callable[[str], None], seed: int = 0) -> Bench:
    """Measure all ways at each target length, `rounds` times by turns."""
    found = [_bench_length(subject, length, rounds, say, seed) for length in targets]
    parameters = list(subject.model.parameters())
    about = {
        "parameters": sum(each.numel() for each in parameters),
        "trained": sum(each.numel() for each in parameters if each.requires_grad),
        "video_tokens": subject.prompts[0].video_tokens,
        "responses": len(subject.prompts),
        "rounds": rounds,
        "device": str(subject.model.device),
        "dtype": str(subject.model.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    return Bench(found, about)


def _bench_length(subject: Subject, length: int, rounds: int, say: Callable[[str], None], seed: int) -> Length:
    rows = [with_target(prompt, length, seed + number) for number, prompt in enumerate(subject.prompts)]
    tower = tower_features(subject.model, [subject.inputs.tensors])[0]
    steps: dict[Way, Callable[[], float]] = {
        "plain": partial(plain_step, subject, rows),
        "cached": partial(cached_step, subject, rows, tower),
        "packed": partial(packed_step, subject, rows, tower),
    }
    counted = {way: _counted(subject.model, step) for way, step in steps.items()}  # also the warm-up
    differences = _differences(counted["plain"], counted["packed"])
    seconds: dict[Way, list[Seconds]] = {way: [] for way in steps}
    for number in range(1, rounds + 1):
        for way, step in steps.items():
            seconds[way].append(_timed(subject.model, step))
        shown = ", ".join(f"{way} {len(rows) / some[-1].clock:.2f}/s" for way, some in seconds.items())
        say(f"targets of {length}, round {number} of {rounds}: {shown}")
    work = count_work(subject.model, rows)
    whole = pack(rows).layout
    on_processor = subject.model.device.type == "cpu"
    speeds = [_speed(way, seconds, len(rows), work, counted[way].operations, on_processor) for way in get_args(Way)]
    return Length(length, whole.prefix, whole.branches, work, *differences, speeds)


class Counted(NamedTuple):
    """What one step gave: operations, mean loss, and all gradients as one vector on the CPU."""

    operations: float
    loss: float
    gradients: torch.Tensor


def _counted(model: Any, step: Callable[[], float]) -> Counted:
    losses: list[float] = []
    model.zero_grad()
    operations = count_operations(lambda: losses.append(step()))
    gradients = [each.grad.flatten().float().cpu() for each in model.parameters() if each.grad is not None]
    return Counted(operations, losses[0], torch.cat(gradients))


def _differences(wanted: Counted, found: Counted) -> tuple[float, float]:
    """Relative differences of loss and gradients."""
    gradients = (found.gradients - wanted.gradients).norm() / wanted.gradients.norm()
    return abs(found.loss - wanted.loss) / abs(wanted.loss), float(gradients)


def _timed(model: Any, step: Callable[[], float]) -> Seconds:
    """Forward and backward over one video's rows."""
    model.zero_grad()
    _wait(model)
    clock, processor = time.perf_counter(), time.process_time()
    step()
    _wait(model)
    return Seconds(time.perf_counter() - clock, time.process_time() - processor)


def _wait(model: Any) -> None:
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)


def _speed(
    way: Way, seconds: Mapping[Way, list[Seconds]], rows: int, work: Work, operations: float, processor: bool
) -> Speed:
    rates = [rows / each.clock for each in seconds[way]]
    ratios = [
        [slow / fast for slow, fast in zip(plain, other, strict=True)]
        for plain, other in zip(seconds["plain"], seconds[way], strict=True)
    ]
    clock, spent = map(statistics.median, zip(*ratios, strict=True))
    limit = work.limit(way, rows)
    return Speed(
        way=way,
        examples_per_second=statistics.median(rates),
        slowest=min(rates),
        fastest=max(rates),
        times_plain=clock,
        processor_times_plain=spent if processor else None,
        limit=limit,
        share=clock / limit,
        processor_share=spent / limit if processor else None,
        operations=operations,
    )


def table(found: Bench) -> str:
    """What a run found, as text for the terminal and the documentation."""
    about = found.about
    lines = [
        f"{about['parameters'] / 1e6:.1f}M parameters, {about['trained'] / 1e6:.1f}M trained; {about['device']}, "
        f"{about['dtype']}, {about['threads']} threads, torch {about['torch']}; {about['responses']} responses a video, "
        f"{about['video_tokens']} video tokens, {about['rounds']} rounds",
        "",
        "| target tokens | way | examples/s (slowest to fastest) | times plain | limit | reached | by processor time | GFLOP |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for length in found.lengths:
        for each in length.speeds:
            lines.append(
                f"| {length.target_tokens} | {each.way} | {each.examples_per_second:.2f} ({each.slowest:.2f} to "
                f"{each.fastest:.2f}) | {each.times_plain:.2f} | {each.limit:.2f} | {each.share:.0%} "
                f"| {_processor(each)} | {each.operations / 1e9:.0f} |"
            )
    lines.append("")
    for length in found.lengths:
        vision, prefix, branch = (each / 1e9 for each in length.work)
        lines.append(
            f"targets of {length.target_tokens}: prefix of {length.prefix_tokens} tokens, branches of "
            f"{', '.join(map(str, length.branch_tokens))}; counted V {vision:.1f}, P {prefix:.1f}, S {branch:.1f} GFLOP; "
            f"packed against plain: loss {length.loss_difference:.0e}, gradients {length.gradient_difference:.0e} apart"
        )
    return "\n".join(lines)


def _processor(speed: Speed) -> str:
    if speed.processor_times_plain is None:
        return "-"
    return f"{speed.processor_times_plain:.2f}, {speed.processor_share:.0%}"


def as_json(found: Bench) -> dict[str, Any]:
    """The same as plain dictionaries."""
    lengths = [
        length._asdict() | {"work": length.work._asdict(), "speeds": [each._asdict() for each in length.speeds]}
        for length in found.lengths
    ]
    return {**found.about, "lengths": lengths}
