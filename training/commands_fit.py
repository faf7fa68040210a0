"""The verb `fit` of `python -m training`: its options, and what it calls."""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from workbench.errors import InputError


def add_verbs(verbs: Any) -> None:
    """The parser of the verb."""
    fit = verbs.add_parser("fit", help="train a judge in stages; a stage that is there is not made again")
    fit.add_argument("--preset", default="embedded")
    fit.add_argument("--data", type=Path, help="world folder; default: OUT/data, made by the preset's recipe")
    fit.add_argument("--out", type=Path, required=True, help="folder of the stages, the frames and metrics.jsonl")
    fit.add_argument("--steps", nargs="+", default=[], metavar="STAGE=N", help="e.g. dense=50 language=50 judge=100")
    fit.add_argument("--threads", type=int, default=2, help="of the processor that torch may use")
    fit.set_defaults(run=_fit)


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
