"""Videos as frames: probe a file, sample frames uniformly in time, make a preview a browser plays. Local files only.

With `limits` the work is done by a worker process that is stopped when it goes past them; without, in this process.
"""

from pathlib import Path

from workbench.schema import VideoPolicy
from workbench.video.container import sha256_of
from workbench.video.frames import Frames, VideoInfo
from workbench.video.limits import VideoLimits
from workbench.video.sample import probe_file, sample_file


def probe(path: str | Path, limits: VideoLimits | None = None) -> VideoInfo:
    """What a video holds. Raises VideoError."""
    return probe_file(path, limits)


def sample_frames(path: str | Path, policy: VideoPolicy, limits: VideoLimits | None = None) -> Frames:
    """The frames of a video that `policy` asks for. Raises VideoError."""
    return sample_file(path, policy, limits)


__all__ = ["Frames", "VideoInfo", "VideoLimits", "probe", "sample_frames", "sha256_of"]
