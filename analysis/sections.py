"""Findings as sections, a question each: how to read it, the answer, figures with captions, and the numbers as a table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from analysis.estimate import Estimate
from analysis.figures import Best, ForestInfo, forest_figure, forest_info
from analysis.tell import share, words

NAMES = {"mae": "Mean absolute error", "spearman": "Spearman's rank correlation", "psup": "PSup", "bias": "Leniency bias",
         "macro": "Macro accuracy", "edit_distance": "Normalised edit distance"}  # fmt: skip
INTERVALS = "Whiskers: 95 % intervals that draw whole videos."


class Drawn(NamedTuple):
    """One figure: its info, what draws it, how to read it, and what it is of. `judge` is "" for a figure of all judges."""

    judge: str
    info: Any
    draw: Callable[[Any], Any]
    reading: str
    of: str


class Section(NamedTuple):
    """One question. `defined` is the heading of docs/statistics.md with the definitions; `notes` say what was left out.

    The first cell of a row names it.
    """

    key: str
    title: str
    reading: str
    defined: str
    answer: str
    notes: tuple[str, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    drawn: tuple[Drawn, ...]


def forest(
    name: str, judges: Mapping[str, Mapping[str, Estimate]], reading: str, best: Best, mark: float | None = None,
    coverage: Mapping[str, Any] | None = None,
) -> Drawn:  # fmt: skip
    """A forest plot of one figure that judges have."""
    estimates = {judge: figures[name] for judge, figures in judges.items() if name in figures}
    info = forest_info(NAMES.get(name, words(name).capitalize()), estimates, best, mark)
    of = counted(estimates.values(), (coverage or {}).values())
    return Drawn("", info, forest_figure, f"{reading} {INTERVALS}", of + _missing(info))


def _missing(info: ForestInfo) -> str:
    return f" Without a value: {'; '.join(info.missing)}." if info.missing else ""


def counted(estimates: Iterable[Estimate], coverages: Iterable[Any] = ()) -> str:
    """Rows and coverage of some estimates: "n 37 to 40; coverage 92.5% to 100.0%."."""
    estimates = list(estimates)
    if not estimates:
        return "n 0."
    counts = [one.n for one in estimates]
    shares = [one.share for one in coverages] or [one.coverage for one in estimates]
    known = [one for one in shares if one is not None]
    covered = f"; coverage {_span([share(min(known)), share(max(known))])}" if known else ""
    return f"n {_span([str(min(counts)), str(max(counts))])}{covered}."


def _span(ends: Sequence[str]) -> str:
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def best_of(info: ForestInfo, what: str) -> str:
    """The judge on top, in a sentence; where its interval is not known to be apart from the next one's, a caution."""
    if not info.rows:
        return f"No judge has a {what} here."
    first = info.rows[0]
    said = f"Best {what}: {first.label}, {first.told}."
    if len(info.rows) == 1:
        return said
    second = info.rows[1]
    without = [row.label for row in (first, second) if not row.sure]
    if without:
        return f"{said} How sure that is cannot be told: there is no interval for {' and '.join(without)}."
    apart = first.low > second.high or first.high < second.low
    return said + ("" if apart else f" Its interval overlaps that of {second.label}; the paired tests below say more.")


def table(
    judges: Mapping[str, Mapping[str, Estimate]], coverage: Mapping[str, Any] | None = None
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Header and rows: a judge a row, a figure a column, n and coverage first."""
    names = list(dict.fromkeys(name for figures in judges.values() for name in figures))
    rows = []
    for judge, figures in judges.items():
        largest = max(figures.values(), key=lambda one: one.n)
        covered = coverage[judge].share if coverage else largest.coverage
        cells = (_cell(figures[name], largest.n) if name in figures else "" for name in names)
        rows.append((judge, str(largest.n), str(largest.left_out), share(covered), *cells))
    return ("judge", "n", "left out", "coverage", *map(words, names)), tuple(rows)


def _cell(one: Estimate, n: int) -> str:
    return str(one) if one.n == n else f"{one} (n {one.n})"
