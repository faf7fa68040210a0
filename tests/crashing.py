"""Killing real runs at random moments: what the fault tests share. A run that was killed and gone on with must come to
the same final judgments as one that was left alone."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.schema import Judgment
from workbench.store import ANSWERED, Run, read_lines

ROOT = Path(__file__).parents[1]
FINISHED = (0, 1)  # exit codes of a run that came to its end: all scored, or some were not
LEFT_OUT = ("usage", "created")  # of a judgment: what may differ between two runs that come to the same
SECONDS = 600


def begin(
    words: Sequence[str], limit: Callable[[], None] | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.Popen:
    """A command in a process group of its own, without the Hub unless its environment is given."""
    own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    inside = {**(environment or {**os.environ, "HF_HUB_OFFLINE": "1"}), **own}
    return subprocess.Popen([sys.executable, *words], cwd=ROOT, env=inside, start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=limit)  # fmt: skip


def finish(words: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command to its end, which must be a good one."""
    process = begin(words, environment=environment)
    said = process.communicate(timeout=SECONDS)[1]
    assert process.returncode in FINISHED, said[-3000:]


def kill_somewhere(
    words: Sequence[str], file: Path, seconds: float, chance: random.Random, power_cuts: bool = True
) -> bool:
    """Start a command and kill -9 its group: after a random time, or once a file has grown by some random bytes.

    With `power_cuts` the file then loses, half of the times, some bytes of its last line. False where the command came to
    its end first.
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
    if power_cuts and chance.random() < 0.5:
        tear(file, chance)
    return not ended


def kill_five_times(
    words: Sequence[str], folder: Path, file: str, seconds: float, seed: int, power_cuts: bool = True
) -> None:
    """Kill a command that writes a run folder at five moments, then let it finish; `file` is what grows in it."""
    chance, kills = random.Random(seed), 0
    print(f"CRASH_SEED={seed}")
    while kills < 5:
        if kill_somewhere(words, folder / file, seconds, chance, power_cuts):
            kills += 1
        else:
            shutil.rmtree(folder)  # it was done before: another run to kill
    finish(words)


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
    assert set(_answered(folder).values()) <= {1}, "a verdict that was there was asked for again"
    summary = json.loads((folder / "summary.json").read_text())
    final = {judgment.key: judgment.to_dict() for judgment in run.judgments()}
    assert summary["judgments"] == len(final) and run.state() == "done"
    assert not list(folder.glob("*.tmp"))
    return {key: {name: value for name, value in one.items() if name not in LEFT_OUT} for key, one in final.items()}


def _answered(folder: Path) -> Counter[str]:
    """How often each request of a run was answered; a bootstrap asks for what its journal has not, and writes sets anew."""
    if (journal := folder / "replies.jsonl").exists():
        return Counter(line["key"] for line in read_lines(journal))
    lines = [Judgment.from_dict(line) for line in read_lines(folder / "judgments.jsonl")]
    return Counter(judgment.key for judgment in lines if judgment.status in ANSWERED)


def items_of(folder: Path) -> dict[str, dict[str, Any]]:
    return {name: item.to_dict() for name, item in Run.open(folder).items().items()}
