"""The verbs `preferences` and `dpo` of `python -m training`: pairs from a judge's own samples, and learning from them.

python -m workbench judge --items ITEMS --judge SFT --samples 8 --temperature 1 --out RUN
python -m training preferences RUN --labels DATA --out PAIRS
python -m training dpo PAIRS --base SFT --out DPO
"""

import argparse
from pathlib import Path
from typing import Any

# Numbers of the recipe; a micro-batch is so many requests with all their replies.
CHANGES = (
    "lr", "epochs", "batch", "accumulation", "max_steps", "max_tokens", "eval_every", "save_every", "keep", "precision",
    "seed",
)  # fmt: skip


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
    dpo = verbs.add_parser("dpo", help="train a fine-tuned judge on pairs of its own samples")
    dpo.add_argument("pairs", type=Path, help="folder that preferences made")
    dpo.add_argument("--base", required=True, metavar="JUDGE", help="the checkpoint that wrote the samples")
    dpo.add_argument("--full", action="store_true", help="train merger and language model; else an adapter")
    dpo.add_argument("--beta", type=float, default=0.1, help="how strongly the reference holds")
    dpo.add_argument("--smoothing", type=float, default=0.0, help="share of labels taken for wrong")
    dpo.add_argument("--validation", type=float, default=0.1, help="share of the videos held out")
    dpo.add_argument("--rank", type=int, default=16, help="of the adapter")
    dpo.add_argument("--alpha", type=int, default=32, help="of the adapter")
    for name in CHANGES:
        kind = {"lr": float, "precision": str}.get(name, int)
        dpo.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="N")
    dpo.add_argument("--out", type=Path, required=True, help="run folder")
    dpo.set_defaults(run=_dpo)


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


def _dpo(arguments: argparse.Namespace) -> int:
    from training.adapters import Lora
    from training.dpo import DpoOptions
    from training.dpo_run import run_dpo

    _check_base(arguments.base)
    options = DpoOptions(arguments.beta, arguments.smoothing, arguments.validation)
    lora = None if arguments.full else Lora(arguments.rank, arguments.alpha)
    changes = {name: getattr(arguments, name) for name in CHANGES}
    final = run_dpo(
        arguments.pairs, arguments.base, arguments.out, options, lora=lora, command=arguments.command, **changes
    )
    print(f"the judge: {final if arguments.full else f'{arguments.base}+{final}'}")
    return 0


def _check_base(base: str) -> None:
    """Raises InputError for a base with an adapter: the new one would need it beneath, and no spec names two."""
    from workbench.backends import split_adapter
    from workbench.errors import InputError

    if split_adapter(base)[1] is not None:
        raise InputError(
            f"base: got {base!r}, expected one checkpoint; first python -m training merge {base} --out DIR."
        )
