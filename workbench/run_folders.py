"""Runs as a page handles them: a name for a new one, the folder of a chosen one, its own command again."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from workbench import jobs
from workbench.errors import InputError
from workbench.job_kinds import OTHER, kind_of
from workbench.jobs import Job
from workbench.json_files import read_json
from workbench.owners import claim, visible
from workbench.store import new_run_folder

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def almost_there(wanted: Mapping[str, str]) -> str:
    """What a form still needs, all at once: (what to do -> the field's text); "" when nothing is empty."""
    missing = [what for what, given in wanted.items() if not given.strip()]
    if not missing:
        return ""
    return f"Almost there: {' and '.join([', '.join(missing[:-1]), missing[-1]] if missing[1:] else missing)}."


def free_folder(name: str, runs: Path, kind: str) -> Path:
    """The folder of a new run under `runs`; for an empty name one is made up of its kind.

    Raises InputError for what is no plain name, and where a run of that name is there or at work.
    """
    name = name.strip()
    if not name:
        return new_run_folder(runs, kind)
    if not NAME.fullmatch(name):
        raise InputError(f"name: got {name!r:.80}, expected letters, digits, dots, dashes and underscores.")
    folder = runs / name
    if (folder / "run.json").exists() or jobs.find(folder).alive:
        raise InputError(f"name: a run {name!r} is there already; choose it above to resume it, or name another.")
    claim(folder)
    return folder


def chosen_folder(runs: Path, name: str) -> Path:
    """The run of that name under `runs`. Raises InputError for a name that leads elsewhere, or to another's run."""
    if Path(name).name != name or name in ("", ".", ".."):
        raise InputError(f"run: got {name!r:.80}, expected the name of a run folder.")
    if not visible(runs / name):
        raise InputError(f"run: there is no run {name!r:.80} of yours here; choose one of the list.")
    return runs / name


def own_command(folder: Path, verb: Sequence[str]) -> list[str]:
    """The words of the command that made a run, without its --out, which may be of another place or machine.

    Raises InputError where that is no command of `verb`, e.g. python -m bootstrap run.
    """
    words = command_words(folder)
    if words[: len(verb)] != list(verb):
        raise InputError(f"{folder.name}: its command is not one of `{shlex.join(verb)}`; start it as it was made.")
    return [*verb, *_without_out(words[len(verb) :])]


def command_words(folder: Path) -> list[str]:
    """The words of the command that made a run, [] where none is known."""
    return shlex.split(jobs.find(folder).command or str(read_json(folder / "run.json").get("command") or ""))


def _without_out(words: Sequence[str]) -> list[str]:
    kept, skip = [], False
    for word in words:
        if skip or word == "--out":
            skip = not skip
        elif not word.startswith("--out="):
            kept.append(word)
    return kept


def resume(folder: Path, verb: Sequence[str]) -> Job:
    """Start a run's own command again. Raises InputError where no such command is known."""
    return jobs.start([*own_command(folder, verb)[1:], f"--out={folder.resolve()}"], folder)


def resume_job(folder: Path) -> Job:
    """Start a run's own command again, of whatever kind: it asks for what is missing or failed, and nothing twice.

    It runs in the folder it was started in. Raises InputError where no command is known, StoreError where it is at work.
    """
    words = command_words(folder)
    kind = kind_of(words)
    if words[:2] != ["python", "-m"] or kind == OTHER:
        raise InputError(f"{folder.name}: no command is known that goes on with it; start it as it was made.")
    if kind.owns_out:
        words = [*words[:4], *_without_out(words[4:]), f"--out={folder.resolve()}"]
    cwd = jobs.find(folder).record.get("cwd")
    return jobs.start(words[1:], folder, Path(cwd) if cwd else None)


def run_label(job: Job) -> str:
    """A run in a list: its name and how it stands."""
    done, total = job.status.get("done", 0), job.status.get("total", 0)
    if job.alive:  # its counts change while they are read
        return f"{job.folder.name} · {'waiting' if job.state == 'waiting' else 'running'}"
    return f"{job.folder.name} · {job.state}" + (f" · {done:,} of {total:,}" if total else "")
