"""The commands of meta-evaluation: python -m analysis VERB ...; `--help` lists the verbs.

Each verb's parser lives in a module commands_*.py of its own: `add_verbs(verbs)` adds it, and its `run` default is called
with the parsed arguments and returns the exit code.

exit code: 0 done; 1 some of it was not; 2 the request cannot be carried out; 130 interrupted
"""

import argparse
import io
import shlex
import sys
from collections.abc import Sequence

from analysis import (
    commands_agree,
    commands_audit,
    commands_bench,
    commands_benchmarks,
    commands_calibrate,
    commands_compare,
    commands_failures,
    commands_fast,
    commands_quality,
    commands_report,
    commands_scale,
    commands_sweep,
)
from workbench.door import answer

VERB_MODULES = (
    commands_agree,
    commands_compare,
    commands_calibrate,
    commands_scale,
    commands_audit,
    commands_report,
    commands_failures,
    commands_benchmarks,
    commands_quality,
    commands_bench,
    commands_sweep,
    commands_fast,
)


def parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    top = argparse.ArgumentParser("python -m analysis", description="How far a judge can be trusted.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for module in VERB_MODULES:
        module.add_verbs(verbs)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code. An error is one line on stderr and exit code 2."""
    argv = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a letter shows "?"
    arguments = parser().parse_args(argv)
    arguments.command = shlex.join(["python", "-m", "analysis", *argv])
    return answer(lambda: arguments.run(arguments), "stopped")


if __name__ == "__main__":
    sys.exit(main())
