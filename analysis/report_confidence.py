"""Sections of a report about confidence, and paired tests between judges."""

from collections.abc import Iterator, Sequence

from analysis.comparison import Comparison
from analysis.figures import (
    forest_figure,
    forest_info,
)
from analysis.figures_confidence import reliability_figure, reliability_info, risk_figure, risk_info
from analysis.findings import Findings
from analysis.paired import PairedTest
from analysis.sections import Drawn, Section, counted, forest, table
from analysis.tell import reasons, words

SURE = 0.9
RANKS = "spearman"


def confidence(found: Findings) -> Iterator[Section]:
    for kind, what in (("ratings", "rating"), ("choices", "choice")):
        parts = {name: part.confidence for name, judge in found.calibration.items() if (part := getattr(judge, kind))}
        known = {name: one for name, one in parts.items() if one}
        if not known:
            continue
        figures = {name: {"ece": one.ece, "brier": one.brier, "aurc": one.curve.aurc, "wrong": one.curve.risk,
                          **({"ranked_probability": one.ranked_probability} if one.ranked_probability else {})}
                   for name, one in known.items()}  # fmt: skip
        drawn = [Drawn(name, reliability_info(name, one), reliability_figure, "Verdicts by how sure the judge was: on the dotted "
                       "line it is as often right as it is sure; below, it is too sure. Larger points hold more verdicts; "
                       "whiskers are 95 % intervals that draw whole videos.", counted([one.ece]))
                 for name, one in known.items()]  # fmt: skip
        risk = risk_info("Wrong verdicts when the unsure ones are left out", known)
        drawn.append(Drawn("", risk, risk_figure, "Going left, only the surest verdicts are kept. A line that falls to the left "
                           "means that confidence tells right from wrong. The area under it carries its 95 % interval.",
                           counted(one.ece for one in known.values())))  # fmt: skip
        header, rows = table(figures)
        silent = [name for name in parts if name not in known]
        notes = [f"Without probabilities: {', '.join(silent)}."] if silent else []
        notes += [f"{name}: {len(one.sure_errors)} of {one.n} wrong at a confidence of {SURE:.0%} or more."
                  for name, one in known.items()]  # fmt: skip
        yield Section(f"confidence-{kind}", f"Is it as sure of a {what} as it should be?", "Confidence is the largest "
                      "probability among the answers on the menu.", "Calibration", "", (*notes, *reasons(figures)), header,
                      rows, tuple(drawn))  # fmt: skip


def comparisons(found: Findings) -> Iterator[Section]:
    if found.comparison is not None:
        yield from comparison_sections(found.comparison)
    else:
        yield Section("comparison", "Is one judge better than another?", found.no_comparison, "Intervals and tests", "", (),
                      (), (), ())  # fmt: skip


def comparison_sections(comparisons) -> Iterator[Section]:
    """Paired tests of ratings, preferences and rankings, where there are any."""
    for key in ("ratings", "preferences", "rankings"):
        part = getattr(comparisons, key)
        if part is not None:
            yield _comparison(key, part)


def _comparison(key: str, part: Comparison) -> Section:
    tested = part.tests[0].tested if part.tests else next(iter(next(iter(part.common.values()))))
    untested = [test for test in part.tests if test.differences[tested].value is None and RANKS in test.differences]
    names = list(part.tests[0].differences) if part.tests else []
    rows = tuple((f"{test.first} less {test.second}", str(test.differences[names[0]].n), str(test.differences[names[0]].left_out),
                  *(str(test.differences[name]) for name in names), _p(test.p), _p(test.p_holm))
                 for test in part.tests)  # fmt: skip
    drawn = () if part.tests and len(untested) == len(part.tests) else _drawn(part, tested, key)
    drawn += _drawn(part, RANKS, key) if untested else ()
    notes = [f"{name}, on the rows that all scored: {', '.join(f'{words(figure)} {one}' for figure, one in figures.items())}"
             for name, figures in part.common.items()]  # fmt: skip
    return Section(
        f"comparison-{key}", f"Is one judge better than another? ({key})",
        f"p is of a sign-flip test of {words(tested)} that swaps whole videos; Holm corrects it for the number of tests.",
        "Intervals and tests", part.note or _answer(part.tests, tested, untested), tuple(notes),
        ("judges", "n", "left out", *map(words, names), "p", "p (Holm)"), rows, drawn,
    )  # fmt: skip


def _drawn(part: Comparison, figure: str, key: str) -> tuple[Drawn, Drawn]:
    """A figure of each judge, and its differences."""
    best = "high" if key == "preferences" or figure == RANKS else "low"
    differences = {f"{test.first} − {test.second}": test.differences[figure] for test in part.tests}
    return (
        forest(figure, part.common, f"{words(figure).capitalize()} on the rows that all of these judges scored.", best),
        Drawn("", forest_info(f"Difference in {words(figure)}", differences, "zero", 0.0), forest_figure,
              "First judge less second, on the rows that both scored. An interval that leaves out 0 (dotted) is a difference "
              "that other videos would show too. Whiskers: 95 % intervals that draw the same videos for both.",
              counted(differences.values())),
    )  # fmt: skip


def _answer(tests: Sequence[PairedTest], tested: str, untested: Sequence[PairedTest]) -> str:
    """What the tests say; of judges on scales of their own, which have no errors to test, the intervals of their order."""
    sure = [test.p_holm < 0.05 for test in tests if test.p_holm is not None]
    said = (f"{sum(sure) or 'None'} of {len(sure)} differences in {words(tested)} {'is' if sum(sure) == 1 else 'are'} beyond "
            "chance (p after Holm below 0.05).")  # fmt: skip
    parts = [said] if sure or not untested else []
    ranks = [test.differences[RANKS] for test in untested]
    apart = [one for one in ranks if one.low is not None and (one.low > 0 or one.high < 0)]
    if len(untested) == 1:
        (test,), (one,) = untested, ranks
        whether = "leaves out" if apart else "holds"
        shown = f"; its interval {whether} 0." if one.low is not None else "."
        parts.append(f"On scales of their own, {test.first} less {test.second} in rank correlation: {one}{shown}")
    elif untested:
        parts.append(f"On scales of their own, {len(apart) or 'none'} of {len(ranks)} differences in rank correlation "
                     f"{'has' if len(apart) == 1 else 'have'} an interval that leaves out 0.")  # fmt: skip
    return " ".join(parts)


def _p(value: float | None) -> str:
    return "none" if value is None else "<0.0001" if value < 0.0001 else f"{value:.4f}"
