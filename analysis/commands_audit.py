"""The verb `audit`: does a judge look at the video, and what besides the truth moves it?

python -m analysis audit RUN|ITEMS --judge SPEC [--only position,looking,..] [--plan] [--out RUN]
"""

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from analysis.audit.ask import audit_prompts
from analysis.audit.plan import AuditOptions, Cost, cost_of
from analysis.audit.report import AuditReport
from analysis.audit.running import audit_run, audit_variants
from analysis.audit.source import Source, drawn, open_source
from analysis.audit.variant import PROBES
from analysis.tell import NOTE, figures_grid, reasons
from workbench.batch import Assignment
from workbench.errors import InputError
from workbench.judge_command import Watcher
from workbench.judge_options import read_judge_option
from workbench.store import new_run_folder
from workbench.terminal import plain

TITLES = {
    "looking": "Does it look? Scores with the video changed",
    "position": "Position: pairs in both orders",
    "verbosity": "Verbosity: padded and repeated to the same length",
    "bandwagon": "Bandwagon: most people are said to agree",
    "authority": "Authority: an expert is said to agree",
    "sentiment": "Sentiment: cheerful and gloomy sentences",
    "injection": "Injection: orders to the judge, beside a neutral sentence of as many words",
    "responses": "Empty, off-topic and borrowed responses",
    "consistency": "Self-consistency: several samples of one request",
    "template": "Template: the prompt in other words",
}


def add_verbs(verbs: Any) -> None:
    """The parser of `audit`."""
    defaults = AuditOptions()
    audit = verbs.add_parser("audit", help="does a judge look, and what besides the truth moves it")
    audit.add_argument("source", metavar="RUN|ITEMS", help="a run folder, a folder with items.jsonl, or a table")
    audit.add_argument(
        "--judge", action="append", metavar="SPEC", help="as `workbench judge` takes it; repeat it (default: embedded)"
    )
    audit.add_argument("--judge-option", action="append", metavar="NAME=VALUE", help="for loading the judges")
    audit.add_argument("--only", metavar="PROBE,..", help=f"some of {', '.join(PROBES)} (default: all)")
    audit.add_argument("--items", type=int, default=defaults.items, metavar="N",
                       help="items, and as many pairs, spread over the videos (default: %(default)s)")  # fmt: skip
    audit.add_argument(
        "--seed", type=int, default=defaults.seed, metavar="S", help="draws the items (default: %(default)s)"
    )
    audit.add_argument(
        "--samples", type=int, default=defaults.samples, metavar="K", help="of consistency (default: %(default)s)"
    )
    audit.add_argument("--temperature", type=float, default=defaults.temperature, metavar="T",
                       help="of consistency; all else is asked at the judge's own (default: %(default)s)")  # fmt: skip
    audit.add_argument("--mode", default="pointwise", help="prompt for single responses (default: %(default)s)")
    audit.add_argument("--pair-mode", default="pairwise", help="prompt for pairs (default: %(default)s)")
    for name, kind in (("frames", int), ("fps", float), ("max-frames", int), ("max-pixels", int)):
        audit.add_argument(f"--{name}", type=kind, metavar="N", help="as `workbench judge` takes it")
    audit.add_argument("--plan", action="store_true", help="only say what it would cost")
    audit.add_argument(
        "--out", metavar="RUN", help="run folder; one that is there goes on (default: a new one in runs/)"
    )
    audit.set_defaults(run=_audit)


def _audit(arguments: argparse.Namespace) -> int:
    options, prompts = _options(arguments), audit_prompts(arguments.mode, arguments.pair_mode)
    found = drawn(open_source(arguments.source), options.items, options.seed)
    variants = audit_variants(found, options, prompts)
    assignment = _assignment(arguments)
    print("\n".join(cost_lines(cost_of(variants), assignment.judges, found)))
    if arguments.plan:
        return 0
    folder = arguments.out or new_run_folder("runs", "audit")
    try:
        with Watcher() as watcher:
            report = audit_run(folder, found, variants, options, prompts, assignment, arguments.command,
                               on_progress=watcher.progress, on_stage=watcher.stage)  # fmt: skip
    except KeyboardInterrupt:
        print(
            f"stopped: what is judged is kept in {folder}; the same command with --out={folder} goes on",
            file=sys.stderr,
        )
        return 130
    print("\n" + "\n\n".join(audit_text(report)))
    print(f"run folder: {folder}")
    return int(any(set(one.statuses) - {"scored"} for one in report.judges.values()))


def _options(arguments: argparse.Namespace) -> AuditOptions:
    wanted = tuple(arguments.only.replace(" ", "").split(",")) if arguments.only else PROBES
    unknown = [name for name in wanted if name not in PROBES]
    if unknown:
        raise InputError(f"--only: got {unknown[0]!r}, expected some of {', '.join(PROBES)}.")
    return AuditOptions(wanted, arguments.items, arguments.seed, arguments.samples, arguments.temperature)


def _assignment(arguments: argparse.Namespace) -> Assignment:
    names = ("frames", "fps", "max_frames", "max_pixels")
    video = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    options = dict(map(read_judge_option, arguments.judge_option or ()))
    return Assignment(tuple(arguments.judge or ("embedded",)), video=video, judge_options=options)


def cost_lines(cost: Cost, judges: tuple[str, ...], source: Source) -> Iterator[str]:
    """What an audit costs, before anything is asked."""
    yield f"items: {cost.items} rated alone, {cost.pairs} pairs" + (
        f"; {source.rejected} rows of the table cannot be read" if source.rejected else ""
    )
    yield "calls for each judge, what probes share counted once:"
    yield from (f"  {probe:<12} {calls}" for probe, calls in cost.by_probe.items())
    yield (
        f"extra calls: {cost.extra} beside {cost.calls - cost.extra} for the items as they are, for each of {len(judges)} judge"
        f"{'s' * (len(judges) > 1)} ({', '.join(map(plain, judges))}); videos decoded again: {cost.extra_videos}"
    )


def audit_text(report: AuditReport) -> Iterator[str]:
    """An audit, a block a probe."""
    for probe in PROBES:
        judges = {name: one.probes[probe] for name, one in report.judges.items() if probe in one.probes}
        if judges:
            yield "\n".join([TITLES[probe], figures_grid("", judges), *(f"  {line}" for line in reasons(judges))])
    for name, one in report.judges.items():
        counts = ", ".join(f"{count} {status}" for status, count in one.statuses.items())
        refused = [f"  not asked: {probe}: {plain(reason)}" for probe, reason in one.refused.items()]
        yield "\n".join([f"{plain(name)}: {one.requests} requests: {counts}", *refused])
    yield f"{NOTE}\nlift: points of a score, changed less twin. docs/audit.md defines each figure."
