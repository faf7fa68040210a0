"""The verb `quality` of `python -m training`: judges of picture quality, tuned in two stages.

python -m bootstrap quality --out DATA --scenes 5000 --split train
python -m training quality --preset quality-3b --data DATA --out RUN
"""

import argparse
from pathlib import Path
from typing import Any

STAGES = ("levels", "justification")
CHANGES = ("lr", "epochs", "batch", "accumulation", "max_steps", "eval_every", "save_every", "precision", "seed")


def add_verbs(verbs: Any) -> None:
    """The parsers of the verbs."""
    quality = verbs.add_parser("quality", help="tune a judge of picture quality: levels first, then justification")
    quality.add_argument("--preset", default="quality-3b", help="quality-3b or quality-7b")
    quality.add_argument("--base", help="another Hub id or folder to start from")
    quality.add_argument("--data", type=Path, nargs="+", required=True, help="folders of python -m bootstrap quality")
    quality.add_argument("--validation", type=Path, nargs="+", default=[], help="folders of another split")
    quality.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    for name in CHANGES:
        kind = {"lr": float, "precision": str}.get(name, int)
        quality.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N", help="of both stages' recipes")
    quality.add_argument("--frames", type=int, help="frames of every clip, in the place of 4 a second")
    quality.add_argument("--max-pixels", type=int, help="of a frame")
    quality.add_argument("--out", type=Path, required=True, help="folder of the stages' runs")
    quality.set_defaults(run=_quality)
    measure = verbs.add_parser("quality-levels", help="rank correlation of a judge's level scores with the true ones")
    measure.add_argument("checkpoint", help="a judge: BASE+ADAPTER, a checkpoint folder, ...")
    measure.add_argument("--data", type=Path, required=True, help="folder of python -m bootstrap quality, split test")
    measure.add_argument("--out", type=Path, help="JSON file for the figures")
    measure.set_defaults(run=_measure)


def _quality(arguments: argparse.Namespace) -> int:
    from training.quality import FRAMES, fit_quality, load_quality_preset
    from training.recipes import with_frames

    frames = {name: getattr(arguments, name) for name in ("frames", "max_pixels") if getattr(arguments, name)}
    changes = {name: getattr(arguments, name) for name in CHANGES}
    preset = load_quality_preset(
        arguments.preset, arguments.base, policy=with_frames(FRAMES, frames) if frames else None, **changes
    )
    fit_quality(
        preset,
        arguments.data,
        arguments.out,
        validation=arguments.validation,
        stages=arguments.stages,
        command=arguments.command,
    )
    levels, justification = (arguments.out / stage / "final" for stage in STAGES)
    if justification.is_dir():
        print(f"the judge: {levels}+{justification}")
        print(f"how well it scores: python -m training quality-levels {levels}+{justification} --data TEST")
        print(f"as one checkpoint: python -m training merge {levels}+{justification} --out {arguments.out / 'judge'}")
    return 0


def _measure(arguments: argparse.Namespace) -> int:
    import json

    from training.model_card import QUALITY_LEVELS
    from training.quality import measure_levels
    from workbench.backends import load_backend

    figures = measure_levels(load_backend(arguments.checkpoint), arguments.data, say=print)
    if arguments.out:
        arguments.out.write_text(json.dumps({QUALITY_LEVELS: figures}, indent=1) + "\n", encoding="utf-8")
    return 0
