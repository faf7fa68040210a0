"""The verbs `evaluate` and `ship` of `python -m training`: measure a judge on a world, make the folder that ships."""

import argparse
import json
from pathlib import Path
from typing import Any

from workbench.errors import InputError


def add_verbs(verbs: Any) -> None:
    """The parsers of the two verbs."""
    evaluate = verbs.add_parser("evaluate", help="measure a judge on a world folder it has not seen")
    evaluate.add_argument("checkpoint", help="a judge: embedded, a checkpoint folder, ...")
    evaluate.add_argument("--data", type=Path, required=True, help="world folder, split test")
    evaluate.add_argument("--videos", type=int, default=50, help="how many, drawn at random")
    evaluate.add_argument("--out", type=Path, help="JSON file for the figures")
    evaluate.set_defaults(run=_evaluate)
    ship = verbs.add_parser("ship", help="make the folder that ships: small weights, judge.json, model card")
    ship.add_argument("fitted", type=Path, help="the --out of a finished fit")
    ship.add_argument("--preset", default="embedded")
    ship.add_argument("--figures", type=Path, required=True, help="JSON file that evaluate wrote")
    ship.add_argument("--out", type=Path, required=True)
    ship.set_defaults(run=_ship)


def _evaluate(arguments: argparse.Namespace) -> int:
    from training.evaluate import BATCH, evaluate
    from workbench.backends import load_backend

    figures = evaluate(
        load_backend(arguments.checkpoint, batch_size=BATCH), arguments.data, arguments.videos, say=print
    )
    if arguments.out:
        plain = {mode: {name: figure._asdict() for name, figure in some.items()} for mode, some in figures.items()}
        arguments.out.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return 0


def _ship(arguments: argparse.Namespace) -> int:
    from training.presets import load_preset
    from training.ship import ship

    if not arguments.figures.exists():
        raise InputError(
            f"--figures: got {arguments.figures}, which is not there; run python -m training evaluate --out."
        )
    figures = json.loads(arguments.figures.read_text(encoding="utf-8"))
    print(ship(arguments.fitted, load_preset(arguments.preset), figures, arguments.out))
    return 0
