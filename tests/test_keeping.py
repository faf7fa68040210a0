"""Verdicts kept in a dataset on the stand-in of the Hub: what goes there, what fails and how it is told, what it never stops."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub_stand_in import READ_TOKEN, Refused, hub  # noqa: F401  a fixture
from workbench.errors import InputError
from workbench.page.keeping import Kept, keeper_of, keeping_note

ROOT = Path(__file__).parent.parent
# The Hub's client reads its environment when it is imported, so each of these is a process.
KEEP = """
import json, sys
from pathlib import Path
from workbench.page.keeping import Keeper
runs = Path(sys.argv[1])
keeper = Keeper(runs, "ann/verdicts")
told = []
for step in sys.argv[2:]:
    if step == "commit":
        told.append(keeper.commit()._asdict())
    else:
        with (runs / "page-1" / "judgments.jsonl").open("a") as lines:
            lines.write('{"score": 2}\\n')
print(json.dumps(told))
import os
sys.stdout.flush()
os._exit(0)  # without the client's own last commit at exit
"""


@pytest.fixture
def runs(tmp_path):
    run = tmp_path / "runs" / "page-1"
    run.mkdir(parents=True)
    for name, text in {"run.json": "{}", "items.jsonl": "{}\n", "judgments.jsonl": '{"score": 4}\n', "log.txt": "path",
                       "owner.json": "{}", "status.json": "{}"}.items():  # fmt: skip
        (run / name).write_text(text)
    return tmp_path / "runs"


def keep(hub, runs, home, *steps, token=None):  # noqa: F811
    env = hub.env(home, token or hub.token)
    shown = subprocess.run(
        [sys.executable, "-c", KEEP, str(runs), *steps], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
    assert hub.token not in shown.stdout
    return json.loads(shown.stdout.splitlines()[-1])


def test_records_go_to_a_private_dataset_and_only_what_is_new_goes_again(hub, runs, tmp_path):  # noqa: F811
    first, idle, second = keep(hub, runs, tmp_path / "home", "commit", "commit", "write", "commit")
    assert (first["commits"], idle["commits"], second["commits"]) == (1, 1, 2)
    assert not second["problem"]
    dataset = hub.repos["dataset", "ann/verdicts"]
    assert dataset.private
    files = {path: text for path, text in hub.read("ann/verdicts", "dataset").items() if "/" in path}
    assert {path.split("/", 1)[1] for path in files} == {
        "page-1/run.json",
        "page-1/items.jsonl",
        "page-1/judgments.jsonl",
    }
    judged = next(text for path, text in files.items() if path.endswith("judgments.jsonl"))
    assert judged == b'{"score": 4}\n{"score": 2}\n'
    assert b"judgments.jsonl" in hub.read("ann/verdicts", "dataset")["README.md"]


def test_a_failure_is_told_and_the_next_commit_makes_up_for_it(hub, runs, tmp_path):  # noqa: F811
    refusals = iter([Refused(500, "the disk is full")] * 1)
    hub.before = lambda seen: next(refusals, None) if "/commit/" in seen.path and "dataset" in seen.path else None
    failed, made = keep(hub, runs, tmp_path / "home", "commit", "commit")
    assert "the disk is full" in failed["problem"] or "500" in failed["problem"]
    assert made["commits"] == 1 and not made["problem"]


def test_a_token_that_may_not_write_is_told(hub, runs, tmp_path):  # noqa: F811
    (refused,) = keep(hub, runs, tmp_path / "home", "commit", token=READ_TOKEN)
    assert "write access" in refused["problem"] and refused["commits"] == 0


# -- without a Hub


def test_nothing_is_kept_unless_the_environment_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("WORKBENCH_RESULTS", raising=False)
    assert keeper_of(tmp_path) is None
    monkeypatch.setenv("WORKBENCH_RESULTS", "ann/verdicts")
    assert keeper_of(tmp_path).state == Kept("ann/verdicts")


@pytest.mark.parametrize(("name", "value", "said"), [
    ("WORKBENCH_RESULTS", "verdicts", "expected user/dataset"),
    ("WORKBENCH_RESULTS_MINUTES", "soon", "expected a number of minutes"),
    ("WORKBENCH_RESULTS_MINUTES", "-1", "above 0"),
])  # fmt: skip
def test_what_it_cannot_be_is_refused_at_the_start(tmp_path, monkeypatch, name, value, said):
    monkeypatch.setenv("WORKBENCH_RESULTS", "ann/verdicts")
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=said):
        keeper_of(tmp_path)


def test_starting_returns_at_once_and_a_hub_that_is_away_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RESULTS", "ann/verdicts")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    keeper = keeper_of(tmp_path)
    assert "no Hub token" in keeper.commit().problem
    assert os.listdir(tmp_path) == [], "it makes no folder that judging would find"


def test_the_note_says_where_and_what_is_wrong():
    assert "dataset ann/verdicts" in keeping_note(Kept("ann/verdicts"))
    assert "Last saved at 00:01 UTC" in keeping_note(Kept("ann/verdicts", 1, 60.0))
    told = keeping_note(Kept("ann/verdicts", problem="The Hub answered <b>503</b>."))
    assert "fails at present" in told and "&lt;b&gt;" in told and "run folders meanwhile" in told
