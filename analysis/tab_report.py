"""The report in the Meta-eval tab: made by a detached run, watched from here, and shown once it has ended."""

import shlex
import shutil
import tempfile
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from analysis.explorer import folders_of
from analysis.kept_sections import Kept, kept_sections
from analysis.report import make_report
from analysis.tab_sections import Place, cleared, filled, judges_in, jump_list
from workbench import jobs
from workbench.errors import WorkbenchError
from workbench.page.run_status import status_card
from workbench.page.show import error_note, note
from workbench.page.verbatim import verbatim_command
from workbench.run_folders import chosen_folder, command_words
from workbench.run_progress import counts
from workbench.store import new_run_folder

POLL_SECONDS = 1.0
PREFIX = "report-"  # of the run folders that the page starts
BELOW = {"vj-cases": "The cases behind the numbers", "vj-audit-source": "Audit of a judge"}


class Measure(NamedTuple):
    """Choosing, and what came of it; `found` keeps the sections, so that another judge is drawn at once. `made` is the report
    that is watched, `seen` how it stood when it was last shown."""

    runs: gr.Dropdown
    gold: gr.Dropdown
    by: gr.Textbox
    start: gr.Button
    report: gr.DownloadButton
    message: gr.HTML
    empty: gr.HTML
    judge: gr.Dropdown
    places: dict[str, Place]
    command: gr.HTML
    found: gr.State
    made: gr.Dropdown
    seen: gr.State
    timer: gr.Timer

    @property
    def drawn(self) -> list:
        return [part for place in self.places.values() for part in place.parts]

    @property
    def shown(self) -> list:
        return [
            self.report,
            self.message,
            self.empty,
            self.judge,
            self.command,
            self.found,
            self.seen,
            self.timer,
            *self.drawn,
        ]


def report_words(folders, gold: str, by: str | None, out: Path) -> list[str]:
    """The words of the command after "python" that makes a report."""
    words = ["-m", "analysis", "report", *map(str, folders), f"--gold={gold}", f"--out={out}"]
    return [*words, *([f"--by={by.strip()}"] if by and by.strip() else [])]


def start_report(
    measure: Measure, runs: Path, names: list[str] | None, gold: str | None, by: str | None
) -> dict[Any, Any]:
    """Begin a report as a detached run; where there are no jobs, make it before this returns."""
    if not names or not gold:
        missing = "runs" if not names else "whose verdicts are gold"
        return {measure.message: note(f"Almost there: choose {missing}.", "warn")}
    try:
        folders, out = folders_of(runs, names), new_run_folder(runs, "report")
        words = report_words(folders, gold, by, out)
        if jobs.have_jobs():
            jobs.start(words, out)
        else:
            make_report(folders, gold, (by or "").strip() or None, out, shlex.join(["python", *words]))
    except WorkbenchError as error:
        return {measure.message: error_note(error)}
    return {measure.message: "", measure.made: with_reports(runs, out.name), measure.seen: None}


def with_reports(runs: Path, chosen: str | None):
    """The reports there are, the last one started first; none is opened unasked, but one that is under way."""
    found = [job for job in jobs.list_jobs(runs) if job.folder.name.startswith(PREFIX)]
    names = [job.folder.name for job in found]
    value = chosen if chosen in names else next((job.folder.name for job in found if job.alive), None)
    return gr.update(choices=names, value=value, visible=bool(names))


def watch_report(measure: Measure, runs: Path, name: str | None, seen: tuple | None) -> dict[Any, Any]:
    """How the chosen report stands; its sections once it has ended, drawn once."""
    if not name:
        return {measure.timer: gr.Timer(active=False)}
    job = jobs.find(chosen_folder(runs, name))
    given = {measure.timer: gr.Timer(active=job.alive), measure.seen: (name, job.state)}
    if seen == (name, job.state) and not job.alive:
        return given
    if job.state == "done" and (kept := kept_sections(job.folder)):
        return given | _opened(measure, job, kept)
    said = counts(job, "sections") or "no section yet"
    given[measure.message] = status_card(job, said, {}, "Sections done")
    return given if seen and seen[0] == name else nothing_shown(measure) | given


def nothing_shown(measure: Measure) -> dict[Any, Any]:
    """Nothing of an earlier report, and what the tab says before there is any."""
    hidden = gr.update(visible=False)
    return {**cleared(measure.places), measure.report: hidden, measure.judge: hidden, measure.found: None, measure.command: "",
            measure.empty: gr.update(visible=True)}  # fmt: skip


def _opened(measure: Measure, job: jobs.Job, kept: Kept) -> dict[Any, Any]:
    judges = judges_in(kept.sections)
    first = judges[0] if judges else ""
    page = shutil.copy(
        job.folder / "report.html", tempfile.mkdtemp(prefix="report-")
    )  # the page hands out copies alone
    said = f'<p class="vj-sub">Measured: {kept.judges} judges beside {escape(kept.gold)}.</p>'
    return {
        **filled(measure.places, kept.sections, first),
        measure.message: said + jump_list(kept.sections, "vj-meta", BELOW),
        measure.report: gr.update(value=page, visible=True),
        measure.found: kept.sections,
        measure.command: verbatim_command(
            "The command that writes the same report", shlex.join(command_words(job.folder))
        ),
        measure.judge: gr.update(choices=judges, value=first or None, visible=len(judges) > 1),
        measure.empty: gr.update(visible=False),
    }
