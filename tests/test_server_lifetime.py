"""Files of a page for many are deleted some days after they were last handed over, and nobody else's are."""

import os
import time

import pytest

from workbench.errors import InputError
from workbench.serving.files import FileOwners
from workbench.serving.lifetime import delete_by_and_by, delete_old, keep_days

DAY = 86_400.0


@pytest.mark.parametrize(
    ("said", "demo", "days"), [("", True, 1), ("", False, 30), ("0", True, 0), (" 2.5 ", False, 2.5)]
)
def test_how_long_files_are_kept(monkeypatch, said, demo, days):
    monkeypatch.setenv("WORKBENCH_KEEP_DAYS", said)
    assert keep_days(demo) == days


@pytest.mark.parametrize("said", ["-1", "two", "nan", "inf"])
def test_what_is_no_number_of_days_is_refused(monkeypatch, said):
    monkeypatch.setenv("WORKBENCH_KEEP_DAYS", said)
    with pytest.raises(InputError, match="expected a number of days"):
        keep_days(False)


@pytest.fixture
def files(tmp_path):
    return FileOwners(tmp_path / "uploads", (), tmp_path / "marks")


def put(files, name, given):
    """A file in a folder of its own, given to owners so many days ago."""
    path = files.uploads / name / "clip.mp4"
    path.parent.mkdir(parents=True)
    path.touch()
    for owner, days in given.items():
        files.give(owner, str(path))
        moment = time.time() - days * DAY
        os.utime(files.marks / owner / files.mark_name(path), (moment, moment))
    return path


def test_a_file_goes_when_the_last_who_had_it_was_given_it_long_ago(files):
    old, shared = put(files, "old", {"anna": 3}), put(files, "shared", {"anna": 3, "ben": 1})
    new, others = put(files, "new", {"anna": 1}), put(files, "others", {})
    os.utime(others, (0, 0))
    assert delete_old(files, 2 * DAY) == 1
    assert not old.parent.exists() and shared.exists() and new.exists() and others.exists()
    assert files.to_read("ben", str(shared)) == shared
    with pytest.raises(InputError):
        files.to_read("anna", str(shared))  # it was hers three days ago
    assert delete_old(files, 2 * DAY) == 0


def test_it_is_done_while_the_page_is_open(files):
    kept, old = put(files, "kept", {"anna": 1}), put(files, "old", {"anna": 3})
    delete_by_and_by(files, 0)
    delete_by_and_by(files, 2)
    deadline = time.monotonic() + 60
    while old.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert kept.exists() and not old.exists()
