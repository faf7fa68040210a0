"""What the Bootstrap tab asks for to start a run, the command that it comes to, and starting or resuming it."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from bootstrap.loop import ALPHA, ROUNDS
from workbench import jobs
from workbench.backends import check_spec
from workbench.errors import InputError
from workbench.jobs import Job
from workbench.store import Run, new_run_folder

COMMAND = ["python", "-m", "bootstrap", "run"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


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
    missing = [what for what, given in wanted.items() if not given.strip()]
    if not missing:
        return ""
    return f"Almost there: {' and '.join([', '.join(missing[:-1]), missing[-1]] if missing[1:] else missing)}."


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
    if not Path(form.seeds.strip()).exists():
        raise InputError(f"seeds: {form.seeds.strip()!r} is not there; give an items.jsonl file or a world's folder.")
    for spec in (form.generator.strip(), form.evaluator.strip()):
        if spec.partition(":")[0] != "world":
            check_spec(spec)
    folder = named_folder(form.name, runs)
    if (folder / "run.json").exists() or jobs.find(folder).alive:
        raise InputError(
            f"name: a run {folder.name!r} is there already; choose it above to resume it, or name another."
        )
    return jobs.start(run_command(form, folder.resolve())[1:], folder)


def named_folder(name: str, runs: Path) -> Path:
    """The folder of a run under `runs`; a new one for an empty name. Raises InputError for what is no plain name."""
    name = name.strip()
    if not name:
        return new_run_folder(runs, "bootstrap")
    if not NAME.fullmatch(name):
        raise InputError(f"name: got {name!r:.80}, expected letters, digits, dots, dashes and underscores.")
    return runs / name


def chosen_folder(runs: Path, name: str) -> Path:
    """The run of that name under `runs`. Raises InputError for a name that leads elsewhere."""
    if Path(name).name != name or name in ("", ".", ".."):
        raise InputError(f"run: got {name!r:.80}, expected the name of a run folder.")
    return runs / name


def resume_run(folder: Path) -> Job:
    """Start a run's own command again: it asks no participant twice. Raises InputError where no command is known."""
    return jobs.start([*own_command(folder)[1:], f"--out={folder.resolve()}"], folder)


def own_command(folder: Path) -> list[str]:
    """The words of the command that made a run, without its --out, which may be of another place or machine."""
    words = shlex.split(jobs.find(folder).command or Run.open(folder).head()["command"])
    if words[: len(COMMAND)] != COMMAND:
        raise InputError(
            f"{folder.name}: its command is not one of `python -m bootstrap run`; start it as it was made."
        )
    kept, skip = list(COMMAND), False
    for word in words[len(COMMAND) :]:
        if skip or word == "--out":
            skip = not skip
        elif not word.startswith("--out="):
            kept.append(word)
    return kept


def bootstrap_jobs(runs: Path) -> list[Job]:
    """The bootstrap runs under a folder, the last one started first."""
    marks = [mark for pattern in ("*/sets.jsonl", "*/job.json") for mark in runs.glob(pattern)]
    return [job for job in jobs.find_all({mark.parent for mark in marks}) if _is_bootstrap(job)]


def run_label(job: Job) -> str:
    """A run in a list: its name and how it stands."""
    done, total = job.status.get("done", 0), job.status.get("total", 0)
    if job.alive:  # its counts change while they are read
        return f"{job.folder.name} · running"
    return f"{job.folder.name} · {job.state}" + (f" · {done:,} of {total:,}" if total else "")


def _is_bootstrap(job: Job) -> bool:
    return (job.folder / "sets.jsonl").exists() or job.command.startswith(shlex.join(COMMAND))
