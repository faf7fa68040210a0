"""Examples per second of a training step, three ways in one run: plain, with cached vision features, and packed.

The ways alternate, so that whatever else the machine does falls on all of them; medians are compared. Beside the speed
stands what arithmetic allows, from counted operations. docs/packing.md tells the method.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, get_args

import torch

from training.features import merged_features, tower_features
from training.operations import Way, Work, count_operations, count_work
from training.sft import IGNORE, pack, target_loss
from workbench.backends.encoding import Encoded, encode_chat, video_inputs
from workbench.backends.positions import next_position, rope_rule
from workbench.backends.random_weights import make_checkpoint
from workbench.prompts import load_prompt, render
from workbench.schema import Item, Video
from workbench.video.frames import Frames

# 29 million parameters; the tower has about the share of the work that it has in the published 3B.
SIZES = {
    **{
        "hidden": 384,
        "layers": 10,
        "heads": 6,
        "key_value_heads": 2,
        "intermediate": 1408,
        "vocabulary": 4000,
        "embeddings": 4096,
    },
    **{"vision_hidden": 256, "vision_layers": 6, "vision_heads": 4, "vision_intermediate": 768},
}
FRAMES, HEIGHT, WIDTH = 60, 112, 224  # 30 steps of time x 4 x 8 tokens: 960
INSTRUCTION = "Describe what the person does in the kitchen, in the order in which it happens."
RESPONSES = (
    "A woman takes two eggs out of the fridge, breaks them into a bowl, whisks them with a fork and fries them in a pan.",
    "A man cuts an onion and a carrot on a wooden board, puts both into a pot and stirs; at the end he tastes the soup.",
    "The person washes a plate, dries it and puts it back on the shelf. Nobody cooks anything in this video.",
    "First the water boils, then the pasta goes in, and after a cut we see the plate being carried to the table.",
    "Someone kneads dough for a long time, rolls it out thin, cuts stars from it and lays them on a baking tray.",
)


class Speed(NamedTuple):
    """One way at one target length."""

    way: Way
    examples_per_second: float  # median over the rounds
    slowest: float
    fastest: float
    times_plain: float  # median over the rounds of the ratio within a round
    limit: float
    share: float  # of the limit that was reached
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


class Subject(NamedTuple):
    """A model under measurement, its processor, and the video that all rows are about."""

    model: Any
    processor: Any
    inputs: Any  # VideoInputs
    prompts: list[Encoded]  # a response each


def load_subject(checkpoint: Path | None, device: str, dtype: str, sizes: Mapping[str, Any]) -> Subject:
    """A checkpoint of a family with videos, or one of random weights; tower frozen, merger and language model trained."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    with tempfile.TemporaryDirectory() as folder:
        source = checkpoint or make_checkpoint(folder, "qwen2.5-vl", **sizes)
        model = AutoModelForImageTextToText.from_pretrained(source, dtype=getattr(torch, dtype)).to(device).train()
        processor = AutoProcessor.from_pretrained(source)
    tower = model.model.visual
    tower.requires_grad_(False)
    tower.merger.requires_grad_(True)
    clip = _clip()
    inputs = video_inputs(processor, clip)
    items = [Item(Video(clip.sha256), INSTRUCTION, (response,)) for response in RESPONSES]
    prompt, rule = load_prompt("pointwise"), rope_rule(model.config)
    prompts = [encode_chat(processor, render(prompt, item, frames=clip), rule, video=inputs) for item in items]
    return Subject(model, processor, inputs, prompts)


def _clip() -> Frames:
    """Noise: what is in the pictures does not change what they cost."""
    images = torch.randint(0, 256, (FRAMES, HEIGHT, WIDTH, 3), generator=torch.Generator().manual_seed(0))
    seconds = tuple(number / 2 for number in range(FRAMES))
    return Frames(images.to(torch.uint8).numpy(), seconds, tuple(range(FRAMES)), "pyav", "0" * 64, FRAMES / 2, FRAMES)


def with_target(prompt: Encoded, tokens: int, seed: int) -> Encoded:
    """The prompt and a made-up reply of so many tokens."""
    reply = torch.randint(0, 256, (tokens,), generator=torch.Generator().manual_seed(seed))
    places = (next_position(prompt.positions) + torch.arange(tokens)).expand(len(prompt.positions), -1)
    return replace(
        prompt,
        ids=torch.cat([prompt.ids, reply]),
        types=torch.cat([prompt.types, torch.zeros_like(reply)]),
        positions=torch.cat([prompt.positions, places], 1),
        labels=torch.cat([torch.full_like(prompt.ids, IGNORE), reply]),
    )


def plain_step(subject: Subject, rows: Sequence[Encoded]) -> float:
    """The library's own forward, row by row, the vision tower run each time; gradients add up. The mean loss."""
    model, total = subject.model, 0.0
    for row in rows:
        vision = {name: tensor.to(model.device) for name, tensor in row.vision.items()}
        loss = model(
            **{name: tensor.unsqueeze(0).to(model.device) for name, tensor in _names(row).items()},
            position_ids=row.positions.unsqueeze(1).to(model.device),
            use_cache=False,
            **vision,
        ).loss / len(rows)
        loss.backward()
        total += loss.item()
    return total


def _names(row: Encoded) -> dict[str, torch.Tensor]:
    ones = torch.ones_like(row.ids)
    return {"input_ids": row.ids, "mm_token_type_ids": row.types, "labels": row.labels, "attention_mask": ones}


def cached_step(subject: Subject, rows: Sequence[Encoded], tower: torch.Tensor) -> float:
    """The same from the kept output of the tower, logits only where there are targets."""
    total = 0.0
    for row in rows:
        loss = target_loss(subject.model, [pack([row])], merged_features(subject.model, [tower]))[0] / len(rows)
        loss.backward()
        total += loss.item()
    return total


def packed_step(subject: Subject, rows: Sequence[Encoded], tower: torch.Tensor) -> float:
    """All rows as branches of one prefix."""
    loss = target_loss(subject.model, [pack(rows)], merged_features(subject.model, [tower]))[0]
    loss.backward()
    return loss.item()


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
    operations = {way: count_operations(step) for way, step in steps.items()}  # also the warm-up
    differences = _differences(subject.model, steps["plain"], steps["packed"])
    seconds: dict[Way, list[float]] = {way: [] for way in steps}
    for number in range(1, rounds + 1):
        for way, step in steps.items():
            seconds[way].append(_timed(subject.model, step))
        shown = ", ".join(f"{way} {len(rows) / some[-1]:.2f}/s" for way, some in seconds.items())
        say(f"targets of {length}, round {number} of {rounds}: {shown}")
    work = count_work(subject.model, rows)
    whole = pack(rows).layout
    speeds = [_speed(way, seconds, len(rows), work, operations[way]) for way in get_args(Way)]
    return Length(length, whole.prefix, whole.branches, work, *differences, speeds)


def _differences(model: Any, plain: Callable[[], float], packed: Callable[[], float]) -> tuple[float, float]:
    """Relative differences of packed from plain: of the loss, and of all gradients as one vector."""
    found = []
    for step in (plain, packed):
        model.zero_grad()
        loss = step()
        grads = [each.grad.flatten().float() for each in model.parameters() if each.grad is not None]
        found.append((loss, torch.cat(grads)))
    (wanted, reference), (loss, grads) = found
    model.zero_grad()
    return abs(loss - wanted) / abs(wanted), float((grads - reference).norm() / reference.norm())


def _timed(model: Any, step: Callable[[], float]) -> float:
    """Seconds of forward and backward over one video's rows; each step ends in a number, so a GPU has finished."""
    model.zero_grad()
    _wait(model)
    start = time.perf_counter()
    step()
    _wait(model)
    return time.perf_counter() - start


def _wait(model: Any) -> None:
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)


def _speed(way: Way, seconds: Mapping[Way, list[float]], rows: int, work: Work, operations: float) -> Speed:
    rates = [rows / each for each in seconds[way]]
    ratio = statistics.median(slow / fast for slow, fast in zip(seconds["plain"], seconds[way], strict=True))
    limit = work.limit(way, rows)
    return Speed(way, statistics.median(rates), min(rates), max(rates), ratio, limit, ratio / limit, operations)


def table(found: Bench) -> str:
    """What a run found, as text for the terminal and the documentation."""
    about = found.about
    lines = [
        f"{about['parameters'] / 1e6:.1f}M parameters, {about['trained'] / 1e6:.1f}M trained; {about['device']}, "
        f"{about['dtype']}, {about['threads']} threads, torch {about['torch']}; {about['responses']} responses a video, "
        f"{about['video_tokens']} video tokens, {about['rounds']} rounds",
        "",
        "| target tokens | way | examples/s (slowest to fastest) | times plain | limit | of the limit | GFLOP counted |",
        "|---|---|---|---|---|---|---|",
    ]
    for length in found.lengths:
        for each in length.speeds:
            lines.append(
                f"| {length.target_tokens} | {each.way} | {each.examples_per_second:.2f} ({each.slowest:.2f} to "
                f"{each.fastest:.2f}) | {each.times_plain:.2f} | {each.limit:.2f} | {each.share:.0%} "
                f"| {each.operations / 1e9:.0f} |"
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


def as_json(found: Bench) -> dict[str, Any]:
    """The same as plain dictionaries."""
    lengths = [
        length._asdict() | {"work": length.work._asdict(), "speeds": [each._asdict() for each in length.speeds]}
        for length in found.lengths
    ]
    return {**found.about, "lengths": lengths}
