"""The verb `merge` of `python -m training`: a base and its adapter become one checkpoint."""

import argparse
from pathlib import Path
from typing import Any

from workbench.errors import InputError


def add_verbs(verbs: Any) -> None:
    """The parser of the verb."""
    merge = verbs.add_parser("merge", help="write a full checkpoint that answers like base + adapter")
    merge.add_argument("judge", metavar="BASE+ADAPTER", help="each a Hub id or a folder")
    merge.add_argument("--out", type=Path, required=True, help="new folder of the merged checkpoint")
    merge.add_argument(
        "--dtype",
        choices=("auto", "float32", "bfloat16", "float16"),
        default="auto",
        help="of the written weights; auto: the base's own",
    )
    merge.set_defaults(run=_merge)


def _merge(arguments: argparse.Namespace) -> int:
    from training.merge import merge
    from workbench.backends import split_adapter

    base, adapter = split_adapter(arguments.judge.removeprefix("hf:"))
    if adapter is None:
        raise InputError(f"merge: got {arguments.judge!r}, expected BASE+ADAPTER, each a Hub id or a folder.")
    merged = merge(base, adapter, arguments.out, dtype=arguments.dtype)
    print(
        f"{merged.folder}: answers like base + adapter; the adapter moves a logit by up to {merged.moved:.3g}, "
        f"merging by {merged.differs:.2g}"
    )
    return 0
