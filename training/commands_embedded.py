"""The verbs `evaluate` and `ship` of `python -m training`: measure a judge on a world, make the folder that ships."""

import argparse
import json
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.json_files import write_json


def add_verbs(verbs: Any) -> None:
    """The parsers of the two verbs."""
    evaluate = verbs.add_parser("evaluate", help="measure a judge on a world folder it has not seen")
    evaluate.add_argument("checkpoint", help="a judge: embedded, a checkpoint folder, ...")
    evaluate.add_argument("--data", type=Path, required=True, help="world folder, split test")
    evaluate.add_argument("--videos", type=int, default=50, help="how many, drawn at random")
    evaluate.add_argument("--out", type=Path, help="JSON file for the figures, written after each mode")
    evaluate.set_defaults(run=_evaluate)
    ship = verbs.add_parser("ship", help="make the folder that ships: small weights, judge.json, model card")
    ship.add_argument("fitted", type=Path, help="the --out of a finished fit")
    ship.add_argument("--preset", default="embedded")
    ship.add_argument("--figures", required=True, nargs="+", metavar="[NAME=]FILE",
                      help="JSON files that evaluate wrote; NAME says of what, where it is not the core of the world")  # fmt: skip
    ship.add_argument("--out", type=Path, required=True)
    ship.set_defaults(run=_ship)


def _evaluate(arguments: argparse.Namespace) -> int:
    from training.evaluate import BATCH, Figures, evaluate
    from workbench.backends import load_backend

    out = arguments.out
    if out and not out.absolute().parent.is_dir():
        raise InputError(f"--out: got {out}, whose folder is not there; make the folder, or name another file.")

    def keep(figures: Figures) -> None:
        plain = {mode: {name: figure._asdict() for name, figure in some.items()} for mode, some in figures.items()}
        if out:
            write_json(out, plain)

    judge = load_backend(arguments.checkpoint, batch_size=BATCH)
    evaluate(judge, arguments.data, arguments.videos, say=print, keep=keep)
    return 0


def _ship(arguments: argparse.Namespace) -> int:
    from training.presets import load_preset
    from training.ship import ship

    figures: dict[str, Any] = {}
    for given in arguments.figures:
        name, _, file = given.rpartition("=")
        if not Path(file).exists():
            raise InputError(f"--figures: got {file}, which is not there; run python -m training evaluate --out.")
        found = json.loads(Path(file).read_text(encoding="utf-8"))
        figures |= {f"{name}: {mode}" if name else mode: some for mode, some in found.items()}
    print(ship(arguments.fitted, load_preset(arguments.preset), figures, arguments.out))
    return 0
