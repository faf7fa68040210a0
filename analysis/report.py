"""The report of a meta-evaluation as a folder: report.html, which needs nothing else, and report.json with all numbers."""

from pathlib import Path
from typing import Any, NamedTuple

from analysis.findings import Findings
from analysis.plain_values import write_json
from analysis.report_page import report_html
from analysis.report_sections import report_sections
from analysis.sections import Section
from workbench.errors import InputError


class Report(NamedTuple):
    """Where a report was written, and its sections."""

    html: Path
    json: Path
    sections: list[Section]


def write_report(found: Findings, out: str | Path, command: str = "") -> Report:
    """Write both files into a folder, over those of an earlier report. Raises InputError where `out` is a file."""
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise InputError(f"--out: {out} is a file; name a folder for report.html and report.json.")
    out.mkdir(parents=True, exist_ok=True)
    sections = report_sections(found)
    page, numbers = out / "report.html", out / "report.json"
    page.write_text(report_html(sections, found.meta.gold, found.runs, command), encoding="utf-8", errors="replace")
    write_json(numbers, report_numbers(found, sections, command))
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
