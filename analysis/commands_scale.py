"""The verb `scale`: what more samples of a judge are worth."""

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

from analysis.commands_agree import add_runs
from analysis.estimate import Estimate
from analysis.plain_values import write_json
from analysis.records import read_runs
from analysis.scaling import ScalePoint
from analysis.scaling_curves import Scaling, scale
from analysis.tell import NOTE, grid, words


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
