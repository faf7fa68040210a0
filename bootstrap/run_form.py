"""What the Bootstrap tab asks for to start a run, the command that it comes to, and starting or resuming it."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from bootstrap.loop import ALPHA, ROUNDS
from workbench import jobs
from workbench.backends import check_spec
from workbench.errors import InputError
from workbench.jobs import Job
from workbench.permissions import check_place
from workbench.run_folders import almost_there, free_folder, resume

PYTHON_BOOTSTRAP = ["python", "-m", "bootstrap"]
COMMAND = [*PYTHON_BOOTSTRAP, "run"]


@dataclass(frozen=True)
class RunForm:
    """Everything that the form holds. `limit` 0 takes all seeds; a name left empty is made up."""

    seeds: str = ""
    generator: str = ""
    evaluator: str = ""
    rounds: int = ROUNDS
    alpha: int = ALPHA
    limit: int = 0
    name: str = ""


def missing_sentence(form: RunForm) -> str:
    """What the form still needs, all at once; "" when it is complete."""
    wanted = {"name the seeds": form.seeds, "name a generator": form.generator, "name an evaluator": form.evaluator}
    return almost_there(wanted)


def run_command(form: RunForm, folder: Path) -> list[str]:
    """The words of the command that the form comes to."""
    options = [
        ("seeds", form.seeds or "SEEDS"),
        ("generator", form.generator),
        ("evaluator", form.evaluator),
        ("out", str(folder)),
    ]
    options += [("rounds", str(form.rounds)), ("alpha", str(form.alpha))]
    options += [("limit", str(form.limit))] if form.limit else []
    return [*COMMAND, *(f"--{name}={value.strip()}" for name, value in options)]


def shown_command(form: RunForm, runs: Path) -> str:
    """The command line as the form shows it while it is filled in."""
    return shlex.join(run_command(form, runs / (form.name.strip() or "NAME")))


def start_run(form: RunForm, runs: Path) -> Job:
    """Start the run of a form in a new folder under `runs`. Raises InputError for what would fail at once."""
    if sentence := missing_sentence(form):
        raise InputError(sentence)
    check_place("seeds", form.seeds)
    if not Path(form.seeds.strip()).exists():
        raise InputError(f"seeds: {form.seeds.strip()!r} is not there; give an items.jsonl file or a world's folder.")
    for spec in (form.generator.strip(), form.evaluator.strip()):
        if spec.partition(":")[0] != "world":
            check_spec(spec)
    folder = free_folder(form.name, runs, "bootstrap")
    return jobs.start(run_command(form, folder.resolve())[1:], folder)


def resume_run(folder: Path) -> Job:
    """Start a run's own command again: it asks no participant twice. Raises InputError where no command is known."""
    return resume(folder, COMMAND)


def bootstrap_jobs(runs: Path) -> list[Job]:
    """The bootstrap runs under a folder, the last one started first."""
    marks = [mark for pattern in ("*/sets.jsonl", "*/job.json") for mark in runs.glob(pattern)]
    return [job for job in jobs.find_all({mark.parent for mark in marks}) if _is_bootstrap(job)]


def _is_bootstrap(job: Job) -> bool:
    return (job.folder / "sets.jsonl").exists() or job.command.startswith(shlex.join(COMMAND))
