"""Recipes that fine-tune a published checkpoint, by name: what is trained, on which rows, with which numbers.

The full ones are the paper's (VideoJudge, arXiv 2509.21451, section 3). The paper trains no adapters: every number of a
`-lora` or `-qlora` recipe that differs from its full one is ours.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from training.adapters import Lora
from workbench.errors import InputError
from workbench.schema import VideoPolicy

Tuned = Literal["merger and language", "vision and merger", "lora", "qlora"]
Precision = Literal["auto", "float32", "bfloat16"]

# The paper's: 1 frame a second, at most 60, 3,136 to 25,088 pixels each: at most 960 visual tokens a video.
FRAMES = VideoPolicy(fps=1.0, max_frames=60, min_pixels=3_136, max_pixels=25_088, size_multiple=28)
# The paper has as many pairs as ratings, and reports pairs with and without reasoning. That one judge learns all of it,
# in these shares, is our reading.
JUDGE = {"pointwise": 0.5, "pairwise": 0.25, "pairwise_reasoning": 0.25}


@dataclass(frozen=True)
class Recipe:
    """All that decides what a fine-tuning gives, beside the rows and the options about them.

    A step sees `batch` rows a process and micro-batch, `accumulation` micro-batches, and all processes together.
    """

    name: str
    base: str  # Hub id or folder
    tuned: Tuned
    mix: Mapping[str, float]  # prompt -> share of the rows
    share: float = 1.0  # of the rows that there are
    policy: VideoPolicy = FRAMES  # its size_multiple gives way to what the base needs (training/finetune.py)
    lora: Lora | None = None
    lr: float = 2e-7
    epochs: int = 2
    batch: int = 16
    accumulation: int = 1
    branches: int = 5  # rows of one video in one pack; 1: every row by itself
    max_steps: int | None = None
    max_tokens: int = 8_192  # of a row; longer ones are left out and listed, never cut
    eval_every: int = 200  # steps
    eval_rows: int = 500  # rows of the validation set, drawn once
    save_every: int = 200  # steps
    keep: int = 2  # checkpoints, beside the best one
    patience: int | None = None  # evaluations without a lower validation loss, after which training ends
    precision: Precision = "auto"
    checkpointing: bool = True  # of activations
    features_gb: float = 100.0  # of the frozen tower's output on disk
    seed: int = 0

    def __post_init__(self):
        if not self.mix or not all(0 < share < math.inf for share in self.mix.values()):
            raise InputError(f"mix: got {dict(self.mix)}, expected prompts with shares above 0, e.g. pointwise=1.")
        if not 0 < self.share <= 1:
            raise InputError(f"share: got {self.share}, expected more than 0 and at most 1.")
        for name in ("lr", "epochs", "batch", "accumulation", "branches", "max_tokens", "eval_every", "save_every",
                     "keep", "eval_rows"):  # fmt: skip
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name}: got {getattr(self, name)}, expected a number above 0.")
        for name in ("max_steps", "patience"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise InputError(f"{name}: got {getattr(self, name)}, expected at least 1.")
        if self.precision not in get_args(Precision):
            known = ", ".join(get_args(Precision))
            raise InputError(f"precision: got {self.precision!r}, expected one of {known}.")
        if (self.tuned in ("lora", "qlora")) != (self.lora is not None):
            raise InputError(
                f"tuned: got {self.tuned!r} with lora {self.lora}; adapters have a size, the rest has none."
            )

    def record(self) -> dict[str, Any]:
        """What run.json keeps, and what must be equal for a run to go on."""
        return {**asdict(self), "mix": dict(self.mix)}


@dataclass(frozen=True)
class DataOptions:
    """Which rows there are, beyond what the folders hold. Each can be left out to see what it does.

    judges: whose verdicts are learned, by name or by its beginning ("human:"). swap: pairs in both orders.
    reference_share: of the rows, show the reference; never where a response is that very text, for then the reference
    tells the rating (a bootstrapped gold is its own reference). negatives: keep rows with the tag `negative`, about
    clips whose frames are out of order, which `python -m bootstrap negatives` makes.
    """

    judges: tuple[str, ...] = ("target", "human:")
    swap: bool = False
    reference_share: float = 0.0
    negatives: bool = True

    def __post_init__(self):
        if not 0 <= self.reference_share <= 1:
            raise InputError(f"reference-share: got {self.reference_share}, expected 0 to 1.")

    def record(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


FULL_3B = Recipe("videojudge-3b", "Qwen/Qwen2.5-VL-3B-Instruct", "merger and language", JUDGE)
FULL_7B = replace(FULL_3B, name="videojudge-7b", base="Qwen/Qwen2.5-VL-7B-Instruct")
RUBRIC_3B = replace(FULL_3B, name="videojudger-3b", mix={"rubric": 1.0}, share=0.1)


def _adapter(recipe: Recipe, tuned: Tuned) -> Recipe:
    """The same on one GPU: 16 rows a step in smaller micro-batches, a rate that suits adapters, early stop."""
    return replace(
        recipe, name=f"{recipe.name}-{tuned}", tuned=tuned, lora=Lora(rank=16, alpha=32), lr=1e-4, batch=4,
        accumulation=4, patience=3,
    )  # fmt: skip


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for full in (FULL_3B, FULL_7B, RUBRIC_3B)
    for recipe in (full, _adapter(full, "lora"), _adapter(full, "qlora"))
}


def load_recipe(name: str, **changes: Any) -> Recipe:
    """The recipe of that name with some numbers changed; those that are None stay. Raises InputError."""
    if name not in RECIPES:
        raise InputError(f"preset: got {name!r}, expected one of {', '.join(RECIPES)}.")
    recipe = RECIPES[name]
    given = {key: value for key, value in changes.items() if value is not None}
    sizes = {key: given.pop(key) for key in ("rank", "alpha") if key in given}
    frames = {key: given.pop(key) for key in ("frames", "fps", "max_frames", "max_pixels") if key in given}
    if sizes and recipe.lora is None:
        raise InputError(f"{next(iter(sizes))}: {name} trains no adapter; take {name}-lora.")
    if sizes:
        given["lora"] = replace(recipe.lora, **sizes)
    if frames:
        given["policy"] = with_frames(recipe.policy, frames)
    return replace(recipe, **given)


def with_frames(policy: VideoPolicy, changes: dict[str, Any]) -> VideoPolicy:
    """Frames as asked for; a number of frames takes the place of the rate."""
    if "frames" in changes:
        changes = {"fps": None, "max_frames": None, **changes}
    if "max_pixels" in changes:
        changes["min_pixels"] = min(policy.min_pixels, changes["max_pixels"])
    return replace(policy, **changes)
