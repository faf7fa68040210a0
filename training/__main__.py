"""python -m training fit | evaluate | ship ...: train a judge, measure one, make the folder that ships.

Each verb's options and what it calls are in a module of their own; see VERBS.
exit code: 0 done; 1 some of it was not; 2 the request cannot be carried out; 130 interrupted
"""

import argparse
import shlex
import sys

from training import (
    commands_adapters,
    commands_bench,
    commands_embedded,
    commands_fit,
    commands_memory,
    commands_preference,
    commands_push,
    commands_quality,
)
from workbench.door import answer

# Each has add_verbs(verbs), and loads nothing heavy when imported.
VERBS = (
    commands_fit,
    commands_memory,
    commands_embedded,
    commands_adapters,
    commands_preference,
    commands_push,
    commands_quality,
    commands_bench,
)


def main(argv: list[str] | None = None) -> int:
    argv = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser().parse_args(argv)
    arguments.command = shlex.join(["python", "-m", "training", *argv])
    return answer(lambda: arguments.run(arguments), "stopped; the same command goes on")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description="Training judges.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for module in VERBS:
        module.add_verbs(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
