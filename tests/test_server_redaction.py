"""Secrets do not get into logs, run.json, status, errors or what the page shows."""

import json
import subprocess
import sys

import pytest

from tests.server import ROOT
from workbench import jobs
from workbench.page.show import error_note
from workbench.redaction import HIDDEN, redact, redact_values
from workbench.schema import Judgment
from workbench.store import Run

HF, OPENAI = "hf_" + "aB3" * 11, "sk-proj-" + "x9Y" * 8
PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_TOKEN", "plain-token-of-no-known-form")
    monkeypatch.setenv("WORKBENCH_PASSWORD", PASSWORD)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"401 for {HF}, log in", f"401 for {HIDDEN}, log in"),
        (f"key={OPENAI}", f"key={HIDDEN}"),
        ("Authorization: Bearer abc.def-123456", f"Authorization: Bearer {HIDDEN}"),
        ("at https://anna:secret@host/v1", f"at https://{HIDDEN}@host/v1"),
        ("token plain-token-of-no-known-form!", f"token {HIDDEN}!"),
        (f"user said {PASSWORD}", f"user said {HIDDEN}"),
        (
            "a hf_model and sk-learn, 12:30 at https://host:8000/v1",
            "a hf_model and sk-learn, 12:30 at https://host:8000/v1",
        ),
        ("", ""),
    ],
)
def test_secrets_are_hidden_and_nothing_else(text, shown):
    assert redact(text) == shown


def test_the_stored_token_of_the_hub_is_a_secret(tmp_path):
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "token").write_text("kept-by-the-hub-client\n")
    assert redact_values({"a": ["kept-by-the-hub-client", 1, None]}) == {"a": [HIDDEN, 1, None]}


def test_no_file_of_a_run_holds_a_secret(tmp_path):
    run = Run.create(
        tmp_path / "run", config={"judge": f"server:x@https://u:{PASSWORD}@h"}, command=f"judge --token={HF}"
    )
    with pytest.raises(RuntimeError), run.writing():
        run.append(Judgment("i", "j", "p@1", "failed", error=f"401 with {OPENAI}"))
        raise RuntimeError(f"refused: {HF}")
    assert Run.create_or_resume(run.folder, config={"judge": f"server:x@https://u:{PASSWORD}@h"}).judgments()
    written = "".join(path.read_text() for path in run.folder.iterdir())
    assert HIDDEN in written
    for secret in (HF, OPENAI, PASSWORD):
        assert secret not in written


def test_a_page_shows_none():
    assert HF not in error_note(f"refused: {HF}") and HIDDEN in error_note(f"refused: {HF}")


@pytest.mark.slow  # two processes
def test_neither_a_command_nor_its_log_tells_one(tmp_path):
    code = ("from workbench.door import answer; from workbench.errors import InputError\n"
            f"def work(): print('out {HF}'); raise InputError('at {OPENAI}')\n"
            "raise SystemExit(answer(work, 'stopped'))")  # fmt: skip
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 2 and f"out {HIDDEN}" in told.stdout and f"at {HIDDEN}" in told.stderr
    code = f"import sys\nfrom workbench.redaction import guard_output\nguard_output()\nraise ValueError('{HF}')"
    folder = tmp_path / "run"
    (tmp_path / "job.py").write_text(code)
    jobs.start([str(tmp_path / "job.py")], folder)
    deadline = 300
    while jobs.find(folder).alive and (deadline := deadline - 1):
        import time

        time.sleep(0.1)
    log = (folder / "log.txt").read_text()
    assert "ValueError" in log and HF not in json.dumps(log.splitlines()[-1])
