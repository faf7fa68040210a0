"""The verb `score-only`: how far a judge's verdicts without a reply agree with its reasoned ones, with intervals."""

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from analysis.estimate import Estimate, mean_estimate, numbered
from analysis.plain_values import write_json
from analysis.records import item_facts
from analysis.tell import NOTE, figures_grid
from workbench.backends.judge_file import JudgeFile, read_judge_file, write_judge_file
from workbench.errors import InputError
from workbench.schema import Item, Judgment
from workbench.score_only import both_ways
from workbench.store import Run

EQUAL, APART = "equal verdicts", "apart"


def add_verbs(verbs: Any) -> None:
    """The parser of `score-only`."""
    verb = verbs.add_parser("score-only", help="verdicts without a reply beside the same judge's reasoned ones")
    verb.add_argument("runs", nargs="+", metavar="RUN", help="run folders that hold both, of the same items")
    verb.add_argument(
        "--into", metavar="CHECKPOINT", help="write the sentence into the judge.json there; pages show it"
    )
    verb.add_argument("--json", metavar="FILE", help="write everything as JSON too")
    verb.set_defaults(run=_score_only)


def _score_only(arguments: argparse.Namespace) -> int:
    runs = [Run.open(folder) for folder in arguments.runs]
    items = {id: item for run in runs for id, item in run.items().items()}
    found = fast_agreement(items, (judgment for run in runs for judgment in run.judgments()))
    print(figures_grid("", found))
    print(NOTE)
    if arguments.json:
        write_json(arguments.json, {"command": arguments.command, "judges": found})
    if arguments.into:
        if len(found) > 1:
            raise InputError(f"--into: got verdicts of {len(found)} judges, expected one: name the runs of that judge.")
        (figures,) = found.values()
        told = write_judge_file(Path(arguments.into), _with_sentence(Path(arguments.into), sentence(figures)))
        print(f"written: {told}", file=sys.stderr)
    return 0


def _with_sentence(folder: Path, told: str) -> JudgeFile:
    return replace(read_judge_file(folder) or JudgeFile(), score_only=told)


def fast_agreement(items: Mapping[str, Item], judgments: Iterable[Judgment]) -> dict[str, dict[str, Estimate]]:
    """For each judge the share of equal verdicts and, of scores, their mean distance; intervals draw whole videos.

    Raises InputError where no judge has verdicts of both kinds.
    """
    found = {}
    for judge, both in both_ways(judgments).items():
        pairs = [(one, other) for one, other in both if other is not None]
        if not pairs:
            continue
        videos = numbered([item_facts(items[one.item]).video for one, _ in pairs])
        left_out = len(both) - len(pairs)
        equal = [float((one.score, one.choice) == (other.score, other.choice)) for one, other in pairs]
        found[judge] = {EQUAL: mean_estimate(equal, videos, left_out)}
        if all(one.score is not None and other.score is not None for one, other in pairs):
            apart = [abs(one.score - other.score) for one, other in pairs]
            found[judge][APART] = mean_estimate(apart, videos, left_out)
    if not found:
        raise InputError(
            "got no verdicts of both kinds, expected a run in which a judge scored some items with --score-only and "
            "without: judge them twice into one run."
        )
    return found


def sentence(figures: Mapping[str, Estimate]) -> str:
    """What a page says beside the fast mode: the share with n and interval, and the mean distance."""
    equal, apart = figures[EQUAL], figures.get(APART)
    between = "" if equal.low is None else f", 95 % interval {equal.low:.0%} to {equal.high:.0%}"
    distance = "" if apart is None else f"; on average they are {apart.value:.2f} apart"
    return (
        f"Measured: {equal.value:.0%} of {equal.n} fast ratings, on {equal.videos} videos, equal the reasoned ones"
        f"{between}{distance}."
    )
