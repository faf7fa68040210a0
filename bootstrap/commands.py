"""The verbs `seeds`, `describe` and `run` of `python -m bootstrap`: their options, and what they call and show."""

import argparse
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bootstrap.attempts import finished_lines
from bootstrap.budget import Budget
from bootstrap.chats import TARGETS, Role
from bootstrap.describe import FPS, MAX_FRAMES, Described, describe_videos, make_describer, with_descriptions
from bootstrap.describe import MAX_NEW_TOKENS as DESCRIPTION_TOKENS
from bootstrap.describe import TEMPERATURE as DESCRIPTION_TEMPERATURE
from bootstrap.loop import ALPHA, ROUNDS, LoopSettings
from bootstrap.near_duplicates import THRESHOLD
from bootstrap.participants import load_participants, load_writer
from bootstrap.progress import Meter, say
from bootstrap.runner import MAX_NEW_TOKENS, TEMPERATURES, Outcome, Progress, bootstrap_run, open_run, plan_run
from bootstrap.seeds import collect_seeds, read_seeds, write_items, write_seeds
from workbench.errors import InputError
from workbench.judge_options import read_judge_option
from workbench.store import Run
from workbench.terminal import one_line, table

LISTED = 10  # problems that are listed one by one


def add_verbs(verbs: Any) -> None:
    """The parsers of the three verbs."""
    _seeds_parser(verbs)
    _describe_parser(verbs)
    _run_parser(verbs)


def _seeds_parser(verbs: Any) -> None:
    seeds = verbs.add_parser("seeds", help="videos, instructions and gold responses from instruction data")
    seeds.add_argument("--source", action="append", required=True, metavar="NAME[=FILE]",
                       help="videoinstruct, vcgplus or videochat2, from the Hub or =FILE or =hub:FILE; items=FILE "
                       "(workbench Items, a world's too); table=FILE; repeat it for several")  # fmt: skip
    seeds.add_argument("--videos", type=Path, metavar="FOLDER", help="where the sources' videos are")
    seeds.add_argument("--count", type=_positive, metavar="N", help="sample so many at most (default: all)")
    seeds.add_argument("--seed", type=int, default=0, metavar="S", help="of the sample (default: %(default)s)")
    seeds.add_argument("--threshold", type=float, default=THRESHOLD, metavar="J",
                       help="Jaccard similarity from which an instruction repeats another (default: %(default)s)")  # fmt: skip
    seeds.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder")
    seeds.set_defaults(run=_seeds)


def _describe_parser(verbs: Any) -> None:
    describe = verbs.add_parser("describe", help="dense descriptions of the seeds' videos")
    describe.add_argument("--seeds", type=Path, required=True, metavar="FILE", help="items.jsonl, or its folder")
    describe.add_argument("--judge", required=True, metavar="SPEC", help="who describes; must look at videos")
    _add_option(describe, "--judge-option")
    describe.add_argument("--out", type=Path, required=True, metavar="FILE", help="the seeds with descriptions, .jsonl")
    describe.add_argument("--cache", type=Path, metavar="FILE", help="descriptions made so far (default: beside --out)")
    describe.add_argument("--fps", type=float, default=FPS, help="frames a second (default: %(default)s)")
    describe.add_argument("--max-frames", type=_positive, default=MAX_FRAMES, help="(default: %(default)s)")
    describe.add_argument("--temperature", type=float, default=DESCRIPTION_TEMPERATURE, help="(default: %(default)s)")
    describe.add_argument("--max-new-tokens", type=_positive, default=DESCRIPTION_TOKENS, help="(default: %(default)s)")
    describe.add_argument("--seed", type=int, default=0, metavar="S", help="of the sampling (default: %(default)s)")
    describe.set_defaults(run=_describe)


def _run_parser(verbs: Any) -> None:
    run = verbs.add_parser("run", help="rated responses for every seed: the generator-evaluator loop")
    run.add_argument("--seeds", type=Path, required=True, metavar="FILE", help="items.jsonl, or its folder")
    run.add_argument("--generator", required=True, metavar="SPEC", help="a judge of the workbench, or world:miss=0.2")
    run.add_argument("--evaluator", required=True, metavar="SPEC",
                     help="a judge of the workbench, or world:noise=0.1,bias@3=+1")  # fmt: skip
    run.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder to make or to resume")
    run.add_argument("--rounds", type=int, default=ROUNDS, metavar="T",
                     help="evaluations of a set at most (default: %(default)s)")  # fmt: skip
    run.add_argument("--alpha", type=int, default=ALPHA, metavar="A",
                     help="how far the rating given may be from the one intended (default: %(default)s)")  # fmt: skip
    run.add_argument("--seed", type=int, default=0, metavar="S", help="of sampling and order (default: %(default)s)")
    for role, temperature in TEMPERATURES.items():
        run.add_argument(f"--{role}-temperature", type=float, default=temperature, help="(default: %(default)s)")
        _add_option(run, f"--{role}-option")
    run.add_argument("--max-new-tokens", type=_positive, default=MAX_NEW_TOKENS, help="(default: %(default)s)")
    run.add_argument("--limit", type=_positive, metavar="N", help="work on the first N seeds only")
    run.add_argument("--concurrency", type=_positive, default=1, metavar="N",
                     help="seeds at a time: one batch for a model here, calls in parallel for a server (default: 1)")  # fmt: skip
    run.add_argument("--max-calls", type=int, metavar="N", help="of the whole run, over all its starts")
    run.add_argument("--max-tokens", type=int, metavar="N", help="read and written, over all its starts")
    run.add_argument("--max-seconds", type=float, metavar="S", help="of this start")
    run.set_defaults(run=_run)


def _add_option(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(name, action="append", default=[], metavar="NAME=VALUE",
                        help="how it is loaded: device, dtype, quantization=4bit, device_map=auto ..")  # fmt: skip


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number from 1")
    return int(text)


# -- seeds


def _seeds(arguments: argparse.Namespace) -> int:
    if not 0 < arguments.threshold <= 1:
        raise InputError(f"--threshold: got {arguments.threshold}, expected more than 0 and at most 1.")
    found = collect_seeds(arguments.source, videos=arguments.videos, count=arguments.count, seed=arguments.seed,
                          threshold=arguments.threshold)  # fmt: skip
    settings = {
        "sources": arguments.source,
        "count": arguments.count,
        "seed": arguments.seed,
        "threshold": arguments.threshold,
    }
    report = write_seeds(arguments.out, found, settings)
    print(f"{report['kept']} seeds about {report['videos']} videos, of {report['read']} rows")
    for reason, count in Counter(report["dropped"]).most_common():
        print(f"  {count} dropped: {reason}")
    print(f"written: {arguments.out}")
    return 0 if found.seeds else 1


# -- describe


def _describe(arguments: argparse.Namespace) -> int:
    seeds = read_seeds(arguments.seeds).seeds
    backend = load_writer(arguments.judge, dict(map(read_judge_option, arguments.judge_option)))
    try:
        describer = make_describer(backend, fps=arguments.fps, max_frames=arguments.max_frames, seed=arguments.seed,
                                   temperature=arguments.temperature, max_new_tokens=arguments.max_new_tokens)  # fmt: skip
        cache = arguments.cache or arguments.out.with_suffix(".descriptions.jsonl")
        videos = [seed.video for seed in seeds if seed.video]
        with Meter("videos") as meter:
            described = describe_videos(videos, describer, cache, _counting(meter, len({v.sha256 for v in videos})))
    finally:
        backend.close()
    write_items(arguments.out, with_descriptions(seeds, described))
    return _report_descriptions(described, arguments.out)


def _counting(meter: Meter, total: int):
    counts: Counter[str] = Counter()
    started = time.monotonic()

    def count(one: Described) -> None:
        counts["cached" if one.cached else "described" if one.text else "failed"] += 1
        asked = counts["described"] + counts["failed"]
        each = (time.monotonic() - started) / asked if asked else None
        meter.show(counts.total(), total, None if each is None else each * (total - counts.total()), counts)

    return count


def _report_descriptions(described: list[Described], out: Path) -> int:
    failed = [one for one in described if one.problem]
    for one in failed[:LISTED]:
        say(one_line(f"  {one.video.path}: {one.problem}", 240))
    print(f"{len(described) - len(failed)} of {len(described)} videos have a description")
    print(f"written: {out}")
    return 1 if failed else 0


# -- run


def _run(arguments: argparse.Namespace) -> int:
    found = read_seeds(arguments.seeds)
    seeds = found.seeds[: arguments.limit]
    settings = LoopSettings(arguments.rounds, arguments.alpha, arguments.seed)
    budget = Budget(arguments.max_calls, arguments.max_tokens, arguments.max_seconds)
    temperatures: dict[Role, float] = {
        "generator": arguments.generator_temperature,
        "evaluator": arguments.evaluator_temperature,
    }
    options: dict[Role, dict[str, Any]] = {
        "generator": dict(map(read_judge_option, arguments.generator_option)),
        "evaluator": dict(map(read_judge_option, arguments.evaluator_option)),
    }
    participants = load_participants(arguments.generator, arguments.evaluator, options)
    try:
        plan = plan_run(participants["generator"], participants["evaluator"], settings, temperatures=temperatures,
                        max_new_tokens=arguments.max_new_tokens)  # fmt: skip
        run = open_run(arguments.out, plan, arguments.command)
        with run.writing(), Meter("seeds") as meter:
            outcome = bootstrap_run(run, seeds, plan, budget=budget, concurrency=arguments.concurrency,
                                    on_progress=lambda progress: _show(meter, progress))  # fmt: skip
    except KeyboardInterrupt:
        say(f"stopped: what was answered is kept in {arguments.out}; the same command goes on")
        return 130
    finally:
        for backend in {id(one): one for one in participants.values()}.values():
            backend.close()
    return _report_run(run, outcome)


def _show(meter: Meter, progress: Progress) -> None:
    counts = {"complete": progress.complete, "incomplete": progress.incomplete, "failed": progress.failed}
    meter.show(progress.done, progress.seeds, progress.eta_seconds, {**counts, "calls": progress.calls})


def _report_run(run: Run, outcome: Outcome) -> int:
    progress = outcome.progress
    for row in run.rejected()[:LISTED]:
        say(one_line(f"  seed {row['seed']}: {row['reason']}", 240))
    worked = progress.complete + progress.incomplete
    share = f" ({progress.complete / worked:.1%})" if worked else ""
    print(
        f"{progress.complete} complete sets of {worked} seeds{share}, {progress.failed} failed, of {progress.seeds} in all"
    )
    print(f"{progress.calls} calls, {progress.tokens} tokens; run folder: {run.folder}")
    if worked:
        print(_matrix(run))
    if outcome.stopped:
        say(f"stopped early: {outcome.stopped}; the same command goes on (with a larger limit, where one was reached)")
    return 1 if progress.failed or outcome.stopped else 0


def _matrix(run: Run) -> str:
    """A table of what responses were written for and what they were given, over all rounds."""
    tries = [attempt for line in finished_lines(run) for attempt in line["attempts"]]
    given = Counter((target, rating) for _, target, rating, _ in tries)
    accepted = Counter(target for _, target, _, accepted in tries if accepted)
    columns = (1, 2, 3, 4, None)
    rows = [
        [f"written for {target}", *(f"{given[target, rating]:,}" for rating in columns), f"{accepted[target]:,}"]
        for target in TARGETS
    ]
    return table(["", *(f"given {rating}" for rating in columns[:-1]), "unreadable", "accepted"], rows)
