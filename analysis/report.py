"""The report of a meta-evaluation as a run folder: what the verb does, and the job that the Meta-eval tab starts.

DIR/report.html    one page that needs nothing else       DIR/report.json    all numbers
    sections.json  what the page shows of it              run.json, status.json    as of every run
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from analysis.findings import Findings, find_out
from analysis.kept_sections import Kept, keep_sections
from analysis.plain_values import write_json, write_whole
from analysis.report_page import report_html
from analysis.report_sections import PARTS, report_sections
from analysis.sections import Section
from workbench.errors import InputError
from workbench.store import Run


class Report(NamedTuple):
    """Where a report was written, and its sections."""

    html: Path
    json: Path
    sections: list[Section]


def make_report(folders: Sequence[str | Path], gold: str, by: str | None, out: str | Path, command: str = "") -> Report:
    """Measure some run folders and write what was found into a folder, over an earlier report.

    Raises InputError where `out` is a file or nothing can be measured, StoreError where it is another kind of run or
    somebody else is writing it.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise InputError(f"--out: {out} is a file; name a folder for report.html and report.json.")
    run = Run.create_or_resume(out, config={"report": 1}, command=command)
    with run.writing():
        run.note_command(command)

        def tell(done: int) -> None:
            run.set_status("running", done=done, total=len(PARTS), last_error=None)

        tell(0)
        found = find_out(folders, gold, by)
        report = _write(found, report_sections(found, tell), out, command)
        run.finish(done=len(PARTS), total=len(PARTS))
    return report


def _write(found: Findings, sections: list[Section], out: Path, command: str) -> Report:
    page, numbers = out / "report.html", out / "report.json"
    write_whole(page, report_html(sections, found.meta.gold, found.runs, command))
    write_json(numbers, report_numbers(found, sections, command))
    keep_sections(out, Kept(sections, len(found.meta.judges), found.meta.gold))
    return Report(page, numbers, sections)


def report_numbers(found: Findings, sections: list[Section], command: str) -> dict[str, Any]:
    """All numbers: what `agree`, `compare`, `calibrate` and `scale` find, and of each figure what is drawn in it."""
    figures = {
        one.key: [{"judge": drawn.judge, "reading": drawn.reading, "of": drawn.of, **drawn.info._asdict()} for drawn in one.drawn]
        for one in sections
    }  # fmt: skip
    return {
        "command": command, "runs": found.runs, "gold": found.meta.gold, "agreement": found.meta,
        "calibration": found.calibration, "scaling": found.scaling,
        "comparison": found.comparison, "no_comparison": found.no_comparison,
        "figures": figures,
    }  # fmt: skip
