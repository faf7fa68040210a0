"""The colour of a score on the scale that it stands on."""

from workbench.page.ratings import choice_colour, rating_colour
from workbench.schema import Judgment
from workbench.verdict_text import scale_of


def score_colour(judgment: Judgment, low: int, high: int) -> str:
    """The colour of a score: a rating's own on the prompt's scale, neutral on any other, where 5 is no best rating."""
    score = judgment.score
    if score is None or scale_of(judgment, low, high) != (low, high) or not low <= score <= high:
        return choice_colour("tie")
    return rating_colour(score, low, high)
