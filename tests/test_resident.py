"""The page's resident judge where the machine has nothing left: no descriptors, no space. No lock and no place is lost."""

import errno
import os
import threading
import time
from types import SimpleNamespace

import pytest

from workbench import turns
from workbench.page import resident as residence
from workbench.page.resident import ResidentJudge
from workbench.turns import Turn


@pytest.fixture
def resident(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_QUEUE", str(tmp_path / "line"))
    monkeypatch.setattr(turns, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(residence, "load_for_page", lambda spec: SimpleNamespace(name=spec, close=lambda: None))
    return ResidentJudge()


def out_of_descriptors(*_):
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def asked(resident):
    with resident.judge("embedded") as backend:
        return backend.name


def in_time(true):
    deadline = time.monotonic() + 30
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(true())


def test_a_verdict_is_given_and_the_judge_is_free_though_nobody_can_look_who_waits(resident, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(residence, "_somebody_waits", out_of_descriptors)
        assert asked(resident) == "embedded"
        assert not resident._lock.locked()
        time.sleep(5 * turns.LOOK_SECONDS)  # the one that makes room looks, and cannot
    with turns.ask(Turn("job", "waits", os.getpid(), time.time())) as ticket:  # it looks still
        assert in_time(lambda: turns.holders() == [])
        ticket.take().give_back()
    assert asked(resident) == "embedded"


def test_a_judge_that_cannot_be_closed_leaves_lock_and_place(resident, monkeypatch):
    def fail():
        raise RuntimeError("the driver is gone")

    with pytest.raises(RuntimeError), resident.judge("embedded") as backend:
        backend.close = fail
        monkeypatch.setattr(residence, "_somebody_waits", lambda *since: True)
    assert not resident._lock.locked() and turns.holders() == []


def test_a_place_without_anybody_to_make_room_is_given_back(resident, monkeypatch):
    def no_thread(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(RuntimeError):
        asked(resident)
    assert turns.holders() == []


def test_on_a_full_disk_nobody_stays_in_line_or_on_a_place(resident, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken, pytest.raises(OSError):
        broken.setattr(os, "pwrite", full)
        turns.ask(Turn("page", "x", os.getpid(), time.time()))
    with turns.ask(Turn("page", "x", os.getpid(), time.time())) as ticket:
        with monkeypatch.context() as broken, pytest.raises(OSError):
            broken.setattr(os, "pwrite", full)
            ticket.take()
        place = ticket.take()
        assert place is not None
        place.give_back()
    assert not list((turns.line_folder() / "waiting").iterdir())
