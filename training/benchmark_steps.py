"""What the benchmark measures: a model, rows about one video, and a training step over them in each of three ways."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from training.features import merged_features
from training.sft import IGNORE, pack, target_loss
from workbench.backends.encoding import Encoded, encode_chat, video_inputs
from workbench.backends.positions import next_position, rope_rule
from workbench.backends.random_weights import make_checkpoint
from workbench.prompts import load_prompt, render
from workbench.schema import Item, Video
from workbench.video.frames import Frames

# 21 million parameters; the tower has about the share of the work that it has in the published 3B.
SIZES = {
    **{
        "hidden": 384,
        "layers": 7,
        "heads": 6,
        "key_value_heads": 2,
        "intermediate": 1408,
        "vocabulary": 4000,
        "embeddings": 4096,
    },
    **{"vision_hidden": 256, "vision_layers": 4, "vision_heads": 4, "vision_intermediate": 768},
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
