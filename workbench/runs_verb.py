"""The options of the `runs` verb; runs_command.py does what they say."""

from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

EPILOG = """\
examples:
  python -m workbench runs                               what runs, waits and is over
  python -m workbench runs start -- python -m workbench judge --items answers.csv --out runs/answers
  python -m workbench runs stop answers                  within two seconds; a training saves first; one that waits leaves the line
  python -m workbench runs resume answers                asks for what is missing or failed
  python -m workbench runs log answers
  python -m workbench runs queue --places 2              how many may be on the accelerator at a time
"""


def add_verb(verbs: Any) -> None:
    """Add the verb to those of `python -m workbench`."""
    runs = verbs.add_parser("runs", help="detached runs: list, start, stop, resume; the queue", epilog=EPILOG,
                            formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False)  # fmt: skip
    runs.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="DIR", help="folder of the runs (default: runs)"
    )
    does = runs.add_subparsers(dest="does", metavar="WHAT")
    listed = does.add_parser("list", help="what runs, waits and is over (what `runs` alone does)", allow_abbrev=False)
    listed.add_argument(
        "--past", type=int, default=20, metavar="N", help="so many that are over (default: %(default)s)"
    )
    for name, help in (("stop", "end a run, or take it out of the line"), ("resume", "go on with a run"),
                       ("log", "the end of a run's output")):  # fmt: skip
        does.add_parser(name, help=help, allow_abbrev=False).add_argument("run", metavar="RUN", help="its name")
    start = does.add_parser("start", help="start a command as a detached run, in line for the accelerator")
    start.add_argument("words", nargs="+", metavar="WORD", help="the command, after --: python -m workbench judge ...")
    queue = does.add_parser("queue", help="who is on the accelerator, who waits, and the limits", allow_abbrev=False)
    queue.add_argument("--places", type=int, metavar="N", help="let so many be on it at a time, from now on")
    queue.add_argument("--waiting", type=int, metavar="N", help="let so many jobs wait, from now on")
