"""The verb `sweep`: judges over temperatures, frame counts and samples, and which cell to judge with."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from analysis.plain_values import write_json
from analysis.sweep_cells import FIGURES, CellFigures, SweepResult, read_sweep
from analysis.sweep_choice import EPSILON, Choice, choice_sentences, choose
from analysis.sweep_grid import Sweep, read_values
from analysis.sweep_items import Source, read_clips, read_source, write_clips
from analysis.sweep_plan import plan_lines, plan_sweep, plan_words
from analysis.sweep_run import run_sweep
from analysis.tell import NOTE, grid, words
from workbench.batch import loaded_judges
from workbench.judge_command import Watcher
from workbench.judge_options import prompt_record, read_judge_option
from workbench.prompts import Prompt, load_prompt
from workbench.store import Run, new_run_folder
from workbench.terminal import plain

RESULT, PLAN = "sweep.json", "plan.json"
LISTED = 5


def add_verbs(verbs: Any) -> None:
    """The parser of `sweep`."""
    sweep = verbs.add_parser("sweep", help="judges over temperatures and frame counts: which cell is stable and cheap")
    sweep.add_argument("items", metavar="ITEMS|RUN", help="a table of items, a run folder, or examples (examples:2)")
    sweep.add_argument("--judge", action="append", metavar="SPEC", help="repeat it for several (default: embedded)")
    sweep.add_argument("--temperatures", default="0,0.2,..,1", metavar="LIST",
                       help="0 is greedy; '..' goes on by the same step (default: %(default)s)")  # fmt: skip
    sweep.add_argument("--frames", default="8", metavar="LIST",
                       help="'..' goes on by the same factor: 8,16,..,180 (default: %(default)s)")  # fmt: skip
    sweep.add_argument("--samples", type=int, default=5, metavar="K",
                       help="verdicts for each request above temperature 0 (default: %(default)s)")  # fmt: skip
    _how(sweep)
    sweep.add_argument("--out", metavar="RUN", help="run folder to make or to resume (default: a new folder in runs/)")
    sweep.add_argument("--plan", action="store_true", help="only say what it would take")
    sweep.set_defaults(run=_sweep)


def _how(sweep: argparse.ArgumentParser) -> None:
    sweep.add_argument(
        "--mode", default="pointwise", metavar="PROMPT", help="as `judge` takes it (default: %(default)s)"
    )
    sweep.add_argument("--gold", metavar="WHO", help="human, target or a judge's name (default: human, else target)")
    sweep.add_argument("--figure", choices=("spearman", "mae", "accuracy"),
                       help="what cells are chosen by (default: spearman; accuracy for pairs)")  # fmt: skip
    sweep.add_argument("--epsilon", type=float, default=EPSILON, metavar="E",
                       help="how much less agreement the cheaper cell may have (default: %(default)s)")  # fmt: skip
    sweep.add_argument("--videos", metavar="FOLDER", help="where a table's relative paths start")
    sweep.add_argument("--limit", type=int, metavar="N", help="only the first N items")
    sweep.add_argument("--nested", action="store_true", default=None,
                       help="frames in fixed pairs, which larger numbers share with smaller ones: seen once (default: "
                       "uniform frames, which do not nest)")  # fmt: skip
    sweep.add_argument("--max-pixels", type=int, metavar="N", help="of a frame (default: the judge's)")
    sweep.add_argument("--max-new-tokens", type=int, metavar="N", help="of a reply (default: the judge's)")
    sweep.add_argument("--seed", type=int, metavar="N", help="of all samples (default: the judge's)")
    sweep.add_argument("--judge-option", action="append", metavar="NAME=VALUE", help="how judges are loaded")


def sweep_asked(arguments: argparse.Namespace) -> Sweep:
    """The grid that the options ask for. Raises InputError."""
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    return Sweep(
        tuple(arguments.judge or ("embedded",)),
        read_values(arguments.temperatures, "temperatures", whole=False),
        tuple(int(value) for value in read_values(arguments.frames, "frames", whole=True)),
        arguments.samples,
        {name: given[name] for name in ("max_new_tokens", "seed") if name in given},
        {name: given[name] for name in ("max_pixels", "nested") if name in given},
        dict(map(read_judge_option, arguments.judge_option or ())),
    )


def _sweep(arguments: argparse.Namespace) -> int:
    asked, prompt = sweep_asked(arguments), load_prompt(arguments.mode)
    source = read_source(arguments.items, prompt, videos=arguments.videos, limit=arguments.limit)
    _tell_rejected(source)
    if arguments.plan:
        return _plan(arguments, asked, prompt, source)
    with contextlib.closing(loaded_judges(asked.judges, asked.judge_options)) as judges:
        first = next(judges)  # a judge that cannot be loaded leaves no run folder behind
        folder = arguments.out or new_run_folder("runs", "sweep")
        run = Run.create_or_resume(folder, config=asked.config(prompt), command=arguments.command,
                                   prompts=[prompt_record(prompt)])  # fmt: skip
        try:
            with run.writing(), Watcher() as watcher:
                clips = _prepare(run, source)
                run_sweep(run, source.items, clips, chain([first], judges), prompt, asked,
                          on_progress=watcher.progress, on_stage=watcher.stage)  # fmt: skip
                found, choice = _conclude(run, arguments)
        except KeyboardInterrupt:
            print(f"stopped: what is judged is kept in {run.folder}; the same command with --out={run.folder} goes on",
                  file=sys.stderr)  # fmt: skip
            return 130
    print("\n\n".join(sweep_text(found, choice)))
    print(f"\nrun folder: {run.folder}")
    return int(any(one.state == "measured" and not one.complete for one in found.cells))


def _tell_rejected(source: Source) -> None:
    for row in source.rejected[:LISTED]:
        print(plain(f"  row {row.row}: {row.reason}"), file=sys.stderr)
    if source.rejected:
        print(f"rejected rows: {len(source.rejected)}", file=sys.stderr)


def _prepare(run: Run, source: Source) -> dict:
    """Items, their labels and their clips' headers into the run, so that it needs nothing else to be measured."""
    run.add_items(source.items)
    run.add_rejected(row._asdict() for row in source.rejected)
    known = {one.key for one in run.judgments()}
    for label in source.labels:
        if label.key not in known:
            run.append(label)
    clips = read_clips(source.items)
    write_clips(run, clips)
    return clips


def _conclude(run: Run, arguments: argparse.Namespace) -> tuple[SweepResult, Choice]:
    found = read_sweep(run.folder, arguments.gold)
    choice = choose(found, arguments.figure, arguments.epsilon)
    write_json(run.folder / RESULT, {"command": arguments.command, **sweep_record(found, choice)})
    return found, choice


def sweep_record(found: SweepResult, choice: Choice) -> dict[str, Any]:
    """What sweep.json holds: the grid, every cell with its figures and cost, and the choice."""
    return {
        "sweep": found.sweep.to_dict(),
        "gold": found.gold,
        "kind": found.kind,
        "cells": [{**one._asdict(), "complete": one.complete} for one in found.cells],
        "choice": {
            **choice._asdict(),
            "best": choice.best and choice.best.cell,
            "cheapest": choice.cheapest and choice.cheapest.cell,
            "said": choice_sentences(choice),
        },
    }


# -- preflight


def _plan(arguments: argparse.Namespace, asked: Sweep, prompt: Prompt, source: Source) -> int:
    planned = plan_sweep(source.items, read_clips(source.items), prompt, asked)
    print("\n".join(plan_lines(planned)))
    print(f"\n{plan_words(planned)}")
    if arguments.out:
        Path(arguments.out).mkdir(parents=True, exist_ok=True)
        write_json(Path(arguments.out) / PLAN, planned)
        print(f"written: {Path(arguments.out) / PLAN}")
    return 0


# -- text


def sweep_text(found: SweepResult, choice: Choice) -> Iterator[str]:
    """A sweep, a block a question: each judge's cells, what was left out, and which cell to take."""
    for judge in found.sweep.judges:
        yield f"{plain(judge)}\n{_cells_grid([one for one in found.cells if one.cell.judge == judge])}"
    notes = list(cell_notes(found))
    if notes:
        yield "\n".join(notes)
    yield "\n".join(choice_sentences(choice))
    yield f"labels: {found.gold or 'none'}. {NOTE}"


def _cells_grid(cells: list[CellFigures]) -> str:
    names = [name for name in FIGURES if any(name in one.figures for one in cells)]
    rows = {f"{one.cell.frames} frames, t {one.cell.temperature:g}": one for one in cells}
    columns = {"verdicts": {row: _verdicts(one) for row, one in rows.items()}}
    columns |= {words(name): {row: str(one.figures[name]) if name in one.figures else "" for row, one in rows.items()}
                for name in names}  # fmt: skip
    columns["tokens"] = {row: _number(one.cost.tokens, ",.0f") for row, one in rows.items()}
    columns["seconds"] = {row: _number(one.cost.seconds, ".3g") for row, one in rows.items()}
    return grid("cell", columns, list(rows))


def _verdicts(one: CellFigures) -> str:
    if one.state != "measured":
        return one.state
    return f"{one.coverage.scored} of {one.coverage.scored + one.coverage.left_out}"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def cell_notes(found: SweepResult) -> Iterator[str]:
    """What must be said beside the figures: capped clips, refused cells, greedy ones, failures."""
    refused = dict.fromkeys(
        (one.cell.judge, one.cell.frames, one.reason) for one in found.cells if one.state == "refused"
    )
    for judge, frames, reason in refused:
        yield f"{judge}, {frames} frames: not judged. {reason}"
    capped = dict.fromkeys((one.cell.frames, one.capped, one.items) for one in found.cells if one.capped)
    for frames, count, items in capped:
        yield f"{frames} frames: {count} of {items} items have shorter clips, which gave every frame they have."
    if 0 in found.sweep.temperatures and found.sweep.samples > 1:
        yield "temperature 0: one sample; a greedy judge gives the same one again."
    failed = sum(one.coverage.failed for one in found.cells)
    if failed:
        yield f"{failed} verdicts failed; the same command with --out goes on with them."
    if found.sweep.samples > 1 or len(found.sweep.temperatures) > 1:
        yield "seconds: of a verdict, over all temperatures of a frame count, which share their batches."
