"""What kinds of jobs there are: from a command to its kind, what its progress counts, and whether it needs a turn."""

import shlex
from collections.abc import Sequence
from typing import NamedTuple


class JobKind(NamedTuple):
    """One kind of long work. `counts` is what done and total of its status.json are."""

    name: str
    counts: str = "steps"
    takes_turn: bool = True  # on the accelerator, one after another
    owns_out: bool = True  # its --out is the run folder
    saves: bool = False  # told to stop, it finishes its step and saves a checkpoint, however long that takes


KINDS = {
    ("workbench", "judge"): JobKind("judging", "verdicts"),
    ("bootstrap", "run"): JobKind("bootstrap", "seeds"),
    ("bootstrap", "world"): JobKind("world", "scenes", takes_turn=False),
    ("bootstrap", "describe"): JobKind("descriptions", "videos", owns_out=False),
    ("training", "fit"): JobKind("training", saves=True),
    ("training", "dpo"): JobKind("training", saves=True),
    ("training", "quality"): JobKind("training", saves=True),
    ("training", "preferences"): JobKind("preference pairs", "rows"),
    ("training", "push"): JobKind("push", "files", takes_turn=False, owns_out=False),
    ("training", "merge"): JobKind("merge", takes_turn=False, owns_out=False),
    ("analysis", "sweep"): JobKind("sweep", "verdicts"),
    ("analysis", "audit"): JobKind("audit", "requests"),
    ("analysis", "report"): JobKind("report", "sections", takes_turn=False),
}
SWEEP_PLAN = JobKind("sweep plan")  # it loads the judges, and tries them
ASKING = ("workbench", "bootstrap", "analysis")  # rooms whose commands load judges by these options
JUDGE_OPTIONS = ("--judge", "--generator", "--evaluator")
OTHER = JobKind("command", takes_turn=False, owns_out=False)


def kind_of(words: Sequence[str]) -> JobKind:
    """The kind of a command, given as its words with or without "python" before them."""
    words = list(words[words[0] == "python" :]) if words else []
    if words[:1] != ["-m"]:
        return OTHER
    planning = words[1:3] == ["analysis", "sweep"] and "--plan" in words
    kind = SWEEP_PLAN if planning else KINDS.get(tuple(words[1:3]), OTHER)
    asks_servers = words[1:] and words[1] in ASKING and _asks_servers(words[3:])
    return kind._replace(takes_turn=False) if asks_servers else kind


def _asks_servers(words: Sequence[str]) -> bool:
    """Whether all judges of a command are on servers: they take nothing of this machine's accelerator."""
    parts = [word.partition("=") for word in words]
    judges = [value if joined else after for (name, joined, value), after in zip(parts, [*words[1:], ""], strict=True)
              if name in JUDGE_OPTIONS]  # fmt: skip
    return bool(judges) and all(judge.startswith("server:") for judge in judges)


def kind_of_command(command: str) -> JobKind:
    """The kind of a command line as run.json and job.json keep it; OTHER for what is none."""
    try:
        return kind_of(shlex.split(command))
    except ValueError:
        return OTHER
