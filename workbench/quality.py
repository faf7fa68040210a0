"""Video quality as Score2Instruct judges it (arXiv 2506.21011): five ITU levels, and a score from their probabilities.

What is judged is the video itself, so an item of quality has ITSELF where others have a response; its instruction is
OVERALL, or "Rate ..." with the definition of one dimension. The prompts are `quality` and `quality_level`.
"""

from collections.abc import Mapping

from workbench.errors import InputError

LEVELS = ("bad", "poor", "fair", "good", "excellent")  # ITU-T P.910, 1 to 5
WEIGHTS = {"bad": 0.0, "poor": 0.25, "fair": 0.5, "good": 0.75, "excellent": 1.0}
OVERALL = "Rate the quality of the picture, whatever it shows."
ITSELF = "The video itself."


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
