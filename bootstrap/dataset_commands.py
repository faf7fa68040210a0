"""The verbs `export` and `audit` of `python -m bootstrap`: their options, and what they call and show."""

import argparse
import json
from pathlib import Path
from typing import Any, get_args

from bootstrap.audit import audit_run, bootstrap_run_of, text_metrics, to_json
from bootstrap.audit_report import audit_text, write_report
from bootstrap.dataset import PAIR_SHARE, SHARES, DatasetSettings, dataset_counts
from bootstrap.export_run import Export, RubricWriter, export_run
from bootstrap.exports import Format
from bootstrap.participants import load_writer
from bootstrap.progress import Meter, say
from bootstrap.rubrics import Rubric
from workbench.judge_options import read_judge_option
from workbench.terminal import one_line, plain

LISTED = 10  # problems that are listed one by one


def add_dataset_verbs(verbs: Any) -> None:
    """The parsers of the two verbs."""
    _audit_parser(verbs)
    _export_parser(verbs)


def _audit_parser(verbs: Any) -> None:
    audit = verbs.add_parser("audit", help="how a run went, and whether its ratings can be trusted")
    audit.add_argument("run_folder", type=Path, metavar="RUN", help="run folder of `run`; it may still be written")
    audit.add_argument("--json", action="store_true", help="print the findings as JSON")
    audit.add_argument("--out", type=Path, metavar="DIR", help="write audit.json, audit.txt and report.html there too")
    audit.add_argument("--bertscore", metavar="MODEL", help="add BERTScore by this encoder: Hub id or folder")
    audit.set_defaults(run=_audit)


def _export_parser(verbs: Any) -> None:
    export = verbs.add_parser("export", help="the dataset of a run's complete sets, split by video, with its card")
    export.add_argument("run_folder", type=Path, metavar="RUN", help="run folder of `run`")
    export.add_argument("--to", type=Path, required=True, metavar="DIR", help="a new folder, or one to write again")
    export.add_argument("--format", choices=get_args(Format), default="workbench", help="(default: %(default)s)")
    export.add_argument("--pair-share", type=float, default=PAIR_SHARE, metavar="P",
                        help="of the ten pairs of a set (default: %(default)s)")  # fmt: skip
    export.add_argument("--shares", type=_shares, default=SHARES, metavar="A,B,C",
                        help="of the videos, for train, validation and test (default: 0.8,0.1,0.1)")  # fmt: skip
    export.add_argument("--seed", type=int, default=0, metavar="S", help="of pairs, order and splits (default: 0)")
    export.add_argument("--keep-marked", action="store_true",
                        help="use sets also where somebody marked a response as wrong (default: leave them out)")  # fmt: skip
    export.add_argument("--rubrics", metavar="SPEC",
                        help="a judge of the workbench that writes a rubric for each instruction "
                        "(default: the world's own, where the seeds are of a world folder)")  # fmt: skip
    export.add_argument("--rubrics-option", action="append", default=[], metavar="NAME=VALUE",
                        help="how that judge is loaded: device, dtype, quantization=4bit, device_map=auto ..")  # fmt: skip
    export.set_defaults(run=_export)


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected three numbers such as 0.8,0.1,0.1") from None


# -- audit


def _audit(arguments: argparse.Namespace) -> int:
    run = bootstrap_run_of(arguments.run_folder)
    audit = audit_run(run, text_metrics(arguments.bertscore))
    print(json.dumps(to_json(audit), indent=2, allow_nan=False) if arguments.json else plain(audit_text(audit)))
    if arguments.out:
        for path in write_report(arguments.out, audit):
            say(f"written: {path}")
    return 0 if audit.seeds else 1


# -- export


def _export(arguments: argparse.Namespace) -> int:
    run = bootstrap_run_of(arguments.run_folder)
    settings = DatasetSettings(arguments.pair_share, arguments.seed, arguments.shares)
    if arguments.rubrics is None:
        exported = export_run(run, arguments.to, arguments.format, settings, keep_marked=arguments.keep_marked)
        return _report_export(exported, arguments.to)
    backend = load_writer(arguments.rubrics, dict(map(read_judge_option, arguments.rubrics_option)))
    try:
        with Meter("rubrics") as meter:
            writer = RubricWriter(backend, _counting(meter))
            exported = export_run(run, arguments.to, arguments.format, settings, writer, arguments.keep_marked)
            return _report_export(exported, arguments.to)
    finally:
        backend.close()


def _counting(meter: Meter):
    counts = {"written": 0, "failed": 0}

    def count(one: Rubric) -> None:
        counts["written" if one.text else "failed"] += 1
        meter.show(sum(counts.values()), sum(counts.values()), None, counts)

    return count


def _report_export(export: Export, folder: Path) -> int:
    counts = dataset_counts(export.dataset)
    for split, found in counts["splits"].items():
        print(
            f"{split}: {found['pointwise']} pointwise rows and {found['pairwise']} pairs about {found['videos']} videos"
        )
        if not found["videos"]:
            say(f"  no video fell into {split}: there are few, and each one's split is drawn by itself")
    print(
        f"{counts['sets']} sets used" + _told(counts["left_out"]) + f"; {counts['rubrics']} instructions have a rubric"
    )
    if export.exported.left_out:
        say("rows not used" + _told(export.exported.left_out))
    for one in export.problems[:LISTED]:
        say(one_line(f"  seed {one.seed}: no rubric: {one.problem}", 240))
    print(f"written: {folder}")
    return 1 if export.problems else 0


def _told(left_out) -> str:
    return f" ({'; '.join(f'{count} {reason}' for reason, count in left_out.items())})" if left_out else ""
