"""Sections of a report about calibration: what ratings are worth as numbers, which reading of them, maps, abstaining."""

from collections.abc import Iterator, Mapping

from analysis.calibrate import NO_PROBS, RatingCalibration
from analysis.estimate import Estimate
from analysis.figures import forest_figure, forest_info
from analysis.findings import Findings
from analysis.recalibration import Recalibrated
from analysis.sections import INTERVALS, Drawn, Section, counted, table
from analysis.selective import Abstention
from analysis.tell import reasons, share

MOST_POINTS = 10  # of a map that are told


def calibration(found: Findings) -> Iterator[Section]:
    """Rating ECE of every judge that rates, with or without probabilities."""
    rated = _rated(found)
    if not rated:
        return
    figures = {name: {"rating_ECE": one.rating_ece} for name, one in rated.items()}
    coverage = {name: one.coverage for name, one in rated.items()}
    info = forest_info("Rating ECE", {name: one.rating_ece for name, one in rated.items()}, "low")
    of = counted((one.rating_ece for one in rated.values()), coverage.values())
    drawn = Drawn("", info, forest_figure, "How far the mean gold rating of what a judge rates alike is from that rating, in "
                  f"rating points: less is better. {INTERVALS}", of)  # fmt: skip
    silent = ", ".join(name for name, one in rated.items() if one.confidence is None)
    notes = [f"Nothing to tell of its confidence, for {NO_PROBS} or is on another scale: {silent}."] if silent else []
    header, rows = table(figures, coverage)
    yield Section("calibration", "Does a rating mean what it means to people?", "A judge whose fours are people's threes can be "
                  "right about the order and wrong about every number. Probabilities are not needed for this.", "Calibration",
                  "", (*notes, *reasons(figures)), header, rows, (drawn,))  # fmt: skip


def readings(found: Findings) -> Iterator[Section]:
    """The score as written, the likeliest and the expected one, of judges with probabilities."""
    rated = {name: one.readings for name, one in _rated(found).items() if one.readings}
    if not rated:
        return
    drawn = tuple(_reading(name, ways) for name, ways in rated.items())
    told = {f"{name}, {way}": figures for name, ways in rated.items() for way, figures in ways.items()}
    header, rows = table(told)
    yield Section("readings", "Is the expected score better than the one written?", "From probabilities over the levels come two "
                  "more scores: the likeliest level (argmax) and the expected one (the mean). All three on the same rows.",
                  "Calibration", "", tuple(reasons(told)), ("judge, score", *header[1:]), rows, drawn)  # fmt: skip


def _reading(name: str, ways: Mapping[str, Mapping[str, Estimate]]) -> Drawn:
    errors = {way: figures["mae"] for way, figures in ways.items()}
    return Drawn(name, forest_info(f"Mean absolute error, {name}", errors, "low"), forest_figure,
                 f"Mean distance from the gold rating, in rating points: less is better. {INTERVALS}",
                 counted(errors.values()))  # fmt: skip


def maps(found: Findings) -> Iterator[Section]:
    """Scores through a map fitted on other videos, always beside the raw ones."""
    fitted = {name: one.maps for name, one in _rated(found).items() if one.maps}
    if not fitted:
        return
    drawn, told, notes = [], {}, []
    for name, by_kind in fitted.items():
        raw = next(iter(by_kind.values())).raw
        shown = {"raw": raw} | {f"{kind} map, held-out videos": one.mapped for kind, one in by_kind.items()}
        told |= {f"{name}, {way}": figures for way, figures in shown.items()}
        told |= {f"{name}, {kind} map less raw": _difference(one) for kind, one in by_kind.items()}
        notes += [f"{name}, {kind} map, fitted on {one.fitted.n} rows: {_points(one)}" for kind, one in by_kind.items()]
        errors = {way: figures["mae"] for way, figures in shown.items()}
        drawn.append(Drawn(name, forest_info(f"Mean absolute error, {name}", errors, "low"), forest_figure,
                           "The raw score beside what maps make of it on videos that took no part in fitting them. "
                           f"{INTERVALS}", counted(errors.values())))  # fmt: skip
    header, rows = table(told)
    yield Section("maps", "What would a map to people's ratings mend?", "A map takes a score to the rating that people are "
                  "expected to give. It mends what is always off in one way, and changes no order but for ties; a score that was "
                  "mapped is never told without the raw one.", "Calibration", "", (*notes, *reasons(told)),
                  ("judge, score", *header[1:]), rows, tuple(drawn))  # fmt: skip


def _difference(one: Recalibrated) -> dict[str, Estimate]:
    return {figure: one.test.differences[figure] for figure in one.raw if figure in one.test.differences}


def _points(one: Recalibrated) -> str:
    points = list(zip(one.fitted.scores, one.fitted.ratings, strict=True))
    return ", ".join(f"{score:g} → {rating:.2f}" for score, rating in points[:: -(-len(points) // MOST_POINTS)])


def abstaining(found: Findings) -> Iterator[Section]:
    """From which confidence on verdicts are wrong no more often than aimed at, chosen and held out."""
    for kind, what in (("ratings", "rating"), ("choices", "choice")):
        parts = {name: part.confidence for name, judge in found.calibration.items() if (part := getattr(judge, kind))}
        known = {name: one.abstention for name, one in parts.items() if one and one.abstention}
        if known:
            yield _abstaining(kind, what, known)


def _abstaining(kind: str, what: str, judges: Mapping[str, Abstention]) -> Section:
    target = share(next(iter(judges.values())).target)
    rows = tuple(
        (name, str(one.coverage.n), "none" if one.threshold is None else f"{one.threshold:.3f}",
         *map(str, (one.coverage, one.risk, one.held_out_coverage, one.held_out_risk))) for name, one in judges.items()
    )  # fmt: skip
    never = [name for name, one in judges.items() if one.threshold is None]
    notes = [f"No confidence keeps the share of wrong verdicts at {target}: {', '.join(never)}."] if never else []
    return Section(f"abstaining-{kind}", f"When should it keep a {what} to itself?", f"The lowest confidence from which on at most "
                   f"{target} of the verdicts are wrong. Held out: chosen on four fifths of the videos, measured on the fifth, "
                   "which is what to expect of new ones.", "Calibration", "", tuple(notes),
                   ("judge", "n", "abstain below", "kept", "wrong", "kept, held out", "wrong, held out"), rows, ())  # fmt: skip


def _rated(found: Findings) -> dict[str, RatingCalibration]:
    return {name: judge.ratings for name, judge in found.calibration.items() if judge.ratings}
