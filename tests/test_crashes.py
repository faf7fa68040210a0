"""kill -9 at any moment, a full disk, a torn last line: a run that goes on comes to what an undisturbed one comes to.

The default suite kills a few scripted runs; `-m slow` kills them at 60 moments, and the embedded judge at five of every
kind of job. The seed of the moments is CRASH_SEED, or one that the test prints.
"""

import errno
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.crashing import (
    ROOT,
    begin,
    final_judgments,
    finish,
    items_of,
    kill_five_times,
    kill_somewhere,
    size_of,
    tear,
)
from tests.finetune_data import make_dataset
from tests.hub_stand_in import TOKEN, hub  # noqa: F401  a fixture
from tests.test_analysis_commands import pairs, ratings, write
from tests.test_training_dpo import make_pairs
from workbench.jobs import find
from workbench.store import Run

SCRIPT = """
rules:
  - where: {instruction: number 7}
    fail: out of memory
  - contains: answer 3
    reply: I cannot say.
    delay_seconds: 0.004
  - reply: <thinking>It is as stated, and more is said than needs to be said about it here.</thinking><score>4</score>
    probs: {"1": 0.1, "2": 0.1, "3": 0.1, "4": 0.6, "5": 0.1}
    delay_seconds: 0.004
"""
EMBEDDED = ROOT / "workbench/embedded"
SEED = int(os.environ.get("CRASH_SEED", time.time_ns() % 2**31))


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table of 120 items, and the words of the command that judges it."""
    folder = tmp_path_factory.mktemp("table")
    (folder / "judge.yaml").write_text(SCRIPT)
    rows = "".join(f"What is number {number}?,answer {number % 10}\n" for number in range(120))
    (folder / "items.csv").write_text("instruction,response\n" + rows)
    return ["-m", "workbench", "judge", "--items", str(folder / "items.csv"),
            "--judge", f"scripted:{folder / 'judge.yaml'}", "--no-video"]  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(table, tmp_path_factory):
    """What a run that nobody disturbs comes to, and how many seconds it takes."""
    folder, started = tmp_path_factory.mktemp("undisturbed") / "run", time.monotonic()
    finish([*table, "--out", str(folder)])
    found = final_judgments(folder)
    assert len(found) == 120 and {one["status"] for one in found.values()} == {"scored", "unparsed", "failed"}
    return folder, time.monotonic() - started


def killed_until_done(words, folder, file, seconds, seed, most=12):
    """Kill a command again and again at random moments, then let it finish. Gives how often it was killed."""
    chance, kills = random.Random(seed), 0
    print(f"CRASH_SEED={seed}")
    for _ in range(most):
        if not kill_somewhere(words, file, seconds, chance):
            break
        kills += 1
        assert find(folder).state in ("failed", "done") or not (folder / "run.json").exists()
    finish(words)
    return kills


def test_a_run_that_was_killed_comes_to_the_same(table, undisturbed, tmp_path):
    whole, seconds = undisturbed
    for number in range(5):  # a run may be done before the moment that was drawn to kill it; then another one is
        folder = tmp_path / str(number)
        words = [*table, "--out", str(folder)]
        kills = killed_until_done(words, folder, folder / "judgments.jsonl", seconds, SEED + number, most=3)
        assert final_judgments(folder) == final_judgments(whole) and items_of(folder) == items_of(whole)
        if kills:
            break
    assert kills


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_sixty_kills_lose_double_and_change_nothing(table, undisturbed, tmp_path):
    whole, seconds = undisturbed
    kills = number = 0
    while kills < 60:
        folder = tmp_path / str(number)
        file = folder / random.Random(number).choice(["judgments.jsonl", "judgments.jsonl", "items.jsonl"])
        kills += killed_until_done([*table, "--out", str(folder)], folder, file, seconds, SEED + number)
        assert final_judgments(folder) == final_judgments(whole) and items_of(folder) == items_of(whole)
        number += 1
    print(f"{kills} kills of {number} runs")


def test_torn_files_are_made_whole(undisturbed, table, tmp_path):
    """Power is cut while they are written."""
    whole, _ = undisturbed
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    for name in ("judgments.jsonl", "items.jsonl", "rejected.jsonl", "status.json", "summary.json", "writer.json"):
        (folder / name).touch()
        tear(folder / name, random.Random(SEED))
    (folder / "status.99999.tmp").write_text("{")
    finish([*table, "--out", str(folder)])
    assert final_judgments(folder) == final_judgments(whole) and items_of(folder) == items_of(whole)


# -- a full disk


def small_files():
    """No file may grow beyond some kilobytes: a write that does is cut in its middle and fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))


def test_a_disk_that_is_full_ends_a_run_in_one_line_and_it_goes_on_once_there_is_room(table, undisturbed, tmp_path):
    whole, _ = undisturbed
    assert size_of(whole / "judgments.jsonl") > 40_000
    words = [*table, "--out", str(tmp_path / "run")]
    process = begin(words, small_files)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 2 and os.strerror(errno.EFBIG) in said and "Traceback" not in said
    assert "Correct that and try again" in said
    assert find(tmp_path / "run").state == "failed"
    assert 0 < len(Run.open(tmp_path / "run").judgments()) < 120
    finish(words)
    assert final_judgments(tmp_path / "run") == final_judgments(whole)


FULL = """
import os, subprocess, sys
folder, *words = sys.argv[1:]
if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", folder]).returncode:
    sys.exit(77)
first = subprocess.run([sys.executable, *words], capture_output=True, text=True)
print(first.returncode, first.stderr.strip().splitlines()[-1])
left = os.listdir(folder + "/run")
subprocess.run(["mount", "-o", "remount,size=8m", folder], check=True)
second = subprocess.run([sys.executable, *words], capture_output=True, text=True)
print(second.returncode, second.stderr.strip().splitlines()[-1])
subprocess.run(["cp", "-r", folder + "/run", folder + "-kept"], check=True)
"""


@pytest.mark.slow
def test_a_file_system_without_space(table, undisturbed, tmp_path):
    """A real one, in a mount namespace of its own; skips where that may not be made."""
    whole, _ = undisturbed
    disk = tmp_path / "disk"
    disk.mkdir()
    words = [*table, "--out", str(disk / "run")]
    done = subprocess.run(["unshare", "-rm", sys.executable, "-c", FULL, str(disk), *words], cwd=ROOT,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)  # fmt: skip
    if done.returncode and not done.stdout:
        pytest.skip(f"no mount namespaces here: {done.stderr.strip()[-200:]}")
    first, second = done.stdout.splitlines()
    assert first.startswith("2 error:") and os.strerror(errno.ENOSPC) in first
    assert second[0] in "01"
    assert final_judgments(tmp_path / "disk-kept") == final_judgments(whole)


# -- every kind of job, with the judge that ships


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A few short scenes, as a run folder and as seeds."""
    from bootstrap.__main__ import main

    folder = tmp_path_factory.mktemp("world") / "world"
    assert main(["world", f"--out={folder}", "--scenes=4", "--split=train", "--setting=core", "--objects-max=1",
                 "--seconds-min=1", "--seconds-max=1.5"]) == 0  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def answers(world, tmp_path_factory):
    """A table of the world's items."""
    rows = [json.loads(line) for line in (world / "items.jsonl").read_text().splitlines()]
    path = tmp_path_factory.mktemp("answers") / "answers.jsonl"
    given = [{"video": str(world / row["video"]["path"]), "instruction": row["instruction"], "response": row["responses"][0]}
             for row in rows if len(row["responses"]) == 1][:16]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    return path


def commands(kind, world, answers):
    """The words of a job without its --out, and the file of its run folder that grows while it works."""
    given = {
        "judging": ["-m", "workbench", "judge", "--items", str(answers)],
        "sweep": ["-m", "analysis", "sweep", str(answers), "--temperatures", "0,0.5", "--frames", "4", "--samples", "2",
                  "--limit", "6"],
        "audit": ["-m", "analysis", "audit", str(world), "--items", "4", "--only", "looking,verbosity"],
        # The judge that ships only judges: it neither generates nor evaluates here.
        "bootstrap": ["-m", "bootstrap", "run", "--seeds", str(world), "--generator", "world:miss=0.3", "--evaluator",
                      "world:noise=0.1"],
    }[kind]  # fmt: skip
    return given, "replies.jsonl" if kind == "bootstrap" else "judgments.jsonl"


def timed(words):
    """How many seconds a command takes that nobody disturbs."""
    started = time.monotonic()
    finish(words)
    return time.monotonic() - started


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["judging", "sweep", "audit", "bootstrap"])
def test_five_kills_of_every_kind_of_job_that_judges(kind, world, answers, tmp_path):
    words, file = commands(kind, world, answers)
    seconds = timed([*words, "--out", str(tmp_path / "whole")])
    kill_five_times([*words, "--out", str(tmp_path / "run")], tmp_path / "run", file, seconds, SEED)
    assert same(final_judgments(tmp_path / "run"), final_judgments(tmp_path / "whole"))
    assert items_of(tmp_path / "run") == items_of(tmp_path / "whole") != {}


def same(one, other):
    """Equal in every word; probabilities, which sum in another order beside other requests, up to rounding in fp32."""
    assert one.keys() == other.keys()
    for key, judgment in one.items():
        expected = dict(other[key])
        assert judgment.pop("probs", None) == pytest.approx(expected.pop("probs", None), abs=1e-5)
        assert judgment == expected
    return bool(one)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_five_kills_of_a_report(tmp_path):
    groups = [ratings(video, 1 + video % 5) for video in range(20)] + [pairs(video) for video in range(18)]
    words = ["-m", "analysis", "report", write(tmp_path / "rated", groups), "--by", "dimension", "--out"]
    seconds = timed([*words, str(tmp_path / "whole")])
    kill_five_times([*words, str(tmp_path / "run")], tmp_path / "run", "report.json", seconds, SEED)
    assert final_judgments(tmp_path / "run") == {}  # done, and no draft is left
    for name in ("report.html", "report.json", "sections.json"):
        texts = [(tmp_path / folder / name).read_text() for folder in ("run", "whole")]
        assert texts[0].replace(str(tmp_path / "run"), str(tmp_path / "whole")) == texts[1], name


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("dataset"), train=2, validation=1)


def learned(folder):
    """What a training came to: its steps with their losses, and the weights of the judge."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    curve = [(line["step"], name, line[name]) for line in lines for name in ("loss", "validation_loss") if name in line]
    [weights] = (folder / "final").glob("*.safetensors")
    assert Run.open(folder).state() == "done"
    return curve, load_file(weights)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["fit", "dpo"])
def test_five_kills_of_a_training_of_the_embedded_judge(kind, rows, tmp_path):
    data = ["--data", str(rows)] if kind == "fit" else [str(make_pairs(tmp_path / "preferences"))]
    preset = ["--preset", "videojudge-3b-lora", "--mix", "pointwise", "--eval-every", "4"] if kind == "fit" else []
    words = ["-m", "training", kind, *data, "--base", str(EMBEDDED), *preset, "--rank", "2", "--batch", "2",
             "--accumulation", "1", "--epochs", "4", "--save-every", "2"]  # fmt: skip
    seconds = timed([*words, "--out", str(tmp_path / "whole")])
    kill_five_times(
        [*words, "--out", str(tmp_path / "run")], tmp_path / "run", "metrics.jsonl", seconds, SEED, power_cuts=False
    )
    (curve, weights), (wanted, whole) = learned(tmp_path / "run"), learned(tmp_path / "whole")
    assert [line[:2] for line in curve] == [line[:2] for line in wanted]
    assert [loss for *_, loss in curve] == pytest.approx([loss for *_, loss in wanted], rel=1e-5)
    assert weights.keys() == whole.keys()
    assert all(np.allclose(weights[name], whole[name], atol=1e-5) for name in whole)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_five_kills_of_a_push_of_the_embedded_judge(hub, tmp_path):  # noqa: F811
    """Each while the Hub is asked something: what is there is nothing or the whole judge, and it goes up once."""
    shutil.copytree(EMBEDDED, tmp_path / "run" / "final")
    words = ["-m", "training", "push", str(tmp_path / "run"), "--repo", "ann/judge"]
    finish(words, hub.env(tmp_path / "home", TOKEN))
    whole, asked = hub.read("ann/judge"), len(hub.seen)
    hub.repos.clear()
    environment = hub.env(tmp_path / "other", TOKEN)
    for moment in random.Random(SEED).sample(range(asked), 5):
        hub.seen.clear()
        process = begin(words, environment=environment)
        hub.before = lambda seen, process=process, moment=moment: len(hub.seen) > moment and process.kill()
        process.communicate(timeout=300)
        repo = hub.repos.get(("model", "ann/judge"))
        assert repo is None or hub.read("ann/judge").keys() in ({".gitattributes"}, whole.keys())
    hub.before = lambda seen: None
    finish(words, environment)
    assert hub.read("ann/judge") == whole
