"""The embedded fit as a run that can be watched: run.json first, status.json while it trains, judge.json at its end."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from training.presets import Preset
from workbench.backends.judge_file import write_judge_file
from workbench.errors import InputError
from workbench.store import Run, read_lines

Device = Literal["auto", "cpu", "cuda"]
PROCESSES = {"cpu": 2, "cuda": 1}  # that train side by side, where nothing else is asked for
LEAST_PACKS = 5  # of a step that each of them has: with fewer, by chance, one could have none
FOLLOW_SECONDS = 2.0
WORLD_FILES = ("world.json", "facts.jsonl", "items.jsonl", "judgments.jsonl")


def fit_in_run(
    preset: Preset, out: Path, world: Path | None, command: str, processes: int | None = None, device: Device = "auto"
) -> Path:
    """Fit inside a run folder; the folder of the judge. Where no world is given, the preset's is made in OUT/data.

    Raises StoreError where another process writes the folder, or it was begun with other settings or data; InputError
    for a number of processes that cannot train, a GPU that is not there, and a folder that is no world.
    """
    device = _found(device)
    processes = PROCESSES[device] if processes is None else processes
    most = 1 if device == "cuda" else _most_processes(preset)
    if not 1 <= processes <= most:
        raise InputError(f"processes: got {processes}, expected at least 1 and on the device {device} at most {most}.")
    run = Run.create_or_resume(out, config=_config(preset, world, processes, device), command=command)
    with run.writing():
        run.set_status("running", phase="data", done=0, total=_total(preset), eta_seconds=None, last_error=None)
        world = world or _make_world(preset, out / "data", max(processes, os.cpu_count() or 1))
        with _followed(run, preset):
            from training.fit import fit
            from training.processes import run as run_in_processes

            run_in_processes(fit, (preset, world, out, print, device), processes)
        from training.ship import judge_file

        judge = out / list(preset.stages)[-1]
        write_judge_file(judge, judge_file(preset))
        run.finish(phase="done", done=_total(preset), total=_total(preset))
    return judge


def _found(device: Device) -> Literal["cpu", "cuda"]:
    """What trains: the GPU where there is one, unless asked otherwise."""
    import torch

    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise InputError("device: got cuda, but PyTorch finds no GPU here; take cpu, or auto.")
    if device == "auto":
        return "cuda" if there else "cpu"
    return device


def _most_processes(preset: Preset) -> int:
    """How many can share the smallest of the preset's steps."""
    packs = min(sum(plan.mix.values()) or plan.videos for plan in preset.stages.values())
    return max(1, int(packs / LEAST_PACKS))


def _config(preset: Preset, world: Path | None, processes: int, device: str) -> dict[str, Any]:
    """What must be equal for a run to go on. A name for each number, so that a refusal tells the one that differs."""
    steps = {f"{stage}_steps": plan.steps for stage, plan in preset.stages.items()}
    data = f"world {_digest(world)}" if world else f"made by {' '.join(preset.world)}"
    ours = {"preset": preset.name, "seed": preset.seed, "processes": processes, "device": device, "data": data}
    return ours | steps


def _digest(world: Path) -> str:
    """16 hex digits over what a world says of its clips, their sha256 among it; wherever the folder lies."""
    digest = hashlib.sha256()
    for name in WORLD_FILES:
        if not (world / name).is_file():
            raise InputError(f"data: got {world}, which has no {name}; give a folder of python -m bootstrap world.")
        with open(world / name, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _make_world(preset: Preset, folder: Path, workers: int) -> Path:
    """The rooms meet through their commands: the world is made by its own. It is the same with more workers."""
    command = [sys.executable, "-m", "bootstrap", "world", "--out", str(folder), "--workers", str(workers)]
    command += preset.world
    if subprocess.run(command).returncode:
        raise InputError(f"data: {' '.join(command[1:])} failed; see its message above.")
    return folder


def _total(preset: Preset) -> int:
    return sum(plan.steps for plan in preset.stages.values())


@contextmanager
def _followed(run: Run, preset: Preset) -> Iterator[None]:
    """Keep status.json true from metrics.jsonl: the fit itself only logs."""
    ended = threading.Event()

    def follow() -> None:
        while not ended.wait(FOLLOW_SECONDS):
            run.set_status("running", **how_far(preset, list(read_lines(run.folder / "metrics.jsonl"))))

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def how_far(preset: Preset, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    """Stage, steps done of all, and seconds left at the pace of the stage at work; later stages are taken to be as fast."""
    last = {line["stage"]: line for line in metrics if line.get("stage") in preset.stages}
    done = sum(min(line["step"], preset.stages[stage].steps) for stage, line in last.items())
    stage, line = next(reversed(last.items()), ("loading", {}))
    pace = line["seconds"] / line["step"] if line.get("step") else None
    left = round(pace * (_total(preset) - done), 1) if pace is not None else None
    return {"phase": stage, "done": done, "total": _total(preset), "eta_seconds": left}
