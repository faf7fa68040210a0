"""Uploads: opened within limits before anything else, and given a copy to play where browsers need one."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from workbench.errors import VideoError
from workbench.permissions import is_demo
from workbench.video import VideoInfo, VideoLimits, is_browser_playable, make_preview, probe

# A demo takes short clips: what a person can watch while others wait.
UPLOAD_LIMITS = VideoLimits(bytes=100 << 20, seconds=120.0, wall_clock=60.0) if is_demo() else VideoLimits()


class Upload(NamedTuple):
    """An accepted upload: the file the player shows (the judge always reads the original), and a sentence about it."""

    playable: str
    sentence: str


def accept_upload(path: str) -> Upload:
    """Look at an uploaded file and make it playable. Raises VideoError when it is no video or goes past the limits."""
    info = probe(path, UPLOAD_LIMITS)
    if is_browser_playable(info):
        return Upload(path, describe(info))
    out = _kept_once(info, lambda out: make_preview(path, out, limits=UPLOAD_LIMITS))
    said = "Browsers do not play this kind of file, so the player shows a copy; the judge reads your original."
    return Upload(str(out), f"{describe(info)} {said}")


def copy_to_show(path: str, sha256: str) -> Upload:
    """A file of this machine for the player: always a copy, since the page hands out no other folder's files.

    Raises VideoError when it is no video or not the one with that content.
    """
    info = probe(path, UPLOAD_LIMITS)
    if info.sha256 != sha256:
        raise VideoError(f"{Path(path).name}: the file changed since the run was made, so it is not shown.")
    upload = accept_upload(path)
    if upload.playable == path:
        out = _kept_once(info, lambda out: _copy_whole(path, out))
        upload = upload._replace(playable=str(out))
    return upload


def previews_folder() -> Path:
    """Where copies for the player are kept; a file's last change says when it was last handed over."""
    return Path(tempfile.gettempdir()) / "workbench-previews"


def _kept_once(info: VideoInfo, make: Callable[[Path], object]) -> Path:
    """The copy of a video, named by its content, so that the same one is made once; `make` makes it whole or not at all."""
    previews_folder().mkdir(exist_ok=True)
    out = previews_folder() / f"preview-{info.sha256[:24]}.mp4"
    try:
        os.utime(out)
    except FileNotFoundError:
        make(out)
    return out


def _copy_whole(path: str, out: Path) -> None:
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        shutil.copyfile(path, part)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def describe(info: VideoInfo) -> str:
    """A file's facts in one sentence."""
    rate = "varying frame rate" if info.variable_frame_rate else f"{info.fps:.3g} frames a second"
    return (
        f"{info.codec}, {info.width}×{info.height} pixels, {info.duration:.1f} s, {info.frame_count:,} frames, {rate}."
    )
