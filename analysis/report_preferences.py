"""Sections of a report about preferences, who wins, and rankings."""

from collections.abc import Iterator

from analysis.estimate import Estimate
from analysis.figures import (
    counts,
    forest_figure,
    forest_info,
)
from analysis.findings import Findings
from analysis.sections import Drawn, Section, best_of, counted, forest, table
from analysis.tell import reasons


def preferences(found: Findings) -> Iterator[Section]:
    paired = {name: judge.preferences for name, judge in found.meta.judges.items() if judge.preferences}
    if not paired:
        return
    figures = {name: one.figures for name, one in paired.items()}
    coverage = {name: one.coverage for name, one in paired.items()}
    header, rows = table(figures, coverage)
    drawn = (
        forest("accuracy", figures, "Share of verdicts equal to the gold choice; a tie is not right. Guessing gets one half "
               "(dotted).", "high", 0.5, coverage),
        forest("consistent_accuracy", figures, "Share of pairs that are right in both orders. Guessing gets a quarter (dotted).",
               "high", 0.25, coverage),
        forest("position_bias", figures, "How much more often than one half the response shown first wins: right of the dotted "
               "line the judge favours the first, left of it the second.", "zero", 0.0, coverage),
    )  # fmt: skip
    notes = [f"{name}: {one}" for name, one in coverage.items()]
    notes += [f"{name}: of pairs also rated apart, the ratings by {points} contradict {versus.contradicted} "
              f"(n {versus.contradicted.n})"
              for name, one in paired.items() for points, versus in one.point_versus_pair.items()]  # fmt: skip
    yield Section("preferences", "Does it prefer what people prefer?", "Each pair is asked in both orders. A verdict that "
                  "changes with the order is inconsistent: no preference, and never half a win.", "Preferences",
                  best_of(drawn[0].info, "accuracy"), (*notes, *reasons(figures)), header, rows, drawn)  # fmt: skip


def dimensions(found: Findings) -> Iterator[Section]:
    by_value = {
        name: {"overall": one.overall, "macro": one.macro, **one.by_value}
        for name, judge in found.meta.judges.items() if judge.preferences and (one := judge.preferences.dimensions)
    }  # fmt: skip
    if by_value:
        header, rows = table(by_value)
        drawn = forest(
            "macro", by_value, "Mean of the accuracies by dimension: every dimension counts alike.", "high", 0.5
        )
        yield Section("dimensions", "On which dimensions is it right?", "Overall counts every verdict alike, macro every "
                      "dimension.", "Preferences", "", tuple(reasons(by_value)), header, rows, (drawn,))  # fmt: skip


def standings(found: Findings) -> Iterator[Section]:
    for name, judge in found.meta.judges.items():
        lines = judge.preferences.standings if judge.preferences else []
        if not lines:
            continue
        drawn = [
            Drawn(name, forest_info(title, {line.name: getattr(line, field) for line in lines}, "high", 1000.0, strength),
                  forest_figure, f"{title} of each competitor: 400 more means ten times the odds of winning; 1000 (dotted) is "
                  "the middle. Whiskers: 95 % intervals that draw whole videos.",
                  counted(getattr(line, field) for line in lines))
            for field, title in (("bradley_terry", "Bradley-Terry strength"), ("elo", "Elo rating"))
        ]  # fmt: skip
        rows = tuple((line.name, str(line.games), str(line.wins), str(line.ties), rating(line.bradley_terry), rating(line.elo))
                     for line in lines)  # fmt: skip
        yield Section(f"standings-{name}", f"Who wins, by {name}?", "Competitors are the items' tags model_a and model_b. A tie "
                      "is half a win for both; inconsistent pairs are no games.", "Preferences", "", (),
                      ("competitor", "games", "wins", "ties", "Bradley-Terry", "Elo"), rows, tuple(drawn))  # fmt: skip


def rating(one: Estimate) -> str:
    """A strength, in whole points."""
    if one.value is None:
        return "none"
    return f"{one.value:.0f}" + ("" if one.low is None else f" [{one.low:.0f}, {one.high:.0f}]")


def strength(one: Estimate) -> str:
    """The same with what it is of."""
    return rating(one) + counts(one)


def rankings(found: Findings) -> Iterator[Section]:
    ranked = {name: judge.rankings for name, judge in found.meta.judges.items() if judge.rankings}
    if ranked:
        header, rows = table(ranked)
        drawn = forest(
            "edit_distance", ranked, "Distance from the gold order, over its length: 0 is the same order.", "low"
        )
        yield Section("rankings", "Does it rank as people do?", "Rankings of three or more responses beside the gold ones.",
                      "Preferences", best_of(drawn.info, "edit distance"), tuple(reasons(ranked)), header, rows,
                      (drawn,))  # fmt: skip
