"""The verb `agree`: how far judges agree with gold labels."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from analysis.agreement import RatingErrors
from analysis.estimate import Estimate
from analysis.meta_evaluation import Annotators, MetaEvaluation, Preferences, Ratings, meta_evaluate
from analysis.plain_values import write_json
from analysis.records import read_runs
from analysis.tell import NOTE, figures_grid, grid, reasons, share, told, words

LISTED = 5  # contradictions that are listed one by one
GOLD = "human (all people), target, or a judge's name (default: %(default)s)"


def add_verbs(verbs: Any) -> None:
    """The parser of `agree`."""
    agree = verbs.add_parser("agree", help="ratings, preferences and rankings of judges beside gold labels")
    add_runs(agree)
    agree.add_argument("--by", metavar="TAG", help="a tag of the items, to tell preferences by its values")
    agree.set_defaults(run=_agree)


def add_runs(verb: argparse.ArgumentParser) -> None:
    """The arguments that every verb over runs has: the run folders, the gold judge, the JSON file."""
    verb.add_argument("runs", nargs="+", metavar="RUN", help="run folders; together they hold the judges and the gold")
    verb.add_argument("--gold", default="human", metavar="WHO", help=GOLD)
    verb.add_argument("--json", metavar="FILE", help="write everything as JSON too")


def _agree(arguments: argparse.Namespace) -> int:
    found = meta_evaluate(read_runs(arguments.runs), arguments.gold, arguments.by)
    print("\n\n".join(agree_text(found)))
    if arguments.json:
        write_json(arguments.json, {"command": arguments.command, **found._asdict()})
    return 0


def agree_text(found: MetaEvaluation) -> Iterator[str]:
    """A meta-evaluation, a block a question."""
    if found.annotators:
        yield from _annotators(found.annotators)
    rated = {name: judge.ratings for name, judge in found.judges.items() if judge.ratings}
    if rated:
        yield from _ratings(rated)
    paired = {name: judge.preferences for name, judge in found.judges.items() if judge.preferences}
    if paired:
        yield from _preferences(paired)
    ranked = {name: judge.rankings for name, judge in found.judges.items() if judge.rankings}
    if ranked:
        yield from _figures("Rankings", ranked)
    yield NOTE


def _figures(
    title: str, judges: Mapping[str, Mapping[str, Estimate]], coverage: Mapping | None = None
) -> Iterator[str]:
    lines = [title, figures_grid("", judges, coverage), *(f"  {line}" for line in reasons(judges))]
    yield "\n".join(lines)


def _annotators(people: Annotators) -> Iterator[str]:
    if people.names:
        yield _raters(people)
    for one, what, figure in ((people.choices, "choices", "Krippendorff's alpha, nominal"),
                              (people.rankings, "rankings", "Kendall's tau, mean of two people's")):  # fmt: skip
        if one:
            told_alpha = told(one.agreement, with_n=True) + (
                f" ({one.agreement.reason})" if one.agreement.reason else ""
            )
            yield f"People among themselves: {what} by {len(one.names)} on {one.items} items\n{figure}\n  {told_alpha}"


def _raters(people: Annotators) -> str:
    columns = dict(zip(people.names, people.against_others, strict=True))
    kept = ("rmse", "mae", "pearson", "spearman", "kendall_tau_b", "exact", "within_one")
    shown = {name: {figure: figures[figure] for figure in kept} for name, figures in columns.items()}
    alpha = [
        f"  {name} {told(one, with_n=True)}" + (f" ({one.reason})" if one.reason else "")
        for name, one in people.alpha.items()
    ]
    return "\n".join([f"People among themselves: {len(people.names)} on {people.items} items", "Krippendorff's alpha",
                      *alpha, "", "Each against the mean of the others", figures_grid("", shown)])  # fmt: skip


def _ratings(judges: Mapping[str, Ratings]) -> Iterator[str]:
    coverage = {name: one.coverage for name, one in judges.items()}
    yield from _figures("Ratings beside the gold", {name: one.figures for name, one in judges.items()}, coverage)
    yield "\n".join(f"{name}: {one.coverage}" for name, one in judges.items())
    for name, one in judges.items():
        if one.by_rating:
            yield f"Errors by gold rating: {name}\n{_by_rating(one.by_rating)}"
        if one.by_annotator:
            yield f"Beside each annotator: {name}\n{figures_grid('', one.by_annotator)}"
    gaps = {name: one.superiority._asdict() for name, one in judges.items() if one.superiority.psup.n}
    if gaps:
        yield from _figures("Better against worse response to one question, each rated alone", gaps)


def _by_rating(lines: list[RatingErrors]) -> str:
    names = ("mean_score", "mae", "bias", "over_by_2", "under_by_2")
    columns = {words(name): {f"{line.rating:g}": str(getattr(line, name)) for line in lines} for name in names}
    columns = {"n": {f"{line.rating:g}": str(line.mae.n) for line in lines}, **columns}
    return grid("rating", columns, [f"{line.rating:g}" for line in lines])


def _preferences(judges: Mapping[str, Preferences]) -> Iterator[str]:
    coverage = {name: one.coverage for name, one in judges.items()}
    yield from _figures("Preferences beside the gold", {name: one.figures for name, one in judges.items()}, coverage)
    yield "\n".join(f"{name}: {one.coverage}" for name, one in judges.items())
    by_dimension = {
        name: {"overall": one.dimensions.overall, "macro": one.dimensions.macro, **one.dimensions.by_value}
        for name, one in judges.items() if one.dimensions
    }  # fmt: skip
    if by_dimension:
        yield from _figures("Accuracy by dimension", by_dimension)
    for name, one in judges.items():
        for points, versus in one.point_versus_pair.items():
            yield f"Ratings by {points} against its pair verdicts: {name}\n" + "\n".join(
                [f"  contradicted {told(versus.contradicted, with_n=True)}", f"  rated equal {told(versus.equal, with_n=True)}",
                 f"  ratings right {told(versus.right, with_n=True)}",
                 *(f"  item {case.item}: rated {case.scores[0]:g} and {case.scores[1]:g}, says {case.outcome}"
                   for case in versus.cases[:LISTED])]
            )  # fmt: skip
        if one.standings:
            yield f"Who wins, by {name}\n{_standings(one)}"


def _standings(one: Preferences) -> str:
    names = [line.name for line in one.standings]
    strength, elo = (
        {line.name: _rating(getattr(line, field)) for line in one.standings} for field in ("bradley_terry", "elo")
    )
    counts = {"games": {line.name: str(line.games) for line in one.standings},
              "wins": {line.name: f"{line.wins} ({share(line.wins / line.games)})" for line in one.standings},
              "ties": {line.name: str(line.ties) for line in one.standings}}  # fmt: skip
    return grid("competitor", {"Bradley-Terry": strength, "Elo": elo, **counts}, names)


def _rating(one: Estimate) -> str:
    if one.value is None:
        return "none"
    return f"{one.value:.0f}" + ("" if one.low is None else f" [{one.low:.0f}, {one.high:.0f}]")
