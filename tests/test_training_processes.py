"""Processes that train one model end with the one that started them, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT, WAIT = Path(__file__).parent.parent, 60


SCRIPT = """
import os, sys, time
from pathlib import Path
from training.processes import rank, run
from workbench.terminations import termination_as_interrupt

def note_and_stay(folder):
    (folder / f"{rank()}.part").write_text(str(os.getpid()))
    (folder / f"{rank()}.part").rename(folder / str(rank()))
    time.sleep(60)

if __name__ == "__main__":
    with termination_as_interrupt():
        run(note_and_stay, (Path(sys.argv[1]),), 2)
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_ended_it_takes_its_processes_along(tmp_path, sign):
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}
    )
    ended = time.monotonic() + WAIT
    while not all((tmp_path / name).exists() for name in "01"):
        assert parent.poll() is None and time.monotonic() < ended
        time.sleep(0.1)
    workers = [psutil.Process(int((tmp_path / name).read_text())) for name in "01"]
    parent.send_signal(sign)
    parent.wait(WAIT)
    _, left = psutil.wait_procs(workers, timeout=WAIT)
    assert not left
