"""python -m training fit --preset embedded --out DIR: train a judge.

python -m training evaluate JUDGE --data DIR: measure one.   python -m training ship FITTED: make the folder that ships.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from workbench.errors import InputError, WorkbenchError


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except WorkbenchError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description="Training judges.")
    commands = parser.add_subparsers(required=True)
    fit = commands.add_parser("fit", help="train a judge in stages; a stage that is there is not made again")
    fit.add_argument("--preset", default="embedded")
    fit.add_argument("--data", type=Path, help="world folder; default: OUT/data, made by the preset's recipe")
    fit.add_argument("--out", type=Path, required=True, help="folder of the stages, the frames and metrics.jsonl")
    fit.add_argument("--steps", nargs="+", default=[], metavar="STAGE=N", help="e.g. dense=50 language=50 judge=100")
    fit.add_argument("--threads", type=int, default=2, help="of the processor that torch may use")
    fit.set_defaults(run=_fit)
    evaluate = commands.add_parser("evaluate", help="measure a judge on a world folder it has not seen")
    evaluate.add_argument("checkpoint", help="a judge: embedded, a checkpoint folder, ...")
    evaluate.add_argument("--data", type=Path, required=True, help="world folder, split test")
    evaluate.add_argument("--videos", type=int, default=50, help="how many, drawn at random")
    evaluate.add_argument("--out", type=Path, help="JSON file for the figures")
    evaluate.set_defaults(run=_evaluate)
    ship = commands.add_parser("ship", help="make the folder that ships: small weights, judge.json, model card")
    ship.add_argument("fitted", type=Path, help="the --out of a finished fit")
    ship.add_argument("--preset", default="embedded")
    ship.add_argument("--figures", type=Path, required=True, help="JSON file that evaluate wrote")
    ship.add_argument("--out", type=Path, required=True)
    ship.set_defaults(run=_ship)
    return parser


def _fit(arguments: argparse.Namespace) -> int:
    from training.presets import load_preset

    preset = load_preset(arguments.preset, _steps(arguments.steps))
    data = arguments.data or _make_data(preset.world, arguments.out / "data")
    import torch

    from training.fit import fit

    torch.set_num_threads(arguments.threads)
    print(fit(preset, data, arguments.out, say=print))
    return 0


def _steps(given: list[str]) -> dict[str, int]:
    pairs = [text.partition("=") for text in given]
    for stage, _, steps in pairs:
        if not steps.isdigit():
            raise InputError(f"--steps: got {stage}={steps}, expected STAGE=N with a whole number, e.g. judge=500.")
    return {stage: int(steps) for stage, _, steps in pairs}


def _make_data(recipe: tuple[str, ...], folder: Path) -> Path:
    """The rooms meet through their commands: the world is made by its own."""
    command = [sys.executable, "-m", "bootstrap", "world", "--out", str(folder), *recipe]
    if subprocess.run(command).returncode:
        raise InputError(f"data: {' '.join(command[1:])} failed; see its message above.")
    return folder


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


if __name__ == "__main__":
    sys.exit(main())
