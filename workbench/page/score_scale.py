"""On which scale a score stands: its own (metrics, scalar heads, people), else the prompt's; and its colour there."""

from workbench.page.ratings import choice_colour, rating_colour
from workbench.schema import Judgment


def scale_of(judgment: Judgment, low: int, high: int) -> tuple[float, float] | None:
    """The ends of the scale of a judgment's score, where `low` and `high` are the prompt's; None for a raw number."""
    judge = judgment.settings.get("judge", {})
    own = judge["scale"] if "scale" in judge else judgment.settings.get("scale", (low, high))
    return (own[0], own[1]) if own else None


def score_colour(judgment: Judgment, low: int, high: int) -> str:
    """The colour of a score: a rating's own on the prompt's scale, neutral on any other, where 5 is no best rating."""
    score = judgment.score
    if score is None or scale_of(judgment, low, high) != (low, high) or not low <= score <= high:
        return choice_colour("tie")
    return rating_colour(score, low, high)
