"""On which scale ratings are, and whether a judge's are on that of the gold ones: only then may they be subtracted."""

import numpy as np

from analysis.matching import Gold
from analysis.records import Column, Records, labels

Scale = tuple[float, float]
USUAL: Scale = (1.0, 5.0)  # taken for ratings of which nothing tells the scale, where none leaves it


def stated_scale(records: Records, column: Column) -> Scale | None:
    """Lowest and highest rating of a column: as the label says, the judge (a metric, a scalar head), or its prompt.

    A bootstrap's targets are on the usual one. None where nothing says it.
    """
    told = column.settings.get("scale") or column.settings.get("judge", {}).get("scale")
    if told:
        return float(told[0]), float(told[-1])
    if column.judge == "target":
        return USUAL
    return None if _raw_scalar(column) else records.scales.get(column.prompt)


def _raw_scalar(column: Column) -> bool:
    """Whether the scores are a scalar head's raw numbers, which are on no scale at all."""
    judge = column.settings.get("judge", {})
    return judge.get("backend") == "reward" and judge.get("scale") is None


def same_scale(scores: np.ndarray, records: Records, column: int, gold: Gold) -> bool:
    """Whether a judge's scores [any shape, NaN for none] are on the gold ratings' scale.

    Both scales have to be equal, and no rating may leave them. Ratings whose scale nobody states are taken to be on the
    usual one where all lie on it; else they only have to lie on the other side's.
    """
    given, golden = scores[np.isfinite(scores)], gold.ratings[np.isfinite(gold.ratings)]
    if not len(given) or not len(golden):
        return True
    stated = _gold_scales(records, gold)
    if len(stated) > 1 or _raw_scalar(records.columns[column]):
        return False
    theirs = next(iter(stated)) if stated else _usual(golden)
    own = stated_scale(records, records.columns[column]) or _usual(given)
    if own and theirs and own != theirs:
        return False
    return _within(golden, own) and _within(given, theirs)


def _gold_scales(records: Records, gold: Gold) -> set[Scale]:
    names = labels(records)
    return {scale for place, column in enumerate(records.columns)
            if {column.judge, names[place]} & set(gold.annotators) and (scale := stated_scale(records, column))}  # fmt: skip


def _usual(ratings: np.ndarray) -> Scale | None:
    return USUAL if _within(ratings, USUAL) else None


def _within(ratings: np.ndarray, scale: Scale | None) -> bool:
    return scale is None or bool(scale[0] <= ratings.min() and ratings.max() <= scale[1])
