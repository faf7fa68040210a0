"""The whole way of a checkpoint: from what others published, or random weights, through every training since.

It is read from the folders that are here: the run that a checkpoint lies in names its base, whose own run names its, and so
on. What it was merged from may be gone by then, so a merged checkpoint keeps its way in merged.json.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from training.provenance import MERGED, Base, Licence, base_of, data_of, fit_preset, licence_of
from training.runs import Checkpoint, TrainingRun, find_checkpoint, is_checkpoint, read_json
from workbench.backends.loading import Source


class Stage(NamedTuple):
    """One training: its recipe's name, what it trained ("lora", "merger and language", ...), counts of its data."""

    name: str
    tuned: str
    data: Mapping[str, Any]


class Lineage(NamedTuple):
    """What a checkpoint comes from in the end, the licence of that, and the trainings since, the first one first."""

    root: Base
    licence: Licence
    stages: tuple[Stage, ...] = ()

    def record(self) -> dict[str, Any]:
        """For merged.json: names and counts, without places on this machine."""
        licence = {name: value for name, value in self.licence._asdict().items() if value}
        return {"root": self.root.name, "licence": licence, "stages": [stage._asdict() for stage in self.stages]}


def lineage_of(checkpoint: Checkpoint, run: TrainingRun, seen: tuple[Path, ...] = ()) -> Lineage:
    """The way of a checkpoint, as far back as it can be read here. `seen` are the folders that it was followed through."""
    kept = read_json(checkpoint.folder / MERGED) if (checkpoint.folder / MERGED).is_file() else {}
    if "lineage" in kept:
        return _read(kept["lineage"])
    before = _before(base_of(checkpoint, run), (*seen, checkpoint.folder.resolve()))
    return before._replace(stages=(*before.stages, *_last_stage(checkpoint, run)))


def lineage_of_merge(base: Source, adapter: Source) -> Lineage:
    """The way of a base with an adapter: the base's, and the training of the adapter."""
    before = _before(Base(base.hub_id) if base.hub_id else Base(base.folder.resolve().name, base.folder), ())
    own = (Stage(adapter.hub_id, "adapter", {}),) if adapter.hub_id else _last_stage(*find_checkpoint(adapter.folder))
    return before._replace(stages=(*before.stages, *own))


def _before(base: Base, seen: tuple[Path, ...]) -> Lineage:
    """The way of a base; where nothing is known of a folder, it is itself where the way begins."""
    begins = Lineage(base, licence_of(base))
    if base.folder is None or base.folder.resolve() in seen or not is_checkpoint(base.folder):
        return begins
    found = lineage_of(*find_checkpoint(base.folder), seen)
    return found if found.root.name or found.stages else begins


def _last_stage(checkpoint: Checkpoint, run: TrainingRun) -> tuple[Stage, ...]:
    """The training that made a checkpoint; none where nothing tells of one."""
    if recipe := run.config.get("recipe"):
        return (Stage(str(recipe.get("name", "training")), str(recipe.get("tuned", "")), data_of(run)),)
    if preset := fit_preset(checkpoint, run):
        return (Stage(preset.name, "all weights", data_of(run)),)
    return (Stage(checkpoint.name, "adapter", {}),) if checkpoint.adapter else ()


def _read(record: Mapping[str, Any]) -> Lineage:
    stages = tuple(Stage(**stage) for stage in record["stages"])
    return Lineage(Base(record["root"]), Licence(**{"id": None, **record["licence"]}), stages)
