"""What the Runs tab asks for to judge a table of items: the command it comes to, and starting it as a detached run."""

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from workbench import jobs
from workbench.backends import check_spec
from workbench.errors import InputError
from workbench.jobs import Job
from workbench.owners import reader
from workbench.page.form import JudgeForm
from workbench.page.known_judge import refusal
from workbench.permissions import serves_stranger
from workbench.run_folders import almost_there, free_folder

COMMAND = ["python", "-m", "workbench", "judge"]
DEMO_ITEMS = 100  # of a table in a public demo, where a job holds a place that others wait for
DEMO_CANARIES = 10  # of each kind
ENDINGS = (".csv", ".tsv", ".jsonl", ".json", ".parquet")


@dataclass(frozen=True)
class TableForm:
    """Everything that the form holds. `upload` is a file the page was given, `path` one on this machine or a run folder;
    `limit` 0 takes all items; a name left empty is made up; `canaries` of each kind are mixed in."""

    upload: str | None = None
    path: str = ""
    videos: str = ""
    judge: str = "embedded"
    mode: str = "pointwise"
    text_only: bool = False
    limit: int = 0
    name: str = ""
    canaries: int = 0

    @property
    def source(self) -> str:
        return self.upload or self.path.strip()


def asked_of_judge(form: TableForm) -> JudgeForm:
    """What the form asks of its judge: the same of every row, and frames in the judge's own way."""
    return JudgeForm(mode=form.mode, judge=form.judge, text_only=form.text_only, frames=0)


def table_command(form: TableForm, items: str, folder: Path) -> list[str]:
    """The words of the command that the form comes to."""
    videos = form.videos.strip()
    words = [*COMMAND, f"--items={items}", f"--judge={form.judge.strip()}", f"--mode={form.mode}", f"--out={folder}"]
    words += [f"--videos={Path(videos).expanduser().resolve()}"] if videos and not form.text_only else []
    words += ["--no-video"] if form.text_only else []
    words += ["--column=video="] if reader() is not None else []  # or the run would open what its cells name
    demo = serves_stranger()
    limit = min(form.limit or DEMO_ITEMS, DEMO_ITEMS) if demo else form.limit
    words += [f"--limit={limit}"] if limit else []
    canaries = min(form.canaries, DEMO_CANARIES) if demo else form.canaries
    return words + ([f"--canaries={canaries}"] if canaries else [])


def shown_command(form: TableForm, runs: Path) -> str:
    """The command line as the form shows it while it is filled in."""
    folder = runs / (form.name.strip() or "NAME")
    items = str(_kept(form.upload, folder)) if form.upload else form.path.strip() or "FILE"
    return shlex.join(table_command(form, items, folder))


def start_table(form: TableForm, runs: Path) -> Job:
    """Judge the table of a form in a new folder under `runs`, where an upload is kept. Raises InputError for what would
    fail at once."""
    if missing := almost_there({"give a table": form.source, "choose a judge": form.judge}):
        raise InputError(missing)
    _check_source(form)
    check_spec(form.judge)
    if reason := refusal(asked_of_judge(form)):
        raise InputError(reason)
    if reader() is not None and not form.text_only:
        raise InputError(
            "videos: a table names files of this machine, which a page of several people does not read. "
            "Choose “Text only”, or run the workbench on your own machine."
        )
    folder = free_folder(form.name, runs, "judging")
    items = Path(form.path.strip()).expanduser()
    if form.upload:
        folder.mkdir(parents=True, exist_ok=True)
        items = _kept(form.upload, folder)
        shutil.copyfile(form.upload, items)  # the page's uploads are not kept
    return jobs.start(table_command(form, str(items.resolve()), folder.resolve())[1:], folder)


def _kept(upload: str, folder: Path) -> Path:
    """Where an upload is kept in its run folder: never under a name that the run itself reads (run.json)."""
    return folder / f"table-{Path(upload).name}"


def _check_source(form: TableForm) -> None:
    path = Path(form.source).expanduser()
    if not form.upload and reader() is not None:
        raise InputError("table: upload it; a page that several people use reads no paths of its machine.")
    if not path.exists():
        raise InputError(f"table: {form.source!r:.120} is not there; upload a file, or give its path on this machine.")
    if path.is_dir() and not (path / "run.json").exists():
        raise InputError(f"table: {form.source!r:.120} is a folder without a run; give a table or a run folder.")
    if path.is_file() and path.suffix.lower() not in ENDINGS:
        raise InputError(f"table: got {path.name!r:.80}, expected a file that ends in {', '.join(ENDINGS)}.")
    if form.videos.strip() and not Path(form.videos.strip()).expanduser().is_dir():
        raise InputError(f"videos: {form.videos.strip()!r:.120} is no folder; name the one that paths start in.")
