"""Damaged files, hundreds of them: each ends in frames or in one clear error, in time, and nothing is left behind.

They go through the library, the command line and the page's own functions. `-m slow` spoils clips of every codec and
container and pictures, 600 times; the default takes 40.
"""

import os
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from clips import CLIPS
from mutations import KINDS, PICTURES, mutant, write_victims

from workbench.__main__ import main
from workbench.errors import VideoError, WorkbenchError
from workbench.page.form import JudgeForm
from workbench.page.resident import ResidentJudge
from workbench.page.upload import accept_upload
from workbench.page.verdict import judge_form
from workbench.schema import VideoPolicy
from workbench.store import Run
from workbench.video import VideoLimits, sample_frames

LIMITS = VideoLimits(wall_clock=200, memory=1 << 30)
FEW = (
    "h264.mp4", "h264.mov", "h264_fragments.mp4", "h264_open_groups.mkv", "h264_plain.avi", "vp9.webm", "mpeg4.avi",
    "animation.gif", "picture.png", "picture.webp",
)  # fmt: skip
MANY = 600


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return write_victims(tmp_path_factory.mktemp("few"), FEW)


@pytest.fixture(scope="module")
def all_kinds(tmp_path_factory):
    return write_victims(tmp_path_factory.mktemp("all"), (*CLIPS, *PICTURES))


@pytest.fixture(autouse=True)
def everywhere_these_limits(monkeypatch, tmp_path):
    """The same limits on every way in, previews in a folder of their own, and a judge that answers at once."""
    for place in ("workbench.batch.VideoLimits", "workbench.judge_command.VideoLimits"):
        monkeypatch.setattr(place, lambda: LIMITS)
    monkeypatch.setattr("workbench.page.upload.UPLOAD_LIMITS", LIMITS)
    monkeypatch.setattr("workbench.page.verdict.UPLOAD_LIMITS", LIMITS)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "judge.yaml").write_text("rules: [{reply: <score>3</score>}]")
    monkeypatch.chdir(tmp_path)


def held() -> tuple[int, int]:
    """Open files and living children of this process."""
    me = psutil.Process()
    return me.num_fds(), len(
        [child for child in me.children(recursive=True) if "workbench.video.worker" in child.cmdline()]
    )


def clear(error: str, name: str) -> str:
    """One sentence or two about the file: no traceback, no folder, and not that it was too slow or large."""
    assert error and len(error) < 700 and "Traceback" not in error and "\n" not in error.strip(), (name, error)
    assert str(Path.cwd()) not in error and os.sep + "tmp" not in error, (name, error)
    assert "longer than the" not in error, (name, error)
    return "refused"


def by_library(path: Path) -> str:
    try:
        frames = sample_frames(path, VideoPolicy(frames=6), LIMITS)
    except VideoError as error:
        return clear(str(error), path.name)
    assert len(frames) == len(frames.indices) == len(frames.images) >= 1 and list(frames.indices) == sorted(
        frames.indices
    )
    return "frames"


def by_command(path: Path, capsys) -> str:
    words = [
        "judge",
        path.name,
        "--instruction=q",
        "--response=r",
        "--frames=6",
        "--judge=scripted:judge.yaml",
        f"--out=run_{path.stem}",
    ]
    code = main(words)
    said = capsys.readouterr()
    if code == 2:
        return clear(said.err.removeprefix("error: "), path.name)
    (judgment,) = Run.open(f"run_{path.stem}").judgments()
    assert (code, judgment.status) in ((0, "scored"), (1, "failed")), path.name
    return "frames" if judgment.frames else clear(judgment.error, path.name)


def by_page(path: Path) -> str:
    """As the tab does: take the upload and make it playable, then judge it."""
    form = JudgeForm(str(path), "q", ("r",), judge="scripted:judge.yaml")
    try:
        assert Path(accept_upload(str(path)).playable).is_file()
        (judgment,) = judge_form(form, Path("runs"), ResidentJudge()).judgments
    except WorkbenchError as error:
        return clear(str(error), path.name)
    return "frames" if judgment.frames else clear(judgment.error, path.name)


def outcome(number: int, path: Path, capsys) -> str:
    return by_command(path, capsys) if number % 7 == 3 else by_page(path) if number % 7 == 6 else by_library(path)


def run_through(victims, seeds, folder, capsys) -> set[str]:
    by_library(
        _written(folder, "whole.mp4", victims["h264.mp4"])
    )  # what is opened once and kept (pools, imports) is open now
    before, found, kinds = held(), set(), set()
    for seed in seeds:
        name, data, done = mutant(victims, seed)
        started = time.monotonic()
        found.add(outcome(seed, _written(folder, name, data), capsys))
        assert time.monotonic() - started < 5 * LIMITS.wall_clock, name
        kinds |= set(done)
        (folder / name).unlink()
    assert held() == before, "a decoder or a file was left open"
    assert not list(folder.rglob("*.part")), "half a preview was left"
    assert kinds <= set(KINDS)
    return found


def _written(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("block", range(4))
def test_forty_damaged_files(few, tmp_path, capsys, block):
    assert run_through(few, range(13 * block, 40 * 13, 13 * 4), tmp_path, capsys) == {"frames", "refused"}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(6))
def test_hundreds_of_damaged_files(all_kinds, tmp_path, capsys, block):
    each = MANY // 6
    assert run_through(all_kinds, range(block * each, (block + 1) * each), tmp_path, capsys) == {"frames", "refused"}
