"""python -m spaces_config build | push: the workbench as a Hugging Face Space.

    python -m spaces_config build --out space
    python -m spaces_config push --repo user/space --hardware zero-gpu --judge videojudge-7b-rubric --dry-run

exit code: 0 done; 2 the request cannot be carried out; 130 interrupted
"""

import argparse
import sys
from pathlib import Path
from typing import get_args

from spaces_config.assemble import build_space, size_words, space_files
from spaces_config.card import Settings
from spaces_config.hardware import Hardware, checked_hardware
from workbench.door import answer
from workbench.hub import token_found


def main(argv: list[str] | None = None) -> int:
    """Build a Space's folder, or push one."""
    arguments = _parser().parse_args(argv)
    return answer(lambda: arguments.run(arguments), "stopped; the same command begins again and sends nothing twice")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spaces_config", description="The workbench as a Space.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    build = verbs.add_parser("build", help="write exactly what the Space needs into a folder")
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    build.set_defaults(run=_build)
    push = verbs.add_parser(
        "push",
        help="build, and put it on the Hub",
        description="The token is read from HF_TOKEN or the Hub login (`hf auth login`), never from an option.",
    )
    push.add_argument("--repo", required=True, metavar="USER/SPACE")
    seen = push.add_mutually_exclusive_group()
    seen.add_argument("--private", action="store_true", help="only you and your organisation see it; the default")
    seen.add_argument("--public", action="store_true", help="everyone sees it")
    push.add_argument("--dry-run", action="store_true", help="list files, variables and secrets needed; send nothing")
    push.set_defaults(run=_push)
    for verb in (build, push):
        verb.add_argument("--hardware", metavar="NAME", help=f"{', '.join(get_args(Hardware))} (default: zero-gpu)")
        verb.add_argument(
            "--judge",
            default="embedded",
            help="embedded, or a preset of `python -m workbench backends` (default: %(default)s)",
        )
        verb.add_argument("--results", metavar="USER/DATASET", help="dataset that keeps the verdicts (default: none)")
    return parser


def _settings(arguments: argparse.Namespace) -> Settings:
    return Settings(checked_hardware(arguments.hardware or "zero-gpu"), arguments.judge.strip(), arguments.results)


def _build(arguments: argparse.Namespace) -> int:
    files = build_space(_settings(arguments), arguments.out)
    print(f"{arguments.out}: {size_words(files)}")
    return 0


def _push(arguments: argparse.Namespace) -> int:
    from spaces_config.push import plan_text, push_space, secrets_needed

    settings, seen = _settings(arguments), "public" if arguments.public else "private"
    files = space_files(settings)
    if arguments.dry_run:
        print(plan_text(arguments.repo, settings, files, seen, token_found()))
        return 0
    pushed = push_space(
        arguments.repo, settings, files, private=not arguments.public, hardware_asked=arguments.hardware is not None
    )
    print(f"{pushed.url}: {seen}, at {pushed.commit[:12]}")
    for name, why in secrets_needed(settings).items():
        print(f"set the secret {name} on its settings page: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
