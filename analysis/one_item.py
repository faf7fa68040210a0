"""A sweep or an audit of one item by a judge that is loaded already: what the endpoints do, kept in runs like any other."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.audit.ask import prompt_words, prompts_known_to
from analysis.audit.plan import AuditOptions, cost_of, pairs_of_ratings
from analysis.audit.running import audit_run, audit_variants
from analysis.audit.source import Source
from analysis.audit.variant import PROBES
from analysis.commands_sweep import sweep_record
from analysis.plain_values import plain_value
from analysis.sweep_cells import read_sweep
from analysis.sweep_choice import choose
from analysis.sweep_grid import Sweep
from analysis.sweep_items import read_clips, write_clips
from analysis.sweep_run import run_sweep
from workbench.backends import check_spec
from workbench.errors import InputError
from workbench.judge import one_response_each, response_orders
from workbench.judge_options import prompt_record
from workbench.page.form import JudgeForm, assignment_of, missing_inputs, missing_sentence
from workbench.page.resident import ResidentJudge
from workbench.page.verdict import item_of
from workbench.prompts import Prompt, load_prompt
from workbench.schema import Item
from workbench.store import Run, new_run_folder

MOST_REQUESTS = 400  # of one call
COMMAND = ("python", "-m", "analysis")


def sweep_one(
    form: JudgeForm,
    temperatures: Sequence[float],
    frames: Sequence[int],
    samples: int,
    resident: ResidentJudge,
    runs: Path,
) -> dict[str, Any]:
    """Judge every cell of the grid; its figures as JSON values, the run folder, the command that does the same.

    Raises InputError for a form that lacks something, a grid that is none, or one of more than MOST_REQUESTS.
    """
    _check(form)
    prompt = load_prompt(form.mode)
    if prompt.kind == "ranking":
        raise InputError("mode: got ranking; a sweep is of scores or of pairs.")
    items = _items(form, prompt)
    sweep = Sweep((form.judge,), _numbers("temperatures", temperatures, float), _numbers("frames", frames, int),
                  samples, {"seed": form.seed})  # fmt: skip
    _check_count(sum(len(response_orders(item, "both")) for item in items) * sweep.samples_of_all * len(sweep.frames))
    with resident.judge(form.judge) as backend:
        folder = new_run_folder(runs, "sweep").resolve()
        command = _sweep_command(folder, form, sweep)
        run = Run.create(folder, config=sweep.config(prompt), prompts=[prompt_record(prompt)], command=command)
        with run.writing():
            run.add_items(items)
            clips = read_clips(items)
            write_clips(run, clips)
            run_sweep(run, items, clips, [backend], prompt, sweep)
    found = read_sweep(folder)
    return {**plain_value(sweep_record(found, choose(found))), "command": command, "run_folder": str(folder)}


def audit_one(form: JudgeForm, probes: Sequence[str], resident: ResidentJudge, runs: Path) -> dict[str, Any]:
    """Audit the judge on the form's responses; the report as JSON values, the run folder, the command that does the same.

    Raises InputError for a form that lacks something, for unknown probes, and for more than MOST_REQUESTS.
    """
    _check(form)
    if unknown := [name for name in probes if name not in PROBES]:
        raise InputError(f"probes: got {str(unknown[0])[:40]!r}, expected some of {', '.join(PROBES)}.")
    options, prompts = AuditOptions(tuple(probes) or PROBES, seed=form.seed), prompts_known_to([form.judge])
    items = _items(form, prompts.by_kind["pointwise"])
    source = Source(items, pairs_of_ratings(items), [], {})
    variants = audit_variants(source, options, prompts)
    _check_count(cost_of(variants).calls)
    assignment = assignment_of(form)
    with resident.judge(form.judge) as backend:
        folder = new_run_folder(runs, "audit").resolve()
        words = [*COMMAND, "audit", str(folder), f"--judge={form.judge}", f"--seed={form.seed}"]
        command = shlex.join([*words, *prompt_words(prompts), f"--only={','.join(options.probes)}"])
        report = audit_run(folder, source, variants, options, prompts, assignment, command, judges=[backend])
    return {**plain_value(report), "command": command, "run_folder": str(folder)}


def _check(form: JudgeForm) -> None:
    if sentence := missing_sentence(missing_inputs(form)):
        raise InputError(sentence)
    check_spec(form.judge)


def _items(form: JudgeForm, prompt: Prompt) -> list[Item]:
    item = item_of(form)
    return list(one_response_each([item])) if prompt.kind == "pointwise" else [item]


def _numbers(name: str, values: Any, kind: type) -> tuple:
    whole = kind is int
    if isinstance(values, list) and all(isinstance(one, (int, float)) and one == kind(one) for one in values):
        return tuple(kind(one) for one in values)
    raise InputError(f"{name}: got {values!r:.80}, expected a list of {'whole ' * whole}numbers.")


def _check_count(count: int) -> None:
    if count > MOST_REQUESTS:
        raise InputError(f"This asks for {count} verdicts; one call gives at most {MOST_REQUESTS}. Ask for fewer, or run the "
                         "command on your own machine.")  # fmt: skip


def _sweep_command(folder: Path, form: JudgeForm, sweep: Sweep) -> str:
    temperatures = ",".join(f"{value:g}" for value in sweep.temperatures)
    words = [*COMMAND, "sweep", str(folder), f"--judge={form.judge}", f"--temperatures={temperatures}"]
    words += [f"--frames={','.join(map(str, sweep.frames))}", f"--samples={sweep.samples}", f"--seed={form.seed}"]
    return shlex.join([*words, *([f"--mode={form.mode}"] if form.mode != "pointwise" else [])])
