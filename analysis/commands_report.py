"""The verb `report`: everything that is measured of some runs, as a page with figures and as JSON."""

import argparse
from typing import Any

from analysis.commands_agree import GOLD
from analysis.report import make_report
from workbench.store import new_run_folder


def add_verbs(verbs: Any) -> None:
    """The parser of `report`."""
    verb = verbs.add_parser("report", help="report.html with figures, and report.json with all numbers")
    verb.add_argument("runs", nargs="+", metavar="RUN", help="run folders; together they hold the judges and the gold")
    verb.add_argument("--gold", default="human", metavar="WHO", help=GOLD)
    verb.add_argument("--by", metavar="TAG", help="a tag of the items, to tell preferences by its values")
    verb.add_argument(
        "--out", metavar="DIR", help="folder for report.html and report.json (default: a new one in runs/)"
    )
    verb.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> int:
    folder = arguments.out or new_run_folder("runs", "report")
    written = make_report(arguments.runs, arguments.gold, arguments.by, folder, arguments.command)
    for section in written.sections:
        print(f"{section.title}\n  {section.answer or section.reading}")
    print(f"{written.html}\n{written.json}")
    return 0
