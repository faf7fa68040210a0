"""What is measured: how many frames, responses and samples, how long the texts are, and on which model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from workbench.errors import InputError

WORDS = (
    "the",
    "video",
    "shows",
    "a",
    "response",
    "that",
    "moves",
    "left",
    "and",
    "stops",
    "red",
    "blue",
    "two",
    "people",
)
DEFAULT_MODEL = "random:qwen2.5-vl-22m"
# Sizes of random-weights checkpoints: the small one is cut to the proportions of the large ones.
RANDOM: dict[str, dict[str, Any]] = {
    "qwen2.5-vl-22m": {
        "hidden": 256, "layers": 14, "heads": 4, "key_value_heads": 2, "intermediate": 1376, "vocabulary": 4000,
        "embeddings": 8192, "vision_hidden": 192, "vision_layers": 6, "vision_heads": 3, "vision_intermediate": 512,
    },
    "qwen2.5-vl-3b": {
        "hidden": 2048, "layers": 36, "heads": 16, "key_value_heads": 2, "intermediate": 11008, "vocabulary": 4000,
        "embeddings": 151_936, "vision_hidden": 1280, "vision_layers": 32, "vision_heads": 16,
        "vision_intermediate": 3420,
    },
    "qwen2.5-vl-7b": {
        "hidden": 3584, "layers": 28, "heads": 28, "key_value_heads": 4, "intermediate": 18_944, "vocabulary": 4000,
        "embeddings": 152_064, "vision_hidden": 1280, "vision_layers": 32, "vision_heads": 16,
        "vision_intermediate": 3420, "tie_embeddings": False,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """One benchmark. Frames are 112x224 pixels: 16 tokens each, as two of them are one step of the model's grid."""

    frames: int = 60
    instruction_tokens: int = 60
    response_tokens: int = 60
    responses: int = 5
    temperatures: tuple[float, ...] = (0.0, 0.5, 1.0)
    samples: int = 20
    reply_tokens: int = 64
    scored: int = 10  # responses that are scored without a reply
    long_reply_tokens: int = 256  # what a reasoned verdict takes
    sweep: tuple[int, ...] = (8, 16, 32, 64, 128)  # frame counts
    rounds: int = 5
    equal_responses: int = 20  # whose replies are compared in bfloat16
    width: int = 224
    height: int = 112

    def __post_init__(self):
        for name in ("frames", "responses", "samples", "rounds"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: got {getattr(self, name)}, expected at least 1.")
        if not self.temperatures or not all(0 <= one <= 5 for one in self.temperatures):
            raise InputError(f"temperatures: got {self.temperatures}, expected numbers from 0 (greedy) to 5.")


@contextmanager
def model_folder(model: str) -> Iterator[str]:
    """The folder or Hub id of a model; a "random:<name>" is made for the length of the block."""
    kind, _, name = model.partition(":")
    if kind != "random":
        yield model
        return
    if name not in RANDOM:
        raise InputError(
            f"model: got {model!r}, expected a folder, a Hub id, or random: and one of {', '.join(RANDOM)}."
        )
    import torch

    from workbench.backends.random_weights import make_checkpoint

    dtype = "bfloat16" if torch.cuda.is_available() else "float32"
    with TemporaryDirectory(prefix="workbench-bench-") as folder:
        yield str(make_checkpoint(folder, "qwen2.5-vl", dtype=dtype, **RANDOM[name]))


def write_clip(path: Path, shape: Shape) -> Path:
    """An H.264 clip with B-frames in which a square moves over noise, with a frame for every one that is asked for."""
    import av
    import numpy as np

    draw = np.random.default_rng(0)
    ground = draw.integers(0, 80, (shape.height, shape.width, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"bf": "2"})
        stream.width, stream.height, stream.pix_fmt = shape.width, shape.height, "yuv420p"
        for number in range(max(shape.frames, *shape.sweep) * 2):
            picture = ground.copy()
            place = number * 3 % (shape.width - 24)
            picture[20:44, place : place + 24] = (220, 40 + number % 160, 60)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def text_of(tokenizer: Any, count: int, seed: int) -> str:
    """Words that make about `count` tokens, other ones for every seed."""
    from random import Random

    draw, words = Random(seed), []
    while len(tokenizer(" ".join(words))["input_ids"]) < count:
        words.append(draw.choice(WORDS))
    return " ".join(words)
