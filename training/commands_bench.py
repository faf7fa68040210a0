"""The verb `bench` of `python -m training`: examples per second, plain against cached features against packs."""

import argparse
import json
from pathlib import Path
from typing import Any

from workbench.errors import InputError


def add_verbs(verbs: Any) -> None:
    """The parser of the verb."""
    bench = verbs.add_parser("bench", help="examples per second: plain, cached and packed in one run")
    bench.add_argument("--targets", type=int, nargs="+", default=[16, 200], metavar="TOKENS", help="of the replies")
    bench.add_argument("--rounds", type=int, default=5, help="how often each way is timed, by turns")
    bench.add_argument(
        "--checkpoint", type=Path, help="folder of a Qwen2.5-VL; default: random weights, 21M parameters"
    )
    bench.add_argument("--device", default="cpu", help="cpu, cuda, ...")
    bench.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"))
    bench.add_argument("--threads", type=int, default=2, help="of the processor that torch may use")
    bench.add_argument("--out", type=Path, help="JSON file for the figures")
    bench.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    if min(*arguments.targets, arguments.rounds) < 1:
        raise InputError("--targets, --rounds: got less than 1, expected at least one token and one round.")
    import torch

    from training.benchmark import as_json, bench, table
    from training.benchmark_steps import SIZES, load_subject

    torch.set_num_threads(arguments.threads)
    subject = load_subject(arguments.checkpoint, arguments.device, arguments.dtype, SIZES)
    found = bench(subject, arguments.targets, arguments.rounds, say=print)
    print(table(found))
    if arguments.out:
        arguments.out.write_text(json.dumps(as_json(found), indent=1) + "\n", encoding="utf-8")
    return 0
