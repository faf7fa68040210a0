"""Video quality as Score2Instruct judges it (arXiv 2506.21011): dimensions, five ITU levels, a score from probabilities.

What is judged is the video itself, so an item of quality has ITSELF where others have a response; its instruction is
OVERALL, or that of one dimension. The prompts are `quality` (the level alone) and `quality_reasoning` (from dimensions
to the groups distortion and aesthetic, then overall).

Instructions name a dimension by its definition, in which more is always better: "rate the noise: excellent" could be read
both ways, "rate how free of grain surfaces are" cannot.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from workbench.errors import InputError

Group = Literal["distortion", "aesthetic"]
LEVELS = ("bad", "poor", "fair", "good", "excellent")  # ITU-T P.910, 1 to 5
WEIGHTS = {"bad": 0.0, "poor": 0.25, "fair": 0.5, "good": 0.75, "excellent": 1.0}
OVERALL = "Rate the quality of the picture, whatever it shows."
ITSELF = "The video itself."


class Dimension(NamedTuple):
    """One side of quality, its group, and its definition: what is rated is how far it holds."""

    name: str
    group: Group
    definition: str

    @property
    def instruction(self) -> str:
        return f"Rate {self.definition}."


DIMENSIONS = (  # those of its 14 that Score2Instruct names in what we could read, and those that MaxWell has labels for
    Dimension("sharpness", "distortion", "how crisp edges and details are"),
    Dimension("focus", "distortion", "how far what matters is in focus"),
    Dimension("cleanness", "distortion", "how free of grain surfaces are"),
    Dimension("motion clarity", "distortion", "how free of smear moving things are"),
    Dimension("camera stability", "distortion", "how steadily the camera is held"),
    Dimension("intactness", "distortion", "how free of blocks and smears of compression the picture is"),
    Dimension("smoothness", "distortion", "how far motion runs without halts and jumps"),
    Dimension("wholeness", "distortion", "how free of torn, frozen or missing parts the picture is"),
    Dimension("exposure", "aesthetic", "how well the picture keeps from being too dark or too bright"),
    Dimension("steadiness", "aesthetic", "how steady the brightness is"),
    Dimension("colour", "aesthetic", "how lively and natural the colours are"),
    Dimension("lighting", "aesthetic", "how well light and shade set things off"),
    Dimension("composition", "aesthetic", "how well the picture is composed"),
    Dimension("content", "aesthetic", "how much what is shown is worth seeing"),
    Dimension("camera path", "aesthetic", "how coherent the camera's path is"),
)


def dimension_named(name: str) -> Dimension:
    """The dimension of that name. Raises InputError, naming the known ones."""
    found = next((one for one in DIMENSIONS if one.name == name), None)
    if found is None:
        raise InputError(f"dimension: got {name!r}, expected one of {', '.join(one.name for one in DIMENSIONS)}.")
    return found


def score_of_levels(probabilities: Mapping[str, float]) -> float:
    """The score in [0, 1] that level probabilities stand for: their mean, weighted 1, .75, .5, .25 and 0.

    Keys are the level words or "1" to "5", as a Judgment's `probs` has them; they are scaled to sum to 1, which makes
    probabilities over a whole vocabulary the softmax over the five words. Raises InputError for a key that is no level,
    and where no level has any probability.
    """
    weights = WEIGHTS | {str(place): WEIGHTS[word] for place, word in enumerate(LEVELS, 1)}
    if unknown := [level for level in probabilities if level not in weights]:
        raise InputError(f"levels: got {unknown[0]!r}, expected {', '.join(LEVELS)}, or 1 to 5.")
    total = sum(probabilities.values())
    if not total > 0:
        raise InputError(f"levels: got {dict(probabilities)}, expected a probability above 0 for at least one level.")
    return sum(weights[level] * share for level, share in probabilities.items()) / total


def score_of_level(level: float) -> float:
    """The score in [0, 1] of a level from 1 to 5: what `score_of_levels` is for a judge that is sure of it."""
    if not 1 <= level <= len(LEVELS):
        raise InputError(f"level: got {level}, expected 1 to {len(LEVELS)}.")
    return (level - 1) / (len(LEVELS) - 1)
