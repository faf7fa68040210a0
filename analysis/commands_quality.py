"""The verb `quality`: SRCC and PLCC of quality judges against mean opinion scores."""

import argparse
from typing import Any

from analysis.commands_agree import add_runs
from analysis.plain_values import write_json
from analysis.quality import QualityAgreement, quality_agreement
from analysis.records import judge_columns, read_runs
from analysis.tell import NOTE, figures_grid


def add_verbs(verbs: Any) -> None:
    """The parser of `quality`."""
    quality = verbs.add_parser("quality", help="quality scores beside mean opinion scores: SRCC and PLCC by dimension")
    add_runs(quality)
    quality.set_defaults(run=_quality)


def _quality(arguments: argparse.Namespace) -> int:
    records = read_runs(arguments.runs)
    found = quality_agreement(records, judge_columns(records, arguments.gold), arguments.gold)
    for dimension in dict.fromkeys(name for judge in found.values() for name in judge):
        judges = {judge: dimensions[dimension] for judge, dimensions in found.items() if dimension in dimensions}
        figures = {judge: {"SRCC": one.srcc, "PLCC": one.plcc} for judge, one in judges.items()}
        print(figures_grid(dimension, figures, {judge: one.coverage for judge, one in judges.items()}))
        print("\n".join(_graded(judge, one) for judge, one in judges.items()) + "\n")
    print(NOTE)
    if arguments.json:
        write_json(arguments.json, {"command": arguments.command, "judges": found})
    return 0


def _graded(judge: str, one: QualityAgreement) -> str:
    if one.raw:
        return f"  {judge}: scores as they were given, for they are no levels from 1 to 5"
    return f"  {judge}: {one.graded} of {one.srcc.n} scores from level probabilities, the others from the level alone"
