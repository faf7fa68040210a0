"""Recipes that `python -m training fit --preset` knows: the judge's sizes, its data, how long each stage runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from training.views import View
from workbench.errors import InputError
from workbench.schema import Sampling, VideoPolicy

StageName = Literal["reading", "dense", "looking", "judge"]
TEXT_TASKS = ("claims", "compare")  # drills without a video
TASKS = ("look", *TEXT_TASKS)  # all drills, beside the prompts
TEXT_FLAWS = "text flaws"


@dataclass(frozen=True)
class Stage:
    """One stage of training. A dense step sees `videos` videos, other steps packs of up to `rows` rows each, shared out to
    the processes that train."""

    steps: int
    lr: float
    videos: int = 0
    rows: int = 0
    frames: Mapping[int, float] = field(default_factory=dict)  # frames of a video -> share; none: as the policy says
    views: tuple[View, ...] = get_args(View)  # how the videos are seen; in more than one, other rows vary as well
    misled: float = 0.0  # share of the judging packs whose rationales misread the video (training.misled)
    deciding: float = 1.0  # weight of the tokens that decide (training.heavy_tokens)
    # how much more often the judging packs show instructions of a kind, or responses with flaws in their text (TEXT_FLAWS)
    often: Mapping[str, float] = field(default_factory=dict)
    mix: Mapping[str, float] = field(default_factory=dict)  # prompt or task -> packs a step; a process draws its share


@dataclass(frozen=True)
class Preset:
    """All that decides what a fit gives, beside the data. `world` holds arguments of `python -m bootstrap world`."""

    name: str
    sizes: Mapping[str, Any]  # of workbench.backends.random_weights.Sizes
    rope_theta: float  # base of the language model's rotary positions
    policy: VideoPolicy
    sampling: Sampling
    stages: Mapping[StageName, Stage]
    world: tuple[str, ...]
    domain: str
    seed: int = 0

    @property
    def frames(self) -> tuple[int, ...]:
        """The numbers of frames that its last stage shows."""
        return tuple(self.stages["judge"].frames) or (self.policy.frames or 0,)

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompts that the judge is trained for, in the mix of its last stage."""
        return tuple(name for name in self.stages["judge"].mix if name not in TASKS)


FRAMES = {8: 0.75, 4: 0.05, 16: 0.15, 32: 0.05}
JUDGING = {
    **{"pointwise": 5, "rubric": 1.6, "pairwise": 0.6, "pairwise_reasoning": 8},
    **{"look": 2, "claims": 3, "compare": 1},
}

# What one instruction in seven, ten, fifty or fewer is about, and small judges then get wrong.
OFTEN = {TEXT_FLAWS: 3.0, "when": 3.0, "comparison": 3.0, "caption": 2.0}

EMBEDDED = Preset(
    name="embedded",
    sizes={
        "vocabulary": 1024,
        "hidden": 192,
        "layers": 6,
        "heads": 6,
        "key_value_heads": 3,
        "intermediate": 512,
        "vision_hidden": 160,
        "vision_layers": 4,
        "vision_heads": 5,
        "vision_intermediate": 320,
        "context": 8192,
        "initializer_range": 0.04,
        "min_pixels": 12_544,
        "max_pixels": 12_544,
    },
    # With heads of 32 dimensions and the published 1e6, hardly any tell neighbouring tokens apart: copying is not found.
    rope_theta=1e4,
    policy=VideoPolicy(frames=8, min_pixels=12_544, max_pixels=12_544),
    sampling=Sampling(temperature=0.0, top_p=0.95, max_new_tokens=512),  # top_p: sampled replies keep their form
    stages={
        "reading": Stage(steps=300, lr=1.5e-3, mix={"claims": 28, "compare": 4}),
        "dense": Stage(steps=1450, lr=1.5e-3, videos=48),
        "looking": Stage(steps=650, lr=1.2e-3, frames=FRAMES, mix={"look": 18, "claims": 8, "compare": 2}),
        "judge": Stage(steps=1180, lr=1e-3, rows=2, misled=0.25, deciding=5.0, often=OFTEN, frames=FRAMES, mix=JUDGING),
    },
    world=(
        *("--scenes", "4000", "--split", "train", "--setting", "core"),
        *("--questions", "4", "--pair-share", "0.4"),
    ),
    domain="It knows only the procedural world it was trained on: short clips of coloured shapes that move, best one "
    "or two at a time. On natural videos its verdicts mean nothing; use a real checkpoint there.",
)

PRESETS = {preset.name: preset for preset in (EMBEDDED,)}


def load_preset(name: str, steps: Mapping[str, int] | None = None) -> Preset:
    """The preset of that name, with other numbers of steps where given. Raises InputError for unknown names."""
    if name not in PRESETS:
        raise InputError(f"preset: got {name!r}, expected one of {', '.join(PRESETS)}.")
    preset = PRESETS[name]
    unknown = sorted(set(steps or {}) - set(preset.stages))
    if unknown:
        raise InputError(f"steps: got stage {unknown[0]!r}, expected one of {', '.join(preset.stages)}.")
    stages = {stage: replace(plan, steps=(steps or {}).get(stage, plan.steps)) for stage, plan in preset.stages.items()}
    return replace(preset, stages=stages)
