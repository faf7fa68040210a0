"""The verb `calibrate`: is a judge as sure as it should be, when to abstain, and maps to people's ratings."""

import argparse
import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from analysis.calibrate import NO_PROBS, Confidence, JudgeCalibration, calibrate
from analysis.commands_agree import add_runs
from analysis.estimate import Estimate
from analysis.plain_values import write_json
from analysis.recalibration import Recalibrated
from analysis.records import Records, judge_columns, read_runs
from analysis.tell import NOTE, figures_grid, grid, reasons, share, told
from workbench.errors import InputError

LISTED = 10
COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.25, 0.1)


def add_verbs(verbs: Any) -> None:
    """The parser of `calibrate`."""
    verb = verbs.add_parser("calibrate", help="confidence against correctness, abstaining, maps to people's ratings")
    add_runs(verb)
    verb.add_argument(
        "--risk", type=float, metavar="R", help="find the confidence at which a share of R verdicts is wrong"
    )
    verb.add_argument("--map", action="append", default=[], choices=("isotonic", "ordinal"), dest="maps",
                      help="fit a map from scores to gold ratings; repeat it for both")  # fmt: skip
    verb.add_argument("--scores", metavar="FILE", help="with --map: every score, raw and mapped, as CSV")
    verb.set_defaults(run=_calibrate)


def _calibrate(arguments: argparse.Namespace) -> int:
    if arguments.risk is not None and not 0 <= arguments.risk <= 1:
        raise InputError(f"--risk: got {arguments.risk}, expected a share from 0 to 1.")
    if arguments.scores and not arguments.maps:
        raise InputError("--scores: got no --map with it; say which map the scores go through, e.g. --map isotonic.")
    records = read_runs(arguments.runs)
    found = calibrate(records, arguments.gold, arguments.maps, arguments.risk)
    print("\n\n".join([*calibrate_text(found), NOTE]))
    if arguments.json:
        write_json(arguments.json, {"command": arguments.command, "gold": arguments.gold, "judges": found})
    if arguments.scores:
        _write_scores(Path(arguments.scores), records, arguments.gold, found)
    return 0


def _write_scores(path: Path, records: Records, gold: str, found: Mapping[str, JudgeCalibration]) -> None:
    """Every score of the judges that have a map, also of items without a gold rating: raw first, mapped beside it."""
    columns = judge_columns(records, gold)
    mapped = {name: judge.ratings.maps for name, judge in found.items() if judge.ratings and judge.ratings.maps}
    kinds = list(dict.fromkeys(kind for maps in mapped.values() for kind in maps))
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["judge", "item", "sample", "raw_score", *kinds])
        for name, maps in mapped.items():
            for verdict in records.of([columns[name]]):
                if verdict.score is not None:
                    values = (float(maps[kind].fitted.apply(verdict.score)) if kind in maps else "" for kind in kinds)
                    rows.writerow([name, verdict.item, verdict.sample, verdict.score, *values])


def calibrate_text(found: Mapping[str, JudgeCalibration]) -> Iterator[str]:
    """The calibration of every judge, a block a question."""
    for name, judge in found.items():
        if judge.ratings:
            one = judge.ratings
            yield f"{name}: ratings ({one.coverage})\nrating ECE {told(one.rating_ece, with_n=True)}"
            if one.readings:
                yield "\n".join(["The score as written, the likeliest, the expected one", figures_grid("", one.readings),
                                 *(f"  {line}" for line in reasons(one.readings))])  # fmt: skip
            yield from _confidence(one.confidence)
            for kind, fitted in one.maps.items():
                yield _map(kind, fitted)
        if judge.choices:
            yield f"{name}: choices ({judge.choices.coverage})"
            yield from _confidence(judge.choices.confidence)


def _confidence(one: Confidence | None) -> Iterator[str]:
    if one is None:
        yield f"Confidence: none; {NO_PROBS}, or is on another scale"
        return
    figures = {"ECE": one.ece, "Brier": one.brier, "wrong": one.curve.risk, "AURC (wrong)": one.curve.aurc}
    figures |= {"ranked probability": one.ranked_probability} if one.ranked_probability else {}
    if one.error_curve:
        figures |= {"mean error": one.error_curve.risk, "AURC (error)": one.error_curve.aurc}
    yield f"Confidence\n{figures_grid('', {'': figures})}"
    yield "Reliability\n" + _reliability(one)
    yield "Keeping only what is surest\n" + _kept(one)
    if one.abstention:
        yield _abstention(one)
    if one.sure_errors:
        lines = [
            f"  item {e.item} sample {e.sample}: {e.said} at {e.confidence:.3f}, gold {e.gold}" for e in one.sure_errors
        ]
        more = [f"  and {len(lines) - LISTED} more; --json lists all"] if len(lines) > LISTED else []
        yield "\n".join([f"Wrong at high confidence: {len(lines)}", *lines[:LISTED], *more])


def _reliability(one: Confidence) -> str:
    names = [f"{each.low:.1f} to {each.high:.1f}" for each in one.bins]
    columns = {
        "n": {name: str(each.accuracy.n) for name, each in zip(names, one.bins, strict=True)},
        "mean confidence": {name: f"{each.confidence:.3f}" for name, each in zip(names, one.bins, strict=True)},
        "right": {name: str(each.accuracy) for name, each in zip(names, one.bins, strict=True)},
    }
    return grid("confidence", columns, names)


def _kept(one: Confidence) -> str:
    """The curve at a few coverages: the nearest that a threshold reaches from below."""
    shown = {}
    for coverage in COVERAGES:
        reached = [point for point in one.curve.points if point.coverage <= coverage + 1e-9]
        if reached:
            shown[reached[-1]] = None
    names = [share(point.coverage) for point in shown]
    columns = {"confidence from": {share(point.coverage): f"{point.threshold:.3f}" for point in shown},
               "wrong": {share(point.coverage): share(point.risk) for point in shown}}  # fmt: skip
    return grid("kept", columns, list(dict.fromkeys(names)))


def _abstention(one: Confidence) -> str:
    found = one.abstention
    if found.threshold is None:
        return f"No confidence keeps the share of wrong verdicts at {share(found.target)} or below."
    figures = {"kept": found.coverage, "wrong": found.risk, "kept, held-out videos": found.held_out_coverage,
               "wrong, held-out videos": found.held_out_risk}  # fmt: skip
    lines = [f"Abstain below {found.threshold:.3f} for {share(found.target)} wrong", figures_grid("", {"": figures})]
    return "\n".join([*lines, *(f"  {line}" for line in reasons({"": figures}))])


def _map(kind: str, one: Recalibrated) -> str:
    shown: dict[str, dict[str, Estimate]] = {"raw": one.raw, f"{kind} map, held-out videos": one.mapped,
                                             "difference": {name: one.test.differences[name] for name in one.raw
                                                            if name in one.test.differences}}  # fmt: skip
    points = list(zip(one.fitted.scores, one.fitted.ratings, strict=True))
    told_points = ", ".join(f"{score:g} -> {rating:.2f}" for score, rating in points[:: max(1, len(points) // 10)])
    head = f"{kind.capitalize()} map, fitted on {one.fitted.n} rows of {one.fitted.videos} videos: {told_points}"
    return f"{head}\n{figures_grid('', shown)}"
