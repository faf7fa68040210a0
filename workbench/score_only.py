"""How far verdicts without a reply agree with the same judge's reasoned ones, where a run has both."""

from collections.abc import Iterable
from typing import NamedTuple

from workbench.judge import SCORE_ONLY
from workbench.schema import Judgment


class Agreement(NamedTuple):
    """Of one judge with itself. `difference` is the mean absolute one of scores; None for choices."""

    judge: str
    pairs: int
    equal: int
    difference: float | None
    left_out: int  # score-only verdicts whose reasoned one is missing or was not scored

    def __str__(self) -> str:
        if not self.pairs:
            return (
                f"{self.judge}: how far verdicts without a reply agree with reasoned ones is not known here; "
                "judge some of the items into this run without --score-only as well."
            )
        apart = "" if self.difference is None else f", {self.difference:.2f} apart on average"
        left_out = f" ({self.left_out} have none to compare with)" if self.left_out else ""
        return f"{self.judge}: without a reply {self.equal} of {self.pairs} verdicts are the reasoned one{apart}{left_out}."


def agreements(judgments: Iterable[Judgment]) -> list[Agreement]:
    """One for each judge that scored without a reply."""
    return [_agreement(judge, pairs) for judge, pairs in both_ways(judgments).items()]


def both_ways(judgments: Iterable[Judgment]) -> dict[str, list[tuple[Judgment, Judgment | None]]]:
    """Each judge's verdicts without a reply, and beside each its reasoned one of the same item, prompt and order of
    responses, first samples; None where that is missing or was not scored."""
    scored = [one for one in judgments if one.status == "scored" and one.sample == 0]
    by_key = {(one.judge, *_key(one)): one for one in scored}
    found: dict[str, list[tuple[Judgment, Judgment | None]]] = {}
    for one in scored:
        if one.judge.endswith(SCORE_ONLY):
            judge = one.judge.removesuffix(SCORE_ONLY)
            found.setdefault(judge, []).append((one, by_key.get((judge, *_key(one)))))
    return found


def _key(judgment: Judgment) -> tuple:
    return judgment.item, judgment.prompt, tuple(judgment.settings.get("order", ()))


def _agreement(judge: str, found: list[tuple[Judgment, Judgment | None]]) -> Agreement:
    pairs = [(one, other) for one, other in found if other is not None]
    equal = sum((one.score, one.choice) == (other.score, other.choice) for one, other in pairs)
    apart = [abs(one.score - other.score) for one, other in pairs if one.score is not None and other.score is not None]
    return Agreement(judge, len(pairs), equal, sum(apart) / len(apart) if apart else None, len(found) - len(pairs))
