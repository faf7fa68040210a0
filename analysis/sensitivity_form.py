"""What the Sensitivity tab asks for: the items and the grid, the command they come to, planning, starting and resuming."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.sweep_grid import Sweep, read_values
from analysis.sweep_items import EXAMPLES
from workbench import jobs
from workbench.backends import check_spec
from workbench.errors import InputError
from workbench.jobs import Job
from workbench.judge import one_response_each
from workbench.page.form import JudgeForm
from workbench.page.known_judge import refusals
from workbench.page.verdict import item_of
from workbench.permissions import check_place, serves_stranger
from workbench.prompts import load_prompt
from workbench.run_folders import almost_there, free_folder, own_command
from workbench.store import Run

COMMAND = ["python", "-m", "analysis", "sweep"]
MODES = ("pointwise", "rubric", "pairwise", "pairwise_reasoning")
TYPED = "source.jsonl"  # the items of the Judge tab, in the folder of the sweep
PLAN_FILE = "plan.json"
DEMO_ITEMS, DEMO_VERDICTS = 20, 60  # of a sweep in a public demo; verdicts on each item, of all judges


@dataclass(frozen=True)
class SweepForm:
    """Everything that the form holds. `source` is examples, a path, or "judge" for what the Judge tab holds."""

    source: str = EXAMPLES
    path: str = ""
    judges: tuple[str, ...] = ("embedded",)
    temperatures: str = "0,0.5,1"
    frames: str = "2,4,8"
    samples: int = 3
    mode: str = "pointwise"
    limit: int = 0
    name: str = ""


def asked_of_judges(form: SweepForm) -> list[JudgeForm]:
    """What the form asks of each of its judges, but for the frames: a number too many leaves out its cells only."""
    return [JudgeForm(mode=form.mode, judge=judge, frames=0) for judge in form.judges]


def form_words(form: SweepForm, items: str, folder: Path) -> list[str]:
    """The words of the command that a form comes to."""
    words = [*COMMAND, items, *(f"--judge={judge}" for judge in form.judges)]
    words += [f"--temperatures={form.temperatures}", f"--frames={form.frames}", f"--samples={form.samples}"]
    words += [f"--mode={form.mode}"] if form.mode != "pointwise" else []
    limit = min(form.limit or DEMO_ITEMS, DEMO_ITEMS) if serves_stranger() else form.limit
    words += [f"--limit={limit}"] if limit else []
    return [*words, f"--out={folder}"]


def shown_command(form: SweepForm, runs: Path) -> str:
    """The command line as the form shows it while it is filled in."""
    folder = runs / (form.name.strip() or "NAME")
    items = {"path": form.path.strip() or "ITEMS", "judge": str(folder / TYPED)}.get(form.source, form.source)
    return shlex.join(form_words(form, items, folder))


def plan_form(form: SweepForm, runs: Path, typed: JudgeForm | None = None) -> Job:
    """Work out, in a process of its own, what a form would take; its folder is the run's to be.

    Raises InputError for what would fail at once. `typed` is what the Judge tab holds.
    """
    _check(form)
    items = _typed_items(form, typed) if form.source == "judge" else []
    folder = free_folder(form.name, runs, "sweep")
    folder.mkdir(parents=True, exist_ok=True)
    source = {"path": str(Path(form.path.strip()).expanduser().resolve())}.get(form.source, form.source)
    if items:
        source = str((folder / TYPED).resolve())
        Path(source).write_text("".join(json.dumps(item.to_dict()) + "\n" for item in items), encoding="utf-8")
    (folder / PLAN_FILE).unlink(missing_ok=True)
    return jobs.start([*form_words(form, source, folder.resolve())[1:], "--plan"], folder)


def _check(form: SweepForm) -> None:
    wanted = {"name the items": form.path if form.source == "path" else "there", "choose a judge": "".join(form.judges)}
    if sentence := almost_there(wanted):
        raise InputError(sentence)
    if form.source == "path":
        check_place("items", form.path)
    if form.source == "path" and not Path(form.path.strip()).expanduser().exists():
        raise InputError(f"items: {form.path.strip()!r:.120} is not there; give a run folder or a table.")
    for judge in form.judges:
        check_spec(judge)
    if reasons := refusals(asked_of_judges(form)):
        raise InputError(" ".join(reasons))
    sweep = Sweep(form.judges, read_values(form.temperatures, "temperatures", whole=False),
                  tuple(int(value) for value in read_values(form.frames, "frames", whole=True)), form.samples)  # fmt: skip
    asked = len(sweep.judges) * len(sweep.temperatures) * len(sweep.frames) * sweep.samples
    if serves_stranger() and asked > DEMO_VERDICTS:
        raise InputError(
            f"grid: got up to {asked} verdicts on each item; this public demo takes {DEMO_VERDICTS}. "
            "Name fewer temperatures, frame counts or samples, or run the workbench on your own machine."
        )


def _typed_items(form: SweepForm, typed: JudgeForm | None) -> list:
    """What the Judge tab holds, as items that fit the mode. Raises InputError for what is missing there."""
    typed = typed or JudgeForm()
    missing = almost_there({
        "add a video in the Judge tab": typed.video or "",
        "write the instruction there": typed.instruction,
        "give a response there": "".join(typed.given_responses),
    })  # fmt: skip
    if missing:
        raise InputError(missing)
    item = item_of(typed)
    kind = load_prompt(form.mode).kind
    if kind == "pointwise":
        return list(one_response_each([item]))
    if item.kind != kind:
        raise InputError(f"The Judge tab holds {len(item.responses)} responses; a {kind} sweep takes two.")
    return [item]


def start_or_resume(folder: Path) -> Job:
    """Start what was planned, or go on with what was begun: the run's own command."""
    words = [word for word in own_command(folder, COMMAND) if word != "--plan"]
    return jobs.start([*words[1:], f"--out={folder.resolve()}"], folder)


def sweep_jobs(runs: Path) -> list[Job]:
    """The sweeps under a folder, planned ones too, the last one started first."""
    marks = [mark for pattern in ("*/sweep.json", "*/clips.json", "*/job.json") for mark in runs.glob(pattern)]
    return [job for job in jobs.find_all({mark.parent for mark in marks}) if is_sweep(job)]


def is_sweep(job: Job) -> bool:
    """Whether a run folder is of a sweep, begun or planned."""
    return (job.folder / "clips.json").exists() or job.command.startswith(shlex.join(COMMAND))


def is_planning(job: Job) -> bool:
    """Whether a job only works out what a sweep takes."""
    return "--plan" in shlex.split(job.command)


def is_planned(job: Job) -> bool:
    """Whether a sweep has its preflight and has not begun."""
    return (job.folder / PLAN_FILE).exists() and not (job.folder / "run.json").exists() and not job.alive


def prompt_scale(folder: Path) -> tuple[int, int]:
    """The ends of the scale that a sweep's verdicts are on."""
    prompts: Sequence = Run.open(folder).head()["prompts"]
    form = prompts[0]["form"] if prompts else {}
    return form.get("low", 1), form.get("high", 5)
