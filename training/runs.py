"""A training run's folder as it stands, whatever made it: what it was told, what it logged, which checkpoints it has.

RUN/run.json        command and settings, where the run wrote them
RUN/metrics.jsonl   one record a line: the step, the losses and figures, the stage where there are several
RUN/figures.json    what `python -m training evaluate` measured, where someone put it there
RUN/levels/, RUN/justification/    the runs of a quality judge's stages; what they logged and made is the whole run's
RUN/.../            checkpoints: folders with safetensors and a config.json, or an adapter_config.json

Nothing heavy is imported.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import InputError
from workbench.store import read_lines

FINAL = ("final", "model", "adapter", "judge")  # the folder of a finished run, the first that is there
STAGES = ("base", "reading", "dense", "looking")  # what the embedded fit leaves on its way to "judge"
RUNS_WITHIN = ("levels", "justification")  # of a quality judge: its stages, each a run of its own
STEP = re.compile(r"(\d+)$")
Figures = Mapping[str, Mapping[str, Mapping[str, Any]]]  # mode -> figure -> value, low, high, n


class Checkpoint(NamedTuple):
    """A folder that can be loaded as a judge, or put on one as an adapter. `name` is its place inside the run."""

    name: str
    folder: Path
    adapter: bool
    final: bool

    @property
    def step(self) -> int | None:
        found = STEP.search(self.folder.name)
        return int(found[1]) if found else None


class TrainingRun(NamedTuple):
    """A run folder, read. `head` is its run.json, {} where there is none."""

    folder: Path
    head: Mapping[str, Any]
    metrics: list[dict[str, Any]]
    figures: Figures

    @property
    def config(self) -> Mapping[str, Any]:
        return self.head.get("config", {})


def is_checkpoint(folder: Path) -> bool:
    """Whether the folder holds weights and says of what: a model or an adapter, complete or not."""
    named = (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file()
    return named and next(folder.glob("*.safetensors"), None) is not None


def checkpoint_at(folder: Path, name: str, final: bool) -> Checkpoint:
    return Checkpoint(name, folder, (folder / "adapter_config.json").is_file(), final)


def checkpoints(folder: Path) -> list[Checkpoint]:
    """The checkpoints of a run in the order they were made, the finished one last; empty where there is none yet."""
    within = [
        each._replace(name=f"{stage}/{each.name}", final=each.final and stage == RUNS_WITHIN[-1])
        for stage in RUNS_WITHIN
        for each in _own_checkpoints(folder / stage)
    ]
    return [*within, *_own_checkpoints(folder)]


def _own_checkpoints(folder: Path) -> list[Checkpoint]:
    final = next((name for name in FINAL if is_checkpoint(folder / name)), None)
    steps = sorted(_saved(folder), key=lambda each: (each.step or 0, each.name))
    stages = [checkpoint_at(folder / name, name, False) for name in STAGES if is_checkpoint(folder / name)]
    return [*stages, *steps, *([checkpoint_at(folder / final, final, True)] if final else [])]


def _saved(folder: Path) -> Iterator[Checkpoint]:
    for pattern in ("checkpoints/*/", "checkpoint-*/"):
        for path in folder.glob(pattern):
            if is_checkpoint(path) and path.suffix != ".part":
                yield checkpoint_at(path, path.relative_to(folder).as_posix(), False)


def find_checkpoint(path: Path) -> tuple[Checkpoint, TrainingRun]:
    """What is meant by a path: the checkpoint itself, or the last one of a run; and the run it is of.

    A checkpoint that lies in no run has a run with nothing in it. Raises InputError for anything else.
    """
    if not path.is_dir():
        raise InputError(f"run: got {path}, which is not there; give a training run's folder or a checkpoint's.")
    if is_checkpoint(path):
        around = [parent for parent in (path, *path.resolve().parents[:2]) if _is_run(parent)]
        run = read_run(around[0] if around else path)
        return checkpoint_at(path, path.name, path.name in FINAL), run
    found = checkpoints(path)
    if not found or not found[-1].final:
        some = f"; it has {', '.join(each.name for each in found)}: give the folder of one" if found else ""
        raise InputError(
            f"run: got {path}, which has no finished model ({', '.join(FINAL)}){some}. Expected a training run that is "
            "done, or the folder of a checkpoint with config.json (or adapter_config.json) and safetensors."
        )
    return found[-1], read_run(path)


def _is_run(folder: Path) -> bool:
    return (folder / "run.json").is_file() or (folder / "metrics.jsonl").is_file()


def read_run(folder: Path) -> TrainingRun:
    """Read what a run wrote about itself. Raises InputError for a file that is not what it should be."""
    head = read_json(folder / "run.json") if (folder / "run.json").is_file() else {}
    figures = folder / "figures.json"
    metrics = list(read_lines(folder / "metrics.jsonl"))
    for stage in RUNS_WITHIN:
        metrics += [{**line, "stage": stage} for line in read_lines(folder / stage / "metrics.jsonl")]
    return TrainingRun(folder, head, metrics, read_figures(figures) if figures.is_file() else {})


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises InputError for anything else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: got something that is no JSON file ({error}); restore it.") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: got {type(value).__name__}, expected an object with named fields.")
    return value


def read_figures(path: Path) -> Figures:
    """What evaluate wrote. Raises InputError unless every figure has a value, an interval and its n."""
    if not path.is_file():
        raise InputError(f"figures: got {path}, which is not there; write it with python -m training evaluate --out.")
    figures = read_json(path)
    for mode, some in figures.items():
        for name, figure in some.items() if isinstance(some, dict) else [("", None)]:
            if not (isinstance(figure, dict) and {"value", "low", "high", "n"} <= set(figure)):
                raise InputError(f"{path}: {mode}, {name}: expected value, low, high and n, as evaluate writes them.")
    return figures
