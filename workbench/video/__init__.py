"""Videos as frames: probe a file, sample frames uniformly in time, make a preview a browser plays. Local files only.

With `limits` the work is done by a worker process that is stopped when it goes past them; without, in this process.
A path may be a video file, a png, jpg or webp picture, or a folder of those.
"""

import secrets
from pathlib import Path

from workbench.schema import VideoPolicy
from workbench.video.container import is_folder
from workbench.video.container import sha256_of as sha256_of_file
from workbench.video.folder import folder_files, sha256_of_folder
from workbench.video.frames import Frames, VideoInfo
from workbench.video.limits import VideoLimits
from workbench.video.preview import is_browser_playable, write_preview
from workbench.video.process import preview_in_worker, probe_in_worker, sample_in_worker
from workbench.video.sample import probe_path, sample_path

__all__ = [
    "Frames",
    "VideoInfo",
    "VideoLimits",
    "is_browser_playable",
    "make_preview",
    "probe",
    "sample_frames",
    "sha256_of",
]


def probe(path: str | Path, limits: VideoLimits | None = None) -> VideoInfo:
    """What a video holds, by its packets and first frame. Raises VideoError."""
    return probe_path(path, None) if limits is None else probe_in_worker(path, limits)


def sample_frames(path: str | Path, policy: VideoPolicy, limits: VideoLimits | None = None) -> Frames:
    """The frames of a video that `policy` asks for (see `sampling.wanted_positions`). Raises VideoError, and InputError
    for a policy that no frame can satisfy."""
    return sample_path(path, policy, None) if limits is None else sample_in_worker(path, policy, limits)


def sha256_of(path: str | Path) -> str:
    """Hex SHA-256 of the file's content, or over the names and contents of a folder's frames. Raises VideoError."""
    return sha256_of_folder(folder_files(Path(path), None)) if is_folder(path) else sha256_of_file(path)


def make_preview(path: str | Path, out: str | Path, limits: VideoLimits | None = None) -> Path:
    """Write an mp4 that browsers play, without sound; `out` appears only when it is complete. Raises VideoError."""
    out = Path(out).absolute()
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        write_preview(path, part, None) if limits is None else preview_in_worker(path, part, limits)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return out
