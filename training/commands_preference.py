"""The verbs `preferences` and `dpo` of `python -m training`: pairs from a judge's own samples, and learning from them."""

import argparse
from pathlib import Path
from typing import Any


def add_verbs(verbs: Any) -> None:
    """The parsers of the verbs."""
    pairs = verbs.add_parser("preferences", help="pairs of a judge's own samples: agreeing with the label, and not")
    pairs.add_argument(
        "samples_of",
        metavar="RUN",
        type=Path,
        help="run folder of the workbench, judged with --samples and a temperature",
    )
    pairs.add_argument("--labels", type=Path, required=True, help="folder with items.jsonl and judgments.jsonl")
    pairs.add_argument("--by", default="target", help="whose judgments there are the labels, e.g. human:ann1")
    pairs.add_argument("--judge", help="whose samples, where the run has several judges")
    pairs.add_argument("--margin", type=float, default=1.0, help="least difference between the scores of a pair")
    pairs.add_argument("--most", type=int, default=4, help="pairs of an item")
    pairs.add_argument("--seed", type=int, default=0)
    pairs.add_argument("--out", type=Path, required=True, help="folder of the pairs")
    pairs.set_defaults(run=_preferences)


def _preferences(arguments: argparse.Namespace) -> int:
    from training.preferences import PairOptions, make_preferences
    from workbench.store import Run

    options = PairOptions(arguments.margin, arguments.most, arguments.seed)
    record = make_preferences(
        Run.open(arguments.samples_of), arguments.labels, arguments.out, options, judge=arguments.judge, by=arguments.by
    )
    print(
        f"{arguments.out}: {record['pairs']} pairs of {record['requests_with_pairs']} of {record['requests']} requests"
    )
    for reason, count in record["left_out"].items():
        print(f"  left out: {count}: {reason}")
    return 0
