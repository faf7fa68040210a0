"""The verb `compare`: judges side by side on the same rows, with paired tests."""

import argparse
from collections.abc import Iterator
from typing import Any

from analysis.commands_agree import add_runs
from analysis.comparison import Comparison, Comparisons, compare
from analysis.paired import PairedTest
from analysis.plain_values import write_json
from analysis.records import read_runs
from analysis.tell import NOTE, figures_grid, grid, reasons, words

TESTS = (
    "first less second, on the rows that both scored. p: sign-flip test of the figure named, whole videos swapped; "
    "Holm: corrected for all tests shown."
)


def add_verbs(verbs: Any) -> None:
    """The parser of `compare`."""
    compared = verbs.add_parser("compare", help="judges side by side on the same items, with paired tests")
    add_runs(compared)
    compared.add_argument(
        "--judge", action="append", default=[], metavar="LABEL", help="only this one, or a person; repeat it"
    )
    compared.add_argument("--baseline", metavar="LABEL", help="test the others against this judge alone")
    compared.set_defaults(run=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    found = compare(read_runs(arguments.runs), arguments.gold, arguments.judge, arguments.baseline)
    print("\n\n".join(compare_text(found)))
    if arguments.json:
        write_json(arguments.json, {"command": arguments.command, **found._asdict()})
    return 0


def compare_text(found: Comparisons) -> Iterator[str]:
    """A comparison, a block a question."""
    for title, part in (("Ratings", found.ratings), ("Preferences", found.preferences), ("Rankings", found.rankings)):
        if part:
            yield from _part(title, part)
    yield f"{NOTE}\n{TESTS}"


def _part(title: str, part: Comparison) -> Iterator[str]:
    lines = [f"{title} on the rows that all judges scored", figures_grid("", part.common)]
    yield "\n".join([*lines, *(f"  {line}" for line in reasons(part.common))])
    yield "\n".join(f"{name}: {coverage}" for name, coverage in part.coverage.items())
    for test in part.tests:
        yield _test(test)
    if part.note:
        yield part.note


def _test(test: PairedTest) -> str:
    columns = {
        "difference": {words(name): str(one) for name, one in test.differences.items()},
        "n": {words(name): str(one.n) for name, one in test.differences.items()},
        "left out": {words(name): str(one.left_out) for name, one in test.differences.items()},
        "p": {words(test.tested): _p(test.p)},
        "p (Holm)": {words(test.tested): _p(test.p_holm)},
    }
    return f"{test.first} less {test.second}\n" + grid("", columns, [words(name) for name in test.differences])


def _p(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
