"""The commands of bootstrapping.

python -m bootstrap world --out DIR --scenes N --split train --seed 0    a folder of the procedural video world
python -m bootstrap quality --out DIR --scenes N --split train --seed 0  clips with known distortions, judged
python -m bootstrap negatives WORLD --out DIR                            temporal negatives of a world's clips
python -m bootstrap leaks DIR                                            how far the text alone tells its ratings
python -m bootstrap examples --out DIR                                   the example clips that ship with the page
python -m bootstrap seeds --source NAME=FILE --videos DIR --out DIR      seeds: videos, instructions, gold responses
python -m bootstrap describe --seeds DIR --judge SPEC --out FILE         dense descriptions of the seeds' videos
python -m bootstrap run --seeds DIR --generator SPEC --evaluator SPEC --out RUN    rated responses for every seed
python -m bootstrap audit RUN --out DIR                                  how the run went, what gives its ratings away
python -m bootstrap export RUN --to DIR --format FORMAT                 the run's dataset, with its card

exit code: 0 done; 1 some of it was not; 2 the request cannot be carried out; 130 interrupted
"""

import argparse
import itertools
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bootstrap.commands import add_verbs
from bootstrap.dataset_commands import add_dataset_verbs
from workbench.door import answer
from workbench.errors import InputError


def main(argv: list[str] | None = None) -> int:
    argv = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser().parse_args(argv)
    arguments.command = shlex.join(["python", "-m", "bootstrap", *argv])
    return answer(lambda: arguments.run(arguments), "stopped; the same command goes on")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bootstrap", description="Making training data.")
    commands = parser.add_subparsers(required=True)
    world = commands.add_parser("world", help="clips, items, targets and facts of the procedural video world")
    world.add_argument("--out", type=Path, required=True, help="folder to write or resume")
    world.add_argument("--scenes", type=int, required=True)
    world.add_argument("--split", choices=("train", "validation", "test"), required=True)
    world.add_argument("--seed", type=int, default=0)
    about = (
        "core: 2-8 s, calm events; full: everything, 2-120 s; shifted: other shapes, colours and motions, 8-60 s; "
        "contacts: collisions and occlusion, asked about"
    )
    world.add_argument("--setting", choices=("core", "full", "shifted", "contacts"), default="full", help=about)
    world.add_argument("--objects-max", type=int, help="1 to 4, drawn evenly up to it; core 3, full and shifted 4")
    world.add_argument("--seconds-min", type=float, help="with --seconds-max: lengths drawn evenly between them")
    world.add_argument("--seconds-max", type=float)
    world.add_argument("--questions", type=int, default=3, help="at most so many instructions a scene")
    world.add_argument("--pair-share", type=float, default=0.5, help="of the ten pairs of an instruction's responses")
    world.add_argument("--workers", type=int, default=1, help="processes that draw")
    world.set_defaults(run=_world)
    quality = commands.add_parser("quality", help="clips with known distortions, their scores and justifications")
    quality.add_argument("--out", type=Path, required=True, help="folder to write or resume")
    quality.add_argument("--scenes", type=int, required=True)
    quality.add_argument("--split", choices=("train", "validation", "test"), required=True)
    quality.add_argument("--seed", type=int, default=0)
    quality.add_argument("--questions", type=int, default=3, help="answers to questions about quality, a clip")
    quality.add_argument("--workers", type=int, default=1, help="processes that draw")
    quality.set_defaults(run=_quality)
    negatives = commands.add_parser("negatives", help="reversed, shuffled and cut clips of a world, judged anew")
    negatives.add_argument("folder", type=Path, help="a folder made by the command world")
    negatives.add_argument("--out", type=Path, required=True, help="folder to write or resume")
    negatives.add_argument("--workers", type=int, default=1, help="processes that draw")
    negatives.set_defaults(run=_negatives)
    leaks = commands.add_parser("leaks", help="accuracy of a text-only classifier on a world folder, against chance")
    leaks.add_argument("folder", type=Path)
    leaks.set_defaults(run=_leaks)
    examples = commands.add_parser("examples", help="the example clips that ship with the page")
    examples.add_argument("--out", type=Path, required=True)
    examples.set_defaults(run=_examples)
    add_verbs(commands)
    add_dataset_verbs(commands)
    return parser


def _world(arguments: argparse.Namespace) -> int:
    from bootstrap.world.folder import World, write_world

    if arguments.scenes < 0 or arguments.seed < 0 or arguments.workers < 1 or arguments.questions < 1:
        raise InputError("world: expected --scenes and --seed of 0 or more, --workers and --questions of 1 or more.")
    if not 0 <= arguments.pair_share <= 1:
        raise InputError(f"--pair-share: got {arguments.pair_share}, expected 0 to 1.")
    world = World(_setting(arguments), arguments.split, arguments.seed, arguments.questions, arguments.pair_share)
    write_world(arguments.out, world, arguments.scenes, arguments.workers, _progress(arguments.scenes))
    return 0


def _quality(arguments: argparse.Namespace) -> int:
    from bootstrap.world.folder import QualityWorld, write_quality

    if min(arguments.scenes, arguments.seed) < 0 or arguments.workers < 1 or not 0 <= arguments.questions <= 12:
        raise InputError(
            "quality: expected --scenes and --seed of 0 or more, --workers of 1 or more, --questions of 0 to 12."
        )
    world = QualityWorld(arguments.split, arguments.seed, arguments.questions)
    write_quality(arguments.out, world, arguments.scenes, arguments.workers, _progress(arguments.scenes))
    return 0


def _negatives(arguments: argparse.Namespace) -> int:
    from bootstrap.world.folder import negative_sources, write_negatives

    if arguments.workers < 1:
        raise InputError(f"--workers: got {arguments.workers}, expected 1 or more.")
    count = len(negative_sources(arguments.folder))
    write_negatives(arguments.out, arguments.folder, arguments.workers, _progress(count))
    return 0


def _progress(scenes: int) -> Callable[[int], None]:
    from workbench.job_record import note_progress  # needs POSIX

    """Says every 50 scenes how fast it goes and how long it will take; scenes that were there do not count as speed."""
    start, made = time.monotonic(), itertools.count(1)

    def show(done: int) -> None:
        rate = next(made) / max(time.monotonic() - start, 1e-6)
        note_progress(done, scenes, (scenes - done) / rate)
        if done % 50 == 0 or done == scenes:
            print(f"{done}/{scenes} scenes, {rate:.1f} a second, {(scenes - done) / rate:.0f} s left", flush=True)

    return show


def _leaks(arguments: argparse.Namespace) -> int:
    from bootstrap.world.leaks import probe_folder

    for name, probe in probe_folder(arguments.folder).items():
        print(f"{name}: accuracy {probe.accuracy:.3f}, chance {probe.chance:.3f}, {probe.tested} rows tested")
    return 0


def _examples(arguments: argparse.Namespace) -> int:
    from bootstrap.world.examples import write_examples

    write_examples(arguments.out)
    return 0


def _setting(arguments: argparse.Namespace):
    from bootstrap.world.sampling import SETTINGS, Length

    setting = SETTINGS[arguments.setting]
    if arguments.objects_max is not None:
        if not 1 <= arguments.objects_max <= 4:
            raise InputError(f"--objects-max: got {arguments.objects_max}, expected 1 to 4.")
        setting = replace(setting, objects_max=arguments.objects_max)
    low, high = arguments.seconds_min, arguments.seconds_max
    if (low is None) != (high is None):
        raise InputError("--seconds-min, --seconds-max: got one of them, expected both or neither.")
    if low is not None:
        if not 1 <= low <= high <= 600:
            raise InputError(f"--seconds-min, --seconds-max: got {low} and {high}, expected 1 <= min <= max <= 600.")
        setting = replace(setting, lengths=(Length(1.0, low, high),))
    return setting


if __name__ == "__main__":
    sys.exit(main())
