"""The verb `scale`: what more samples of a judge are worth."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from analysis.commands_agree import add_runs
from analysis.estimate import Estimate
from analysis.matching import gold_ratings, no_common_items
from analysis.pairs import gold_choices, pair_rows
from analysis.plain_values import write_json
from analysis.records import Records, judge_columns, read_runs
from analysis.scaling import ScalePoint, rating_curve, rating_samples
from analysis.scaling_pairs import pair_curve, votes_of
from analysis.tell import NOTE, grid, words


class Scaling(NamedTuple):
    """Curves over the number of samples of one judge; empty for kinds it has no verdicts of."""

    ratings: list[ScalePoint]
    preferences: list[ScalePoint]


def add_verbs(verbs: Any) -> None:
    """The parser of `scale`."""
    verb = verbs.add_parser("scale", help="accuracy over the number of samples: majority, mean, median, probabilities")
    add_runs(verb)
    verb.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of the subsets of samples (default: %(default)s)"
    )
    verb.set_defaults(run=_scale)


def _scale(arguments: argparse.Namespace) -> int:
    found = scale(read_runs(arguments.runs), arguments.gold, arguments.seed)
    for name, one in found.items():
        print("\n\n".join([name, *scale_text(one)]), end="\n\n")
    print(f"{NOTE}\nsubsets: of K samples each, all there are or seeded ones; a figure is their mean.")
    if arguments.json:
        write_json(arguments.json, {"command": arguments.command, "gold": arguments.gold, "judges": found})
    return 0


def scale(records: Records, gold: str = "human", seed: int = 0) -> dict[str, Scaling]:
    """The curves of every judge by label.

    Raises InputError where nobody is called `gold`, or no judge met it on any item.
    """
    ratings, choices = gold_ratings(records, gold), gold_choices(records, gold)
    found = {}
    for name, column in judge_columns(records, gold).items():
        samples = rating_samples(records, column, ratings)
        votes = votes_of(pair_rows(records, column, choices))
        if samples or votes:
            found[name] = Scaling(rating_curve(samples, seed) if samples else [], pair_curve(votes, seed))
    if not found:
        raise no_common_items(gold)
    return found


def scale_text(one: Scaling) -> Iterator[str]:
    """The curves, a block each."""
    for title, points in (("Ratings", one.ratings), ("Preferences", one.preferences)):
        for way in dict.fromkeys(point.way for point in points):
            yield f"{title} by {way}\n{_curve([point for point in points if point.way == way])}"


def _curve(points: Sequence[ScalePoint]) -> str:
    first = next(iter(points[0].figures))
    columns = {"subsets": {str(p.k): str(p.subsets) for p in points},
               "n": {str(p.k): _counted(p.figures[first]) for p in points},
               **{words(name): {str(p.k): str(p.figures[name]) for p in points} for name in points[0].figures}}  # fmt: skip
    return grid("K", columns, [str(p.k) for p in points])


def _counted(one: Estimate) -> str:
    return f"{one.n} ({one.left_out} out)" if one.left_out else str(one.n)
