"""Killing real runs at random moments: what the fault tests share. A run that was killed and gone on with must come to
the same final judgments as one that was left alone."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from workbench.schema import Judgment
from workbench.store import ANSWERED, Run, read_lines

ROOT = Path(__file__).parents[1]
FINISHED = (0, 1)  # exit codes of a run that came to its end: all scored, or some were not
LEFT_OUT = ("usage", "created")  # of a judgment: what may differ between two runs that come to the same
SECONDS = 600


def begin(words: Sequence[str], limit: Callable[[], None] | None = None) -> subprocess.Popen:
    """A command in a process group of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen([sys.executable, *words], cwd=ROOT, env=environment, start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=limit)  # fmt: skip


def finish(words: Sequence[str]) -> None:
    """Run a command to its end, which must be a good one."""
    process = begin(words)
    said = process.communicate(timeout=SECONDS)[1]
    assert process.returncode in FINISHED, said[-3000:]


def kill_somewhere(words: Sequence[str], file: Path, seconds: float, chance: random.Random) -> bool:
    """Start a command and kill -9 its group: after a random time, or once a file has grown by some random bytes.

    Half of the times the file then loses some bytes of its last line, as when the power is cut. False where the command
    came to its end first.
    """
    process = begin(words)
    by_time = chance.random() < 0.5
    until = time.monotonic() + (chance.uniform(0, seconds) if by_time else SECONDS)
    grown = size_of(file) + chance.randrange(1, 4_000)
    while process.poll() is None and time.monotonic() < until and (by_time or size_of(file) < grown):
        time.sleep(0.002)
    ended = process.poll() is not None
    if not ended:
        os.killpg(process.pid, signal.SIGKILL)
    said = process.communicate(timeout=SECONDS)[1]
    assert not ended or process.returncode in FINISHED, said[-3000:]
    if chance.random() < 0.5:
        tear(file, chance)
    return not ended


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def tear(file: Path, chance: random.Random) -> None:
    """Cut some bytes off the last line of a file, at least its newline."""
    if not size_of(file):
        return
    text = file.read_bytes()
    last = len(text) - (text.rstrip(b"\n").rfind(b"\n") + 1)
    os.truncate(file, len(text) - chance.randrange(1, max(2, last)))


def final_judgments(folder: Path) -> dict[str, dict[str, Any]]:
    """What a run came to, by key: every field that may not depend on when it was killed.

    Asserts that no verdict was asked for again once its line was whole, and that the run says it is complete.
    """
    run = Run.open(folder)
    lines = [Judgment.from_dict(line) for line in read_lines(folder / "judgments.jsonl")]
    answered = Counter(judgment.key for judgment in lines if judgment.status in ANSWERED)
    assert set(answered.values()) <= {1}, "a verdict that was there was asked for again"
    summary = json.loads((folder / "summary.json").read_text())
    final = {judgment.key: judgment.to_dict() for judgment in run.judgments()}
    assert summary["judgments"] == len(final) and run.state() == "done"
    assert not list(folder.glob("*.tmp"))
    return {key: {name: value for name, value in one.items() if name not in LEFT_OUT} for key, one in final.items()}


def items_of(folder: Path) -> dict[str, dict[str, Any]]:
    return {name: item.to_dict() for name, item in Run.open(folder).items().items()}
