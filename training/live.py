"""A training while it runs, as HTML: how it stands, and its checkpoints with what was measured at them."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from training.provenance import base_of
from training.runs import FINAL, RUNS_WITHIN, Checkpoint, TrainingRun, checkpoints, read_run
from workbench.errors import InputError
from workbench.jobs import Job, find
from workbench.page.run_status import status_card
from workbench.page.show import table_box

PHASES = {
    "data": "making its data",
    "loading": "loading the model",
    "features": "encoding the videos",
    "training": "training",
    "done": "finished",
}


def training_card(job: Job, run: TrainingRun) -> str:
    """How a training stands: its phase, steps done, the last losses and the pace."""
    status = job.status
    done, total = status.get("done", 0), status.get("total", 0)
    unit = "videos" if status.get("phase") == "features" else "steps"
    said = f"{done:,} of {total:,} {unit}" if total else "not a step yet"
    stage, _, last = str(status.get("phase") or "").rpartition(": ")  # "levels: training", of a run with runs within
    phase = ": ".join(filter(None, (stage, PHASES.get(last, last))))
    if phase and job.alive and status.get("phase") != "done":
        said = f"{phase}: {said}"
    return status_card(job, said, _last_figures(run.metrics), "Steps done")


def _last_figures(metrics: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The last value of what a reader looks at first."""
    last: dict[str, Any] = {}
    for line in metrics:
        last |= line
    words = {"loss": "training loss", "validation_loss": "validation loss", "tokens_per_second": "tokens a second"}
    found = {said: f"{last[name]:,.4g}" for name, said in words.items() if isinstance(last.get(name), (int, float))}
    seconds = last.get("seconds")
    return found | ({"spent in this stage": _minutes(seconds)} if isinstance(seconds, (int, float)) else {})


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:,.0f} min"


def run_at(folder: Path) -> TrainingRun:
    """The run as far as it can be read: its metrics, even where the rest is broken."""
    try:
        return read_run(folder)
    except InputError:
        return TrainingRun(folder, {}, [], {})


# -- checkpoints


def checkpoint_table(run: TrainingRun) -> str:
    """The checkpoints of a run, each with the losses logged at its step; the lowest validation loss is marked."""
    found = checkpoints(run.folder)
    if not found:
        return '<p class="vj-sub">No checkpoint yet. The first one is written when its step comes, or the run ends.</p>'
    losses = {each.name: _losses_at(run, each) for each in found}
    measured = [loss["validation_loss"] for loss in losses.values() if "validation_loss" in loss]
    rows = "".join(_row(each, losses[each.name], min(measured, default=None)) for each in found)
    head = "".join(f"<th>{words}</th>" for words in ("checkpoint", "step", "validation loss", "training loss"))
    return table_box("Checkpoints", f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>")


def _losses_at(run: TrainingRun, checkpoint: Checkpoint) -> dict[str, float]:
    """Step and losses of the lines with the checkpoint's step; of the last line of its stage, for a stage's own folder."""
    step, stage, metrics = checkpoint.step, checkpoint.name.split("/")[0], run.metrics
    if stage in RUNS_WITHIN:
        metrics = [line for line in metrics if line.get("stage") == stage]
    if step is None and checkpoint.folder.name in FINAL:  # it was taken from the step that its run's status tells
        step = find(checkpoint.folder.parent).status.get("step")
    if step is not None:
        lines = [line for line in metrics if line.get("step") == step]
    else:
        lines = [line for line in run.metrics if line.get("stage") == checkpoint.name][-1:]
    names = ("step", "loss", "validation_loss")
    return {name: float(line[name]) for line in lines for name in names if isinstance(line.get(name), (int, float))}


def _row(checkpoint: Checkpoint, found: Mapping[str, float], best: float | None) -> str:
    values = [f"{found[name]:.4g}" if name in found else "–" for name in ("validation_loss", "loss")]
    if best is not None and found.get("validation_loss") == best:
        values[0] += ' <span class="vj-chip vj-none">lowest</span>'
    step = f"{found['step']:,.0f}" if "step" in found else "–"
    stage = checkpoint.name.split("/")[0]
    shown = f"{stage}: {checkpoint.folder.name}" if stage in RUNS_WITHIN else checkpoint.folder.name
    name = escape(shown) + (" (adapter)" if checkpoint.adapter else "")
    return f'<tr><th scope="row">{name}</th><td>{step}</td><td>{values[0]}</td><td>{values[1]}</td></tr>'


def judge_spec(run: TrainingRun, name: str) -> str:
    """What the Judge tab is to be given for a checkpoint. Raises InputError for one that is not there any more."""
    checkpoint = next((each for each in checkpoints(run.folder) if each.name == name), None)
    if checkpoint is None:
        raise InputError(f"checkpoint: {name!r} is not there any more; choose another.")
    if not checkpoint.adapter:
        return str(checkpoint.folder)
    base = run.config.get("recipe", {}).get("base") or base_of(checkpoint, run).name
    if not base:
        raise InputError(f"checkpoint: the adapter {name!r} does not name its base, so it cannot be loaded.")
    return f"hf:{base}+{checkpoint.folder}"
