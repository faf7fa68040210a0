"""Verdicts of judges that compute a number for each response, instead of writing: metrics, scalar heads."""

from collections.abc import Sequence

from workbench.replies import Verdict


def verdict_of(scores: Sequence[float], order: Sequence[int]) -> Verdict:
    """What the scores, in the order shown, amount to: a score, the better of two (a tie only where they are equal), or a
    ranking. `order` are the responses' places in the item; equal scores rank by them, so that the order of showing
    changes nothing."""
    if len(scores) == 1:
        return Verdict(score=scores[0])
    if len(scores) == 2:
        return Verdict(choice="tie" if scores[0] == scores[1] else "A" if scores[0] > scores[1] else "B")
    return Verdict(ranking=tuple(sorted(range(len(scores)), key=lambda shown: (-scores[shown], order[shown]))))
