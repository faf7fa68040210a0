"""All that is measured of some runs, in one record: what the report and the Meta-eval tab show."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from analysis.calibrate import JudgeCalibration, calibrate
from analysis.comparison import Comparisons, compare
from analysis.matching import Gold, Matched, gold_ratings
from analysis.meta_evaluation import MetaEvaluation, meta_evaluate, rated_judges
from analysis.recalibration import MapKind
from analysis.records import Records, judge_columns, read_runs
from analysis.scaling_curves import Scaling, curves
from workbench.errors import InputError

MAPS: tuple[MapKind, ...] = ("isotonic", "ordinal")
RISK = 0.1  # share of wrong verdicts at which a judge is to abstain


class Findings(NamedTuple):
    """`rated` are the judges' ratings beside the gold ones; `no_comparison` says why judges could not be compared; `scaling`
    has the judges that were asked several times."""

    runs: tuple[str, ...]
    meta: MetaEvaluation
    calibration: dict[str, JudgeCalibration]
    comparison: Comparisons | None
    no_comparison: str
    rated: dict[str, Matched]
    gold: Gold
    scaling: dict[str, Scaling]


def find_out(folders: Sequence[str | Path], gold: str = "human", dimension: str | None = None) -> Findings:
    """Measure every judge of some run folders.

    Raises StoreError for a folder that is no run, InputError where nobody is called `gold` or no judge met it.
    """
    return findings(read_runs(folders), gold, dimension, [Path(folder).name for folder in folders])


def findings(records: Records, gold: str = "human", dimension: str | None = None, runs: Sequence[str] = ()) -> Findings:
    """The same of records at hand."""
    meta = meta_evaluate(records, gold, dimension)
    comparison, why = None, ""
    try:
        comparison = compare(records, gold)
    except InputError as error:  # fewer than two judges: told, and no reason to tell nothing of the one
        why = str(error)
    ratings = gold_ratings(records, gold)
    rated = rated_judges(records, judge_columns(records, gold), ratings) if ratings.items else {}
    scaling = curves(records, gold, least=2)
    return Findings(tuple(runs), meta, calibrate(records, gold, MAPS, RISK), comparison, why, rated, ratings, scaling)
