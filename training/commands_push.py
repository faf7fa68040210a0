"""The verb `push` of `python -m training`: a finished judge, or an adapter, goes to the Hub with a card."""

import argparse
from pathlib import Path
from typing import Any


def add_verbs(verbs: Any) -> None:
    """The parser of the verb. There is no option for the token: it would stand in the list of processes."""
    push = verbs.add_parser(
        "push",
        help="upload a judge to the Hub, with a model card written from its run",
        description="Upload a run's finished model, or any checkpoint or adapter folder. The token is read from HF_TOKEN "
        "or the Hub login (`hf auth login`), never from an option, and is neither shown nor stored.",
    )
    push.add_argument("path", type=Path, metavar="RUN", help="a training run, or the folder of a checkpoint or adapter")
    push.add_argument("--repo", required=True, metavar="USER/NAME")
    seen = push.add_mutually_exclusive_group()
    seen.add_argument("--private", action="store_true", help="only you and your organisation see it; the default")
    seen.add_argument("--public", action="store_true", help="everyone sees it")
    push.add_argument("--dry-run", action="store_true", help="list the files and show the card; send nothing")
    push.add_argument("--revision", metavar="BRANCH", help="branch to push to, made if it is not there (default: main)")
    push.add_argument(
        "--merge",
        nargs="?",
        const="",
        metavar="BASE",
        help="merge the adapter into its base first; BASE (a Hub id or folder) where the adapter's own name leads nowhere",
    )
    push.add_argument(
        "--figures", type=Path, help="JSON file that evaluate wrote (default: RUN/figures.json, if it is there)"
    )
    push.set_defaults(run=_push)


def _push(arguments: argparse.Namespace) -> int:
    from training.push import push
    from training.push_plan import plan_push
    from workbench.hub import token_found

    plan = plan_push(arguments.path, arguments.repo, figures=arguments.figures, merge=arguments.merge)
    seen = "public" if arguments.public else "private"
    if arguments.dry_run:
        print(dry_run_text(plan, seen, token_found()))
        return 0
    pushed = push(plan, private=not arguments.public, revision=arguments.revision)
    print(f"{pushed.url}: {seen}, at {pushed.commit[:12]}")
    for note in plan.notes:
        print(f"its card says: {note}")
    return 0


def dry_run_text(plan: Any, seen: str, has_token: bool) -> str:
    """What would be sent: each file with its size, what the card lacks, and the card."""
    width = max(len(file.path) for file in plan.files)
    lines = [
        f"would push {plan.checkpoint.name} to {plan.repo}, {seen}: {len(plan.files)} files, {plan.size:,} bytes",
        "",
    ]
    lines += [f"  {file.path:{width}}  {file.size:>14,}" for file in plan.files]
    lines += ["", "token: found" if has_token else "token: none yet; set HF_TOKEN or run `hf auth login`"]
    lines += [f"the card says: {note}" for note in plan.notes]
    return "\n".join([*lines, "", "--- README.md " + "-" * 40, "", plan.card])
