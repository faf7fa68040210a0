"""Which cell of a sweep to judge with: the cheapest one that agrees with the labels about as well as the best.

Every cell is compared with the best one on the same items and the same draws of videos (`analysis.paired`). The best is
picked by its figure, so it looks a little better than it is; what is said about differences is to be read with that.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from analysis.estimate import Estimate, numbered
from analysis.matching import gold_ratings
from analysis.paired import PairedTest, compare_means, compare_ratings, holm
from analysis.pairs import gold_choices, pair_rows
from analysis.preference import right_or_wrong
from analysis.records import Verdict
from analysis.sweep_cells import RATING_FIGURES, CellFigures, SweepResult, as_one_judge
from analysis.sweep_grid import Cell

Figure = Literal["spearman", "mae", "accuracy"]
EPSILON = 0.02
INVALID_MARGIN = 0.05  # a cell with that many more invalid replies than the best in that is not recommended
SIGNIFICANT = 0.05
LOWER_IS_BETTER = ("mae",)


class Distance(NamedTuple):
    """How much worse than the best cell this one is, on the items of both (below 0: better there). `p_holm` is of the
    sign-flip test, corrected for all cells."""

    cell: Cell
    worse_by: Estimate
    p: float | None
    p_holm: float | None


class Choice(NamedTuple):
    """`best` and `cheapest` are None where there is nothing to choose by; `reason` says why.

    `sure`: the whole interval of the cheapest one's distance lies within epsilon. `significant`: some cell differs from
    the best one; None where no test could be made. `passed_over` have too many invalid replies.
    """

    figure: str
    epsilon: float
    best: CellFigures | None = None
    cheapest: CellFigures | None = None
    sure: bool = False
    significant: bool | None = None
    tested: str = ""
    distances: tuple[Distance, ...] = ()
    passed_over: tuple[Cell, ...] = ()
    reason: str = ""


def choose(found: SweepResult, figure: Figure | None = None, epsilon: float = EPSILON) -> Choice:
    """The cheapest cell within `epsilon` of the best in `figure` (by default Spearman's of ratings, accuracy of pairs).

    Only cells that are complete take part.
    """
    figure = figure or ("spearman" if found.kind == "pointwise" else "accuracy")
    if found.gold is None:
        return Choice(figure, epsilon, reason="There are no labels to agree with, so no cell can be recommended.")
    complete = [one for one in found.cells if one.complete]
    measured = [one for one in complete if _value(one, figure) is not None]
    if not measured:
        why = _why(complete, figure)
        return Choice(figure, epsilon, reason=f"No cell can be recommended: {why}.")
    fewest = min(_invalid(one) for one in measured)
    fit = [one for one in measured if _invalid(one) <= fewest + INVALID_MARGIN]
    passed_over = tuple(one.cell for one in measured if one not in fit)
    sign = -1 if figure in LOWER_IS_BETTER else 1
    best = min(fit, key=lambda one: (-sign * (_value(one, figure) or 0), *_price(one)))
    tests = holm([_compared(found, best, one, figure) for one in fit if one is not best])
    distances = tuple(_distance(one.cell, test, figure, sign)
                      for one, test in zip((o for o in fit if o is not best), tests, strict=True))  # fmt: skip
    near = {
        one.cell: one.worse_by for one in distances if one.worse_by.value is not None and one.worse_by.value <= epsilon
    }
    cheapest = min((one for one in fit if one is best or one.cell in near), key=_price)
    corrected = [one.p_holm for one in distances if one.p_holm is not None]
    return Choice(
        figure, epsilon, best, cheapest, _sure(near.get(cheapest.cell), epsilon, cheapest is best),
        any(p < SIGNIFICANT for p in corrected) if corrected else None,
        tests[0].tested if tests else "", distances, passed_over,
    )  # fmt: skip


def _value(one: CellFigures, figure: str) -> float | None:
    return one.figures[figure].value if figure in one.figures else None


def _why(complete: Sequence[CellFigures], figure: str) -> str:
    if not complete:
        return "none is complete yet"
    reasons = {one.figures[figure].reason for one in complete if figure in one.figures} - {None}
    return next(iter(sorted(reasons)), f"{figure} is not measured here")  # type: ignore[arg-type]


def _invalid(one: CellFigures) -> float:
    return one.figures["invalid"].value or 0.0


def _price(one: CellFigures) -> tuple[float, ...]:
    """What is cheap: fewer seconds a verdict (tokens where the judge tells no time), fewer frames, less temperature."""
    cost = one.cost.seconds if one.cost.seconds is not None else one.cost.tokens or 0.0
    return cost, one.cell.frames, one.cell.temperature


def _sure(distance: Estimate | None, epsilon: float, is_best: bool) -> bool:
    return is_best or (distance is not None and distance.high is not None and distance.high <= epsilon)


# -- two cells on the same items


def _compared(found: SweepResult, best: CellFigures, other: CellFigures, figure: str) -> PairedTest:
    names = (str(best.cell), str(other.cell))
    pair = best.cell, other.cell
    if found.kind != "pointwise":
        return _compared_pairs(found, pair, names)
    gold = gold_ratings(found.records, found.gold or "").by_item
    count = max(found.sweep.samples_at(cell.temperature) for cell in pair)
    scores = [_scores(found.verdicts[cell]) for cell in pair]
    rows = [(item, sample) for item in gold for sample in range(count)]
    columns = [np.array([_of(one, item, sample) for item, sample in rows]) for one in scores]
    clusters = numbered([found.records.items[item].video for item, _ in rows])
    return compare_ratings(*columns, np.array([gold[item] for item, _ in rows]), clusters, names)


def _scores(verdicts: Sequence[Verdict]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for one in verdicts:
        if one.score is not None:
            found.setdefault(one.item, {})[one.sample] = one.score
    return found


def _of(scores: Mapping[str, Mapping[int, float]], item: str, sample: int) -> float:
    """A sample's score, NaN where there is none. A greedy cell has one, which stands for every sample."""
    given = scores.get(item, {})
    return given[0] if set(given) == {0} else given.get(sample, np.nan)


def _compared_pairs(found: SweepResult, pair: tuple[Cell, Cell], names: tuple[str, str]) -> PairedTest:
    labels = gold_choices(found.records, found.gold or "")
    right = [right_or_wrong(pair_rows(as_one_judge(found.records, found.verdicts[cell]), 0, labels)) for cell in pair]
    count = max(found.sweep.samples_at(cell.temperature) for cell in pair)
    greedy = [found.sweep.samples_at(cell.temperature) == 1 for cell in pair]
    requests = list(dict.fromkeys((item, order) for one in right for item, _, order in one))
    rows = [(item, sample, order) for item, order in requests for sample in range(count)]
    columns = [np.array([one.get((item, 0 if alone else sample, order), np.nan) for item, sample, order in rows])
               for one, alone in zip(right, greedy, strict=True)]  # fmt: skip
    clusters = numbered([found.records.items[item].video for item, _, _ in rows])
    return compare_means(*columns, clusters, names, "accuracy")


def _distance(cell: Cell, test: PairedTest, figure: str, sign: int) -> Distance:
    name = RATING_FIGURES[figure] if len(test.differences) > 1 else figure
    one = test.differences[name]
    if sign < 0 and one.value is not None:
        low, high = (None, None) if one.low is None else (-one.high, -one.low)
        one = one._replace(value=-one.value, low=low, high=high)
    return Distance(cell, one, test.p, test.p_holm)


# -- in words


def choice_sentences(choice: Choice) -> list[str]:
    """What is recommended and how sure that is, a sentence each."""
    if choice.best is None or choice.cheapest is None:
        return [choice.reason]
    words, best, cheapest = choice.figure, choice.best, choice.cheapest
    said = [f"Best {words}: {best.cell}: {best.figures[words]}{_told_cost(best)}."]
    if cheapest is best:
        said.append(f"No cheaper cell comes within {choice.epsilon:g} of it: take this one.")
    else:
        said.append(
            f"Cheapest within {choice.epsilon:g} of it: {cheapest.cell}: {cheapest.figures[words]}{_told_cost(cheapest)}."
        )
        distance = next(one.worse_by for one in choice.distances if one.cell == cheapest.cell)
        sure = "the whole interval is within it" if choice.sure else _not_sure(distance, choice.epsilon)
        said.append(f"On the same items it is worse by {distance}: {sure}.")
    if choice.significant is not None:
        test = "absolute errors" if choice.tested == "mae" else "right and wrong verdicts"
        what = f"sign-flip test of {test}, Holm over {len(choice.distances)} cells"
        said.append(f"Some cells differ significantly from the best ({what})." if choice.significant
                    else f"No difference from the best is significant ({what}).")  # fmt: skip
    if choice.passed_over:
        said.append(f"Passed over for invalid replies ({INVALID_MARGIN:.0%} points more than the fewest): "
                    f"{'; '.join(map(str, choice.passed_over))}.")  # fmt: skip
    return said


def _not_sure(distance: Estimate, epsilon: float) -> str:
    if distance.high is None:
        return "there is no interval, so this is not sure"
    return f"its interval reaches beyond {epsilon:g}, so more items are needed to be sure"


def _told_cost(one: CellFigures) -> str:
    told = [f"{one.cost.seconds:.3g} s" if one.cost.seconds is not None else "",
            f"{one.cost.tokens:,.0f} tokens" if one.cost.tokens is not None else ""]  # fmt: skip
    told = [text for text in told if text]
    return f" ({' and '.join(told)} a verdict)" if told else ""
