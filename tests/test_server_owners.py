"""Owners of run folders: names from tokens, marks, and that central doors to run folders keep to them."""

import errno
import json
import os
import threading
import time
from types import SimpleNamespace

import pytest

from workbench import jobs, owners
from workbench.errors import InputError
from workbench.owners import NOBODY, SCOPE_KEY, claim, current_owner, new_token, own_name, owner_of, owns, visible
from workbench.run_folders import chosen_folder, free_folder
from workbench.store import Run

ANNA, BEN = owner_of("anna" * 8), owner_of("ben-" * 8)


@pytest.fixture
def asked_by(monkeypatch):
    def ask(owner):
        monkeypatch.setattr(owners, "_reader", lambda: owner)

    return ask


def test_a_name_does_not_hold_its_token():
    token = new_token()
    assert owners.TOKEN.fullmatch(token) and owner_of(token) == owner_of(token) and token not in owner_of(token)
    assert owner_of(token) != owner_of(new_token())


@pytest.mark.parametrize(("scope", "owner"), [({SCOPE_KEY: ANNA}, ANNA), ({SCOPE_KEY: None}, None), ({}, NOBODY)])
def test_a_request_is_made_by_whom_the_gate_found(scope, owner):
    assert current_owner(SimpleNamespace(scope=scope)) == owner


def test_what_did_not_come_through_the_gate_owns_nothing(tmp_path):
    assert current_owner(None) == NOBODY
    assert not owns(tmp_path, NOBODY)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"owner": ""}', '{"owner": 3}', '{"name": "x"}'])
def test_a_broken_mark_is_nobodys(tmp_path, content):
    (tmp_path / owners.OWNER_FILE).write_text(content)
    assert not owns(tmp_path, ANNA) and not owns(tmp_path, "") and owns(tmp_path, None)


def test_one_user_owns_everything_and_leaves_no_marks(tmp_path, asked_by):
    asked_by(None)
    claim(tmp_path / "run")
    assert not (tmp_path / "run").exists() and visible(tmp_path) and own_name("labels") == "labels"


def test_runs_are_listed_chosen_and_named_by_their_owner_alone(tmp_path, asked_by):
    asked_by(ANNA)
    run = Run.create(tmp_path / "mine", config={})
    assert json.loads((run.folder / owners.OWNER_FILE).read_text()) == {"owner": ANNA}
    asked_by(None)
    Run.create(tmp_path / "of-a-command", config={})
    seen = {}
    for who in (ANNA, BEN, NOBODY, None):
        asked_by(who)
        seen[who] = sorted(job.folder.name for job in jobs.list_jobs(tmp_path))
    assert seen == {ANNA: ["mine"], BEN: [], NOBODY: [], None: ["mine", "of-a-command"]}
    asked_by(BEN)
    for name in ("mine", "of-a-command", "no-such-run"):  # and all three are told alike
        with pytest.raises(InputError, match="there is no run"):
            chosen_folder(tmp_path, name)
    with pytest.raises(InputError, match="there already"):
        free_folder("mine", tmp_path, "sweep")
    assert free_folder("other", tmp_path, "sweep") == tmp_path / "other"
    asked_by(ANNA)
    assert chosen_folder(tmp_path, "mine") == tmp_path / "mine"
    with pytest.raises(InputError, match="there already"):
        free_folder("other", tmp_path, "sweep")


def test_a_demo_works_on_one_job_of_each_and_few_in_all(tmp_path, asked_by, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DEMO", "1")
    alive = set()
    monkeypatch.setattr(jobs, "is_locked", lambda path: path.parent.name in alive)
    for number in range(jobs.DEMO_JOBS + 1):
        asked_by(owner_of(f"{number}" * 40))
        claim(tmp_path / f"run{number}")
        (tmp_path / f"run{number}" / "job.json").write_text("{}")
        if number < jobs.DEMO_JOBS:
            jobs._check_demo(tmp_path / "new")
        alive.add(f"run{number}")
        with pytest.raises(InputError, match="job of yours"):
            jobs._check_demo(tmp_path / "new")
    asked_by(BEN)
    with pytest.raises(InputError, match="5 jobs are at work"):
        jobs._check_demo(tmp_path / "new")
    asked_by(None)  # a command
    jobs._check_demo(tmp_path / "new")


def test_clicks_at_once_start_one_job_of_a_person(tmp_path, asked_by, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DEMO", "1")
    asked_by(ANNA)
    check, told = jobs._check_demo, []

    def slow_check(folder):
        check(folder)
        time.sleep(0.1)  # the others ask meanwhile

    def begin(name):
        try:
            jobs.start(["-c", "import time; time.sleep(600)"], tmp_path / name)
        except InputError as error:
            told.append(str(error))

    monkeypatch.setattr(jobs, "_check_demo", slow_check)
    clicks = [threading.Thread(target=begin, args=(f"run{number}",)) for number in range(3)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    started = [job.folder for job in jobs.list_jobs(tmp_path) if job.alive]
    for folder in started:
        jobs.stop(folder, grace_seconds=0.1)
    assert len(started) == 1 and len(told) == 2 and "one at a time" in told[0]


def test_a_folder_with_files_of_others_cannot_be_claimed(tmp_path, asked_by):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "items.jsonl").write_text("{}\n")
    asked_by(ANNA)
    with pytest.raises(InputError, match="there already"):
        claim(tmp_path / "set")
    assert not visible(tmp_path / "set")


def test_a_claim_that_a_full_disk_breaks_off_leaves_the_name_free(tmp_path, asked_by, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    asked_by(ANNA)
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            claim(tmp_path / "run")
    asked_by(BEN)
    claim(tmp_path / "run")
    assert owns(tmp_path / "run", BEN)


def test_everybody_has_labels_of_their_own(asked_by):
    asked_by(ANNA)
    mine = own_name("labels")
    asked_by(BEN)
    assert mine != own_name("labels") and mine.startswith("labels-")
