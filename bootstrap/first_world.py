"""A first world to bootstrap from, drawn as a detached job: for readers who have neither data nor a model."""

from pathlib import Path

from bootstrap.run_form import PYTHON_BOOTSTRAP
from workbench import jobs
from workbench.job_kinds import kind_of_command
from workbench.jobs import Job
from workbench.run_folders import free_folder, resume_job

SCENES = 24
COMMAND = [*PYTHON_BOOTSTRAP, "world"]
OPTIONS = [
    f"--scenes={SCENES}",
    "--split=train",
    "--setting=core",
    "--objects-max=2",
]  # what the judge that ships knows


def first_world(runs: Path) -> Job | None:
    """The last world that was begun from the page by the one who asks; None before there is one."""
    begun = jobs.find_all(mark.parent for mark in runs.glob("*/job.json"))
    return next((job for job in begun if kind_of_command(job.command).name == "world"), None)


def draw_first_world(runs: Path) -> Job:
    """Begin to draw it, unless it is there or under way; one that was stopped goes on.

    Raises InputError and StoreError where no job can be started.
    """
    there = first_world(runs)
    if there and (there.alive or there.state == "done"):
        return there
    if there:
        return resume_job(there.folder)
    folder = free_folder("", runs, "world")
    return jobs.start([*COMMAND[1:], f"--out={folder.resolve()}", *OPTIONS], folder)
