"""The audit of a run: how it went, whether its ratings can be trusted, and what gives them away.

Every figure is an Estimate: with its n, what was left out, and an interval that draws whole videos.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from bootstrap.acceptance import (
    Bias,
    Matrix,
    Stage,
    Yield,
    biases,
    funnel,
    matrices,
    video_of,
    yield_by_kind,
    yields,
)
from bootstrap.attempts import RatedSet, read_sets
from bootstrap.clustered import Estimate
from bootstrap.gold_distance import Distance, gold_distance
from bootstrap.leaks import MOST_SETS, Probe, Words, probes, texts_of, words_about_ratings
from bootstrap.marks import Marked, Marks, marked, read_marks
from bootstrap.repeats import Repeats, repeats
from bootstrap.sampling_sets import some_sets
from bootstrap.truth import Truth, known_truth
from workbench.backends.metric import Metric, load_metric
from workbench.errors import InputError
from workbench.store import Run


class Audit(NamedTuple):
    """All findings about a run's finished seeds. `truth` is None where the seeds are of no world folder, or of one that
    cannot be made again; `truth_problem` then says why."""

    seeds: int
    complete: int
    failed: int
    videos: int
    yields: list[Yield]
    by_kind: dict[str, Estimate]
    funnel: list[Stage]
    matrices: list[Matrix]
    biases: list[Bias]
    truth: Truth | None
    truth_problem: str | None
    distances: list[Distance]
    probes: list[Probe]
    words: Words
    repeats: Repeats
    marks: Marked | None = None  # what people say, where somebody marked an example


def bootstrap_run_of(folder: Path) -> Run:
    """The run in a folder. Raises StoreError where there is none, InputError where it is one of judging."""
    run = Run.open(folder)
    if "bootstrap" not in run.head()["config"]:
        raise InputError(f"{folder} is a run of judging, not of bootstrapping; give a folder that `run` made.")
    return run


def text_metrics(bertscore: str | None = None) -> list[Metric]:
    """BLEU and ROUGE-L, and BERTScore by an encoder (Hub id or folder) where one is named."""
    metrics = [load_metric(name).metric for name in ("bleu", "rouge_l")]
    return metrics + ([load_metric("bertscore", model=bertscore).metric] if bertscore else [])


def audit_run(run: Run, metrics: Sequence[Metric]) -> Audit:
    """The audit of what a run has finished; one that is still being written may be audited."""
    return audit_sets(read_sets(run), metrics, len(run.rejected()), read_marks(run.folder))


def audit_sets(
    sets: Sequence[RatedSet], metrics: Sequence[Metric], failed: int = 0, marks: Marks = MappingProxyType({})
) -> Audit:
    """The audit of sets; `failed` seeds were not worked on to the end, `marks` are what people said."""
    complete = [one for one in sets if one.complete]
    texts = texts_of(some_sets(complete, MOST_SETS)[0])
    truth, truth_problem = _truth(sets)
    return Audit(
        seeds=len(sets),
        complete=len(complete),
        failed=failed,
        videos=len({video_of(one) for one in sets}),
        yields=yields(sets, failed),
        by_kind=yield_by_kind(sets),
        funnel=funnel(sets),
        matrices=matrices(sets),
        biases=biases(sets),
        truth=truth,
        truth_problem=truth_problem,
        distances=[gold_distance(sets, metric) for metric in metrics],
        probes=probes(sets),
        words=words_about_ratings(texts),
        repeats=repeats(texts),
        marks=marked(sets, marks),
    )


def _truth(sets: Sequence[RatedSet]) -> tuple[Truth | None, str | None]:
    """The truth, or why it is not known though the seeds are of a world folder."""
    try:
        return known_truth(sets), None
    except InputError as error:
        return None, str(error)


def to_json(value: Any) -> Any:
    """Findings as JSON-able values: named tuples become objects, ratings as keys become text ("4", "4-3")."""
    if hasattr(value, "_asdict"):
        return {name: to_json(field) for name, field in value._asdict().items()}
    if isinstance(value, Mapping):
        return {_key(key): to_json(field) for key, field in value.items()}
    return [to_json(one) for one in value] if isinstance(value, (list, tuple)) else value


def _key(key: Any) -> str:
    return "-".join(map(str, key)) if isinstance(key, tuple) else str(key)
