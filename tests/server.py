"""The real page in a process of its own, for the tests of the page."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
START_SECONDS = 240

# Replies by what the instruction asks; the last rule scores anything.
SCRIPT = """
rules:
  - contains: slowly
    reply: <thinking>It took its time.</thinking><score>3</score>
    probs: {"1": 0.05, "2": 0.15, "3": 0.5, "4": 0.2, "5": 0.1}
    delay_seconds: 2
  - where: {instruction: ramble}
    reply: It is rather good <img src=x onerror="window.pwned = true">.
  - where: {instruction: break}
    fail: out of memory
  - contains: <response_c>
    reply: <thinking>The third first.</thinking><ranking>C > A > B</ranking>
  - contains: <response_b>
    reply: <thinking>The first one shown.</thinking><answer>A</answer>
    probs: {"A": 0.9, "B": 0.1}
  - reply: '<thinking>A circle moves, as stated. <img src=x onerror="window.pwned = true"></thinking><score>4</score>'
    probs: {"1": 0.01, "2": 0.04, "3": 0.15, "4": 0.7, "5": 0.1}
"""


@contextmanager
def serving(folder: Path, *options: str, **environment: str) -> Iterator[tuple[str, str]]:
    """Run `python app.py` with its runs under `folder`. Gives the page's address and the spec of a scripted judge.

    `options` are more words of the command, `environment` more of its variables.
    """
    script = folder / "judge.yaml"
    script.write_text(SCRIPT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "app.py"), "--port", str(port), "--runs", str(folder / "runs"), *options]
    env = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        **environment,
    }
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{port}/", process, folder / "server.log")
        yield f"http://127.0.0.1:{port}", f"scripted:{script}"
    finally:
        process.terminate()
        process.wait(20)


def wait_for(address: str, process: subprocess.Popen, log: Path, seconds: float = START_SECONDS) -> None:
    """Return when the page answers; AssertionError, with the end of its log, when it ends or takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=60):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.3)
    raise AssertionError(f"the page did not start:\n{log.read_text()[-3000:]}")
