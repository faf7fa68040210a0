"""Quality in numbers and words: dimensions, groups, the five ITU levels, and the way between levels and scores.

    dimension score    1 less the strength of the distortion that harms it; 1 is flawless, in every dimension
    group score        that of its worst dimension
    overall score      three quarters the worse group's, one quarter the better group's
    level              the fifth of [0, 1] that a score lies in: bad, poor, fair, good, excellent (ITU-T P.910), 1 to 5

Texts name a dimension by its definition, in which more is always better: "noise: excellent" could be read both ways,
"surfaces are free of grain: excellent" cannot (Score2Instruct, arXiv 2506.21011).
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from workbench.quality import LEVELS

Group = Literal["distortion", "aesthetic"]
Distortion = Literal["blur", "noise", "compression", "stutter", "exposure", "flicker"]
GROUPS: tuple[Group, ...] = ("distortion", "aesthetic")


class Dimension(NamedTuple):
    """One side of quality, the distortion that harms it, and its definition in two grammatical forms."""

    name: str
    distortion: Distortion
    group: Group
    statement: str  # "edges and details are crisp"
    extent: str  # "how crisp edges and details are"


DIMENSIONS = (
    Dimension("sharpness", "blur", "distortion", "edges and details are crisp", "how crisp edges and details are"),
    Dimension("cleanness", "noise", "distortion", "surfaces are free of grain", "how free of grain surfaces are"),
    Dimension(
        "intactness",
        "compression",
        "distortion",
        "the picture is free of blocks and smears",
        "how free of blocks and smears the picture is",
    ),
    Dimension(
        "smoothness",
        "stutter",
        "distortion",
        "motion runs without halts and jumps",
        "how far motion runs without halts and jumps",
    ),
    Dimension(
        "exposure",
        "exposure",
        "aesthetic",
        "the picture is neither too dark nor too bright",
        "how well the picture keeps from being too dark or too bright",
    ),
    Dimension("steadiness", "flicker", "aesthetic", "the brightness is steady", "how steady the brightness is"),
)


class Quality(NamedTuple):
    """Scores in [0, 1], higher is better: by dimension, by group, and overall."""

    dimensions: dict[str, float]
    groups: dict[Group, float]
    overall: float


def quality_of(strengths: Mapping[str, float]) -> Quality:
    """The scores that follow from the strength, in [0, 1], of each distortion; one that is not named has none."""
    scores = {each.name: round(1 - strengths.get(each.distortion, 0.0), 4) for each in DIMENSIONS}
    groups = {group: min(scores[each.name] for each in DIMENSIONS if each.group == group) for group in GROUPS}
    return Quality(scores, groups, round(0.75 * min(groups.values()) + 0.25 * max(groups.values()), 4))


def level_of(score: float) -> int:
    """1 (bad) to 5 (excellent), for a score in [0, 1]; a score on a border belongs to the better level."""
    return min(int(score * 5 + 1e-9), 4) + 1


def level_word(score: float) -> str:
    """The ITU word for a score in [0, 1]."""
    return LEVELS[level_of(score) - 1]
