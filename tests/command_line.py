"""What the tests of the command line share: a working folder with a clip and a scripted judge, and ways to type."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from clips import Clip

from workbench.__main__ import main

ROOT = Path(__file__).parent.parent
SCRIPT = r"""
rules:
  - {where: {response: overloaded}, fail: the judge is overloaded}
  - {where: {response: noise}, reply: "no verdict \e[31mred\e[0m \e]0;title\a here"}
  - {contains: <response_c>, reply: <thinking>hm</thinking><ranking>C > A > B</ranking>}
  - {where: {response: first is best}, reply: <answer>A</answer>}
  - {contains: <response_a>, matches: "<response_a>\\s*better", reply: <answer>A</answer>, probs: {"A": 0.9, "B": 0.1}}
  - {contains: <response_a>, reply: <answer>B</answer>, probs: {"A": 0.2, "B": 0.8}}
  - where: {response: ""}
    reply:
      - "<rubric>1 wrong\n5 right</rubric><thinking>The ball \e[2Jis red.</thinking><score>4</score>"
      - "<rubric>1 wrong\n5 right</rubric><thinking>Less sure.</thinking><score>2</score>"
    probs: {"1": 0.0, "2": 0.05, "3": 0.1, "4": 0.65, "5": 0.2}
"""


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    return Clip(frames=24).write(tmp_path_factory.mktemp("clip") / "a.mp4")


@pytest.fixture
def work(tmp_path, clip, monkeypatch):
    """A working folder with a clip, a file that is none, and a scripted judge."""
    (tmp_path / "a.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "broken.mp4").write_bytes(b"not a video at all")
    (tmp_path / "judge.yaml").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


JUDGE = ["--judge=scripted:judge.yaml"]
ASK = ["judge", "a.mp4", "--instruction=What is it?", "--response=A red ball.", *JUDGE]


def run(capsys, *argv):
    """Exit code, stdout and stderr of a command line."""
    code = main([str(word) for word in argv])
    said = capsys.readouterr()
    return code, said.out, said.err


def table(path, rows, header=("video", "question", "answer")):
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return Path(path)


def command(*argv, **options):
    """A real process of the command line."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-m", "workbench", *map(str, argv)], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # fmt: skip
