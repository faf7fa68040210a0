"""Files of a page for many are deleted some days after they were last handed over, and nobody else's are."""

import os
import tempfile
import time
from pathlib import Path

import pytest

from tests.clips import Clip
from workbench.errors import InputError
from workbench.page import upload
from workbench.serving import lifetime
from workbench.serving.files import FileOwners
from workbench.serving.lifetime import delete_by_and_by, delete_old, delete_old_previews, keep_days
from workbench.video import sha256_of

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
    previews = files.uploads / "previews"
    delete_by_and_by(files, previews, 0)
    delete_by_and_by(files, previews, 2)
    deadline = time.monotonic() + 60
    while old.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert kept.exists() and not old.exists()


def test_a_file_that_cannot_be_deleted_keeps_no_other_and_is_tried_again(files, monkeypatch):
    stuck, old = put(files, "stuck", {"anna": 3}), put(files, "old", {"anna": 3})
    unlink = type(stuck).unlink

    def busy(path, **how):
        if path == stuck:
            raise PermissionError(13, "Permission denied")
        unlink(path, **how)

    with monkeypatch.context() as broken:
        broken.setattr(type(stuck), "unlink", busy)
        assert delete_old(files, 2 * DAY) == 1
    assert stuck.exists() and not old.exists()
    assert delete_old(files, 2 * DAY) == 1 and not stuck.exists()


def test_one_error_does_not_end_the_looking(files, tmp_path, monkeypatch):
    looks = []

    def broken(*_):
        looks.append(1)
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(lifetime, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(lifetime, "delete_old", broken)
    old = tmp_path / "previews" / "preview-1.mp4"
    old.parent.mkdir()
    old.touch()
    os.utime(old, (0, 0))
    delete_by_and_by(files, old.parent, 2)
    deadline = time.monotonic() + 60
    while (old.exists() or len(looks) < 3) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(looks) >= 3 and not old.exists()
    monkeypatch.setattr(lifetime, "LOOK_SECONDS", 3600.0)


def test_copies_for_the_player_go_when_nobody_was_shown_them_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert delete_old_previews(upload.previews_folder(), DAY) == 0
    clip = Clip().write(tmp_path / "clip.mp4")
    shown = Path(upload.copy_to_show(str(clip), sha256_of(clip)).playable)
    other = shown.with_name("preview-0.mp4")
    other.touch()
    for path in (shown, other):
        os.utime(path, (0, 0))
    assert Path(upload.copy_to_show(str(clip), sha256_of(clip)).playable) == shown  # shown again
    assert delete_old_previews(upload.previews_folder(), DAY) == 1
    assert shown.read_bytes() == clip.read_bytes() and not other.exists()


def test_a_copy_for_the_player_is_whole_or_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    clip = Clip().write(tmp_path / "clip.mp4")

    def full(source, out):
        Path(out).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken, pytest.raises(OSError):
        broken.setattr(upload.shutil, "copyfile", full)
        upload.copy_to_show(str(clip), sha256_of(clip))
    assert list(upload.previews_folder().iterdir()) == []
    assert Path(upload.copy_to_show(str(clip), sha256_of(clip)).playable).read_bytes() == clip.read_bytes()
