"""Processes that train one model learn as one, and end with the one that started them, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

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


def learn(folder, until):
    """Some steps of a model of three maps and a bias; every process leaves the values that it ends with."""
    from training.loop import Place, train
    from training.presets import Stage
    from training.processes import rank

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Linear(16, 16), torch.nn.Linear(16, 4))
    inputs, wanted = torch.randn(32, 8), torch.randn(32, 4)

    def loss_of(step):
        if step == until:
            raise KeyboardInterrupt
        some = slice(step % 4 * 8, step % 4 * 8 + 8)
        return ((model(inputs[some]) - wanted[some]) ** 2).mean(), {}

    place = Place("toy", folder / "metrics.jsonl", folder / "state.pt")
    try:
        train(model.parameters(), loss_of, Stage(steps=130, lr=1e-2), place, [model[0], model[1]])
    except KeyboardInterrupt:
        return
    torch.save(model.state_dict(), folder / f"{rank()}.pt")


def test_two_processes_that_share_the_matrices_learn_what_one_does(tmp_path):
    from training.processes import run

    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    learn(one, None)
    run(learn, (two, 115), 2)
    assert not (two / "0.pt").exists()
    run(learn, (two, None), 2)  # goes on from the state after 100 steps, of both processes' optimizers
    expected = torch.load(one / "0.pt")
    for found in (two / "0.pt", two / "1.pt"):
        for name, values in torch.load(found).items():
            assert torch.equal(values, expected[name]), (found, name)
