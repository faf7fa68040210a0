"""The verb `fit` of `python -m training`: its options, and what it calls.

python -m training fit --preset embedded --out DIR                          the judge that ships, in stages
python -m training fit --preset videojudge-3b-lora --data DATASET --out RUN    a published checkpoint, fine-tuned
accelerate launch --config_file training/fsdp2.yaml -m training fit --preset videojudge-7b --data DATASET --out RUN
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.presets import PRESETS
from training.recipes import RECIPES, DataOptions, load_recipe
from workbench.errors import InputError

EMBEDDED_ONLY = {"steps": [], "processes": None, "device": "auto"}
DATA_OPTIONS = ("swap", "reference_share", "negatives", "judges")
CHANGES = (
    "base", "mix", "share", "lr", "epochs", "batch", "accumulation", "branches", "max_steps", "max_tokens", "rank",
    "alpha", "frames", "fps", "max_frames", "max_pixels", "eval_every", "eval_rows", "save_every", "keep", "patience",
    "precision", "checkpointing", "features_gb", "seed",
)  # fmt: skip
RECIPES_ONLY = (*CHANGES, *DATA_OPTIONS, "validation", "features", "trackio")  # what the embedded preset refuses
CALLED = {"negatives": "without-negatives", "checkpointing": "no-checkpointing"}  # options that say what is not done


def add_verbs(verbs: Any) -> None:
    """The parser of the verb."""
    fit = verbs.add_parser(
        "fit",
        help="train a judge: the small one that ships in stages, or a published checkpoint by a recipe",
        description="What an option says that is not given is the preset's own; docs/training.md lists them.",
    )
    fit.add_argument("--preset", default="embedded", help=f"one of {', '.join([*PRESETS, *RECIPES])}")
    fit.add_argument("--data", type=Path, nargs="+", metavar="DIR",
                     help="datasets of `python -m bootstrap export`, runs, or worlds "
                     "(embedded: one world; default: OUT/data, made by the preset's recipe)")  # fmt: skip
    fit.add_argument("--out", type=Path, required=True, help="run folder")
    _embedded_options(fit.add_argument_group("the embedded judge"))
    _recipe_options(fit.add_argument_group("fine-tuning"))
    _row_options(fit.add_argument_group("rows of a fine-tuning"))
    fit.set_defaults(run=_fit)


def _embedded_options(group: Any) -> None:
    group.add_argument("--steps", nargs="+", default=[], metavar="STAGE=N", help="e.g. dense=50 looking=50 judge=100")
    group.add_argument("--processes", type=int, help="that share a step, one thread each (default: 2, on a GPU 1)")
    group.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto",
                       help="auto: the GPU where there is one")  # fmt: skip


def _recipe_options(group: Any) -> None:
    group.add_argument("--base", metavar="MODEL", help="Hub id or folder of the checkpoint to start from")
    for name, kind, about in (
        ("--lr", float, "peak learning rate"),
        ("--epochs", int, "times that every row is seen"),
        ("--batch", int, "rows a micro-batch and process"),
        ("--accumulation", int, "micro-batches a step"),
        ("--branches", int, "rows of one video in one packed sequence; 1: no packing"),
        ("--max-steps", int, "end after so many steps"),
        ("--max-tokens", int, "longest row; longer ones are left out and listed"),
        ("--rank", int, "of the adapter"),
        ("--alpha", int, "of the adapter"),
        ("--frames", int, "frames a video, uniform in time"),
        ("--fps", float, "frames a second, at most --max-frames"),
        ("--max-frames", int, "frames a video at most, with a rate"),
        ("--max-pixels", int, "pixels a frame at most"),
        ("--eval-every", int, "steps between evaluations"),
        ("--eval-rows", int, "rows of the validation set that are evaluated on"),
        ("--save-every", int, "steps between checkpoints"),
        ("--keep", int, "checkpoints that are kept, beside the best"),
        (
            "--patience",
            int,
            "evaluations without a lower validation loss until training ends; takes the best checkpoint",
        ),
        ("--features-gb", float, "disk that the frozen tower's output may take; beyond it the tower runs again"),
        ("--seed", int, "of the choice and order of rows"),
    ):
        group.add_argument(name, type=kind, metavar="N", help=about)
    group.add_argument("--precision", choices=("auto", "float32", "bfloat16"), help="of the arithmetic")
    group.add_argument("--no-checkpointing", dest="checkpointing", action="store_const", const=False,
                       help="keep activations instead of computing them twice")  # fmt: skip
    group.add_argument(
        "--features", type=Path, metavar="DIR", help="where they lie (default: OUT/features); may be shared"
    )
    group.add_argument("--trackio", metavar="PROJECT", help="show metrics in trackio too (pip install trackio)")


def _row_options(group: Any) -> None:
    group.add_argument("--validation", type=Path, nargs="+", default=[], metavar="DIR",
                       help="folders of validation rows (default: the datasets' own split)")  # fmt: skip
    group.add_argument("--mix", nargs="+", type=_share, metavar="PROMPT=SHARE",
                       help="what is learned: pointwise, rubric, pairwise, pairwise_reasoning, or your own .yaml")  # fmt: skip
    group.add_argument("--share", type=float, metavar="P", help="of the rows that there are")
    group.add_argument("--judges", nargs="+", metavar="NAME",
                       help="whose verdicts are learned, by the beginning of their names (default: target human:)")  # fmt: skip
    group.add_argument("--swap", action="store_const", const=True, help="pairs in both orders")
    group.add_argument("--reference-share", type=float, metavar="P",
                       help="of the rows, show the reference (never one that is the response itself; default: 0)")  # fmt: skip
    group.add_argument("--without-negatives", dest="negatives", action="store_const", const=False,
                       help="leave out the rows about clips whose frames are out of order")  # fmt: skip


def _share(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    try:
        return name, float(share or 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected PROMPT or PROMPT=SHARE, e.g. pairwise=0.5") from None


def _fit(arguments: argparse.Namespace) -> int:
    if arguments.preset in RECIPES:
        return _finetune(arguments)
    if arguments.preset not in PRESETS:
        raise InputError(f"preset: got {arguments.preset!r}, expected one of {', '.join([*PRESETS, *RECIPES])}.")
    return _fit_embedded(arguments)


# -- a published checkpoint


def _finetune(arguments: argparse.Namespace) -> int:
    for name, default in EMBEDDED_ONLY.items():
        if getattr(arguments, name) != default:
            raise InputError(f"--{name}: {arguments.preset} does not take it; it belongs to the preset embedded.")
    if not arguments.data:
        raise InputError("--data: got none, expected a dataset of `python -m bootstrap export`, a run, or a world.")
    changes = {name: getattr(arguments, name) for name in CHANGES}
    if changes["mix"]:
        changes["mix"] = dict(changes["mix"])
    recipe = load_recipe(arguments.preset, **changes)
    given = {name: getattr(arguments, name) for name in DATA_OPTIONS if getattr(arguments, name) is not None}
    options = DataOptions(**{**given, **({"judges": tuple(given["judges"])} if "judges" in given else {})})
    from training.finetune import finetune, read_data

    data = read_data(arguments.data, recipe, options, arguments.validation)
    with _tracking(arguments.trackio, recipe.record()) as track:
        finetune(recipe, options, data, arguments.out, command=arguments.command, features=arguments.features,
                 on_metrics=track)  # fmt: skip
    return 0


@contextmanager
def _tracking(project: str | None, config: dict[str, Any]) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """What hands metrics to trackio, a package that only this option needs; its run begins with the first line."""
    if project is None:
        yield lambda line: None
        return
    try:
        import trackio
    except ImportError:
        raise InputError("--trackio: the package trackio is not installed; pip install trackio.") from None
    begun = []

    def track(line: Mapping[str, Any]) -> None:
        if not begun:
            begun.append(trackio.init(project=project, config=config))
        trackio.log({name: value for name, value in line.items() if name not in ("stage", "step")}, step=line["step"])

    try:
        yield track
    finally:
        if begun:
            trackio.finish()


# -- the embedded judge


def _fit_embedded(arguments: argparse.Namespace) -> int:
    from training.presets import load_preset

    preset = load_preset(arguments.preset, _steps(arguments.steps))
    if arguments.data and len(arguments.data) > 1:
        raise InputError(f"--data: got {len(arguments.data)} folders, expected one world for {arguments.preset}.")
    for name in RECIPES_ONLY:
        if getattr(arguments, name) not in (None, []):
            option = CALLED.get(name, name.replace("_", "-"))
            raise InputError(f"--{option}: the preset {arguments.preset} does not take it; see `fit --help`.")
    from training.fit_run import fit_in_run

    world = arguments.data[0] if arguments.data else None
    print(fit_in_run(preset, arguments.out, world, arguments.command, arguments.processes, arguments.device))
    return 0


def _steps(given: list[str]) -> dict[str, int]:
    pairs = [text.partition("=") for text in given]
    for stage, _, steps in pairs:
        if not steps.isdigit():
            raise InputError(f"--steps: got {stage}={steps}, expected STAGE=N with a whole number, e.g. judge=500.")
    return {stage: int(steps) for stage, _, steps in pairs}
