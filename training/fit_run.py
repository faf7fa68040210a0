"""The embedded fit as a run that can be watched: run.json first, status.json while it trains, judge.json at its end."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.presets import Preset
from workbench.backends.judge_file import write_judge_file
from workbench.store import Run, read_lines

FOLLOW_SECONDS = 2.0


def fit_in_run(preset: Preset, out: Path, data: Callable[[], Path], command: str, processes: int) -> Path:
    """Fit inside a run folder; the folder of the judge. `data` gives the world, made on the way where there is none.

    Raises StoreError where another process writes the folder, or it is the run of another preset.
    """
    run = Run.create_or_resume(out, config={"preset": preset.name}, command=command)
    with run.writing():
        run.set_status("running", phase="data", done=0, total=_total(preset), eta_seconds=None, last_error=None)
        world = data()
        with _followed(run, preset):
            from training.fit import fit
            from training.processes import run as run_in_processes

            run_in_processes(fit, (preset, world, out, print), processes)
        from training.ship import judge_file

        judge = out / list(preset.stages)[-1]
        write_judge_file(judge, judge_file(preset))
        run.finish(phase="done", done=_total(preset), total=_total(preset))
    return judge


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
