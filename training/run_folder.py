"""A training's run folder while it is written: settings first, status as it goes, by the process that leads."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.checkpoints import saved_steps
from training.parallel import Team
from training.sources import LeftOut
from workbench.json_files import read_json
from workbench.store import Run

if TYPE_CHECKING:
    from training.trainer import Outcome, Plan

Say = Callable[[str], None]


@contextmanager
def open_run(
    out: Path,
    config: Mapping[str, Any],
    prompts: Sequence[Mapping[str, Any]],
    command: str,
    team: Team,
    on_status: Callable[..., None] = lambda state, **fields: None,
) -> Iterator[Callable[..., None]]:
    """The run folder, for this process alone to write; gives what sets its status, of which `on_status` is told too.

    Other processes get one that does nothing.
    """
    if not team.leads:
        yield lambda state, **fields: None
        return
    run = Run.create_or_resume(out, config=config, prompts=prompts, command=command)
    with run.writing():

        def set_status(state: str, **fields: Any) -> None:
            if state == "done":
                run.finish(**fields)
            else:
                run.set_status(state, **fields)
            on_status(state, **fields)

        yield set_status


def silent(line: str) -> None:
    """What processes other than the leading one say."""


def follow(set_status: Callable[..., None]):
    """What tells status.json of each step, for `Place.on_step`."""

    def on_step(progress, steps: int, eta_seconds: float | None) -> None:
        set_status("running", phase="training", done=progress.step, total=steps, eta_seconds=eta_seconds)

    return on_step


def tell_left_out(out: Path, left_out: LeftOut, team: Team, say: Say) -> None:
    """Write the list of rows not trained on or validated with, and say how many there are of each kind."""
    if team.leads:
        lines = "".join(json.dumps(line) + "\n" for line in left_out.lines)
        (out / "left_out.jsonl").write_text(lines, encoding="utf-8")
    for sentence in (*left_out.sentences(), *left_out.validation.sentences()):
        say(sentence)
    if left_out.lines:
        say(f"{out / 'left_out.jsonl'}: what was left out, row by row")


def made_before(out: Path, say: Say, set_status: Callable[..., None]) -> Path | None:
    """final/ where an earlier start made it; a kill right after that may have kept status.json from telling."""
    final = out / "final"
    if not final.is_dir():
        return None
    say(f"{final}: is there already")
    if (status := read_json(out / "status.json")).get("state") != "done":
        step = max(saved_steps(out / "checkpoints"))
        set_status("done", phase="done", done=step, total=status.get("total", step))
    return final


def make_final(out: Path, outcome: "Outcome", plan: "Plan", steps: int, set_status: Callable[..., None]) -> None:
    """Make final/ of the checkpoint that counts: the best where training may end early, else the last."""
    progress = outcome.progress
    step = progress.best_step if plan.patience is not None and progress.best_step else progress.step
    source, part = out / "checkpoints" / f"step-{step}", out / "final.part"
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part, ignore=shutil.ignore_patterns("state", "checkpoint.json"))
    part.rename(out / "final")
    set_status("done", phase="done", done=progress.step, total=steps, step=step, validation_loss=progress.best,
               ended=outcome.stopped or "all steps")  # fmt: skip
