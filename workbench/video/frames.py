"""What the rest of the workbench knows of a video: VideoInfo from its header and index, Frames from its pictures."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class VideoInfo:
    """What `probe` tells of a file. Sizes are upright: rotation metadata and sample aspect are already applied."""

    path: str
    sha256: str
    container: str  # "mov,mp4", "matroska,webm", "avi", "gif", "frames" ...
    codec: str  # "h264", "hevc", "vp9", "av1", "mpeg4", "gif", "png" ...
    width: int
    height: int
    duration: float  # seconds, last frame's end minus first frame's start
    frame_count: int  # frames that the demuxed index holds, never a header's claim
    fps: float  # frame_count / duration
    variable_frame_rate: bool
    rotation: int  # degrees clockwise that were applied: 0, 90, 180, 270
    bytes: int
    pixel_format: str = ""  # "yuv420p", "yuv420p10le" ...: what a browser can play depends on it


@dataclass(frozen=True, eq=False)
class Frames:
    """The pictures a judge sees, in order of time."""

    images: np.ndarray  # uint8 [n, height, width, 3], RGB, upright
    seconds: tuple[float, ...]  # [n] presentation time of each frame, from the start of the video
    indices: tuple[int, ...]  # [n] position of each frame in presentation order
    decoder: str  # "pyav", "decord", "pillow"
    sha256: str  # of the file
    duration: float  # seconds, of the whole video
    frame_count: int  # of the whole video

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def fps(self) -> float:
        """Sampled frames a second of video: what a model with absolute time needs. 1.0 for a single frame."""
        span = self.seconds[-1] - self.seconds[0] if len(self) > 1 else 0.0
        return (len(self) - 1) / span if span > 0 else 1.0

    def record(self) -> dict[str, Any]:
        """What a Judgment keeps of the frames: never the pictures."""
        _, height, width, _ = self.images.shape
        seconds = [round(second, 4) for second in self.seconds]
        return {
            "indices": list(self.indices),
            "seconds": seconds,
            "decoder": self.decoder,
            "height": height,
            "width": width,
        }
