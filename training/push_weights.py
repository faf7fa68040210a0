"""Which weights a push is about: what a run knows of that very checkpoint, and an adapter merged into its base."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from training.provenance import MERGED, base_of
from training.runs import FINAL, STEP, Checkpoint, TrainingRun, read_json
from workbench.backends.loading import content_hash
from workbench.errors import InputError
from workbench.jobs import find

BESIDE = "-merged"  # ends the name of what an adapter was merged into, beside it


# -- what a run knows of a checkpoint


def run_until(checkpoint: Checkpoint, run: TrainingRun) -> TrainingRun:
    """The run as far as it tells of these weights: what was logged up to their step, and figures only of the last ones.

    figures.json of a run is about its finished model; figures in the checkpoint's own folder are its own.
    """
    name = checkpoint.folder.name.removesuffix(BESIDE)
    if run.folder.resolve() == checkpoint.folder.resolve():
        return run
    if name in FINAL:
        step = find(run.folder).status.get("step")  # with early stop the best one, which others follow
        return run._replace(metrics=_until_step(run, step)) if isinstance(step, int) else run
    found = STEP.search(name)
    metrics = _until_step(run, int(found[1])) if found else _until_stage(run, name)
    return run._replace(metrics=metrics, figures={})


def _until_step(run: TrainingRun, step: int) -> list[dict[str, Any]]:
    return [line for line in run.metrics if line.get("step", 0) <= step]


def _until_stage(run: TrainingRun, stage: str) -> list[dict[str, Any]]:
    """The lines up to the last one of a stage; none where it logged nothing."""
    last = max((number for number, line in enumerate(run.metrics) if line.get("stage") == stage), default=-1)
    return run.metrics[: last + 1]


# -- merging


def merged_beside(checkpoint: Checkpoint, run: TrainingRun, base: str, say: Callable[[str], None]) -> Checkpoint:
    """The full checkpoint of an adapter, beside it: made once, and found there by the next push of the same two.

    `base` may be "", for the one that the run or the adapter names. Raises InputError where there is nothing to merge.
    """
    if not checkpoint.adapter:
        raise InputError(f"--merge: {checkpoint.name!r} is no adapter but a full checkpoint; leave --merge out.")
    base = base or str(run.config.get("recipe", {}).get("base") or base_of(checkpoint, run).name or "")
    if not base:
        raise InputError("--merge: the adapter does not name its base; give it: --merge BASE, a Hub id or a folder.")
    out = checkpoint.folder.with_name(f"{checkpoint.folder.name}{BESIDE}")
    if not _is_merge_of(out, base, checkpoint.folder):
        _merge_again(base, checkpoint.folder, out, say)
    return Checkpoint(out.name, out, adapter=False, final=checkpoint.final)


def _is_merge_of(folder: Path, base: str, adapter: Path) -> bool:
    """Whether a folder holds just this base, by Hub id or content, with just this adapter."""
    if not (folder / MERGED).is_file():
        return False
    made_of, local = read_json(folder / MERGED), Path(base).expanduser()
    same = _revision(made_of, "base") == content_hash(local) if local.is_dir() else made_of["base"].get("model") == base
    return same and _revision(made_of, "adapter") == content_hash(adapter)


def _revision(record: Mapping[str, Any], part: str) -> Any:
    return record.get(part, {}).get("revision")


def _merge_again(base: str, adapter: Path, out: Path, say: Callable[[str], None]) -> None:
    """Merge, in the place of an earlier merge of other weights. Raises InputError where `out` is something else."""
    from training.merge import merge

    if out.exists() and not (out / MERGED).is_file():
        raise InputError(f"--merge: {out} is there and is no merged checkpoint; move it away.")
    name = Path(base).name if Path(base).expanduser().is_dir() else base
    say(f"merging {adapter.name} into {name}" + (", in the place of an earlier merge" if out.exists() else ""))
    new = out.with_name(f"{out.name}.new")
    shutil.rmtree(new, ignore_errors=True)  # what a killed push left
    merge(base, str(adapter), new, say=say)
    shutil.rmtree(out, ignore_errors=True)
    new.rename(out)
