"""A copy of a video that every browser plays: H.264 4:2:0 in an mp4 that starts at once, same times, no sound."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from workbench.video.container import THREADS, is_folder, open_video
from workbench.video.folder import SECONDS_EACH, folder_files, open_picture
from workbench.video.frames import VideoInfo
from workbench.video.limits import VideoLimits
from workbench.video.picture import Shape, fitted, rgb_of
from workbench.video.pyav_decoder import all_frames
from workbench.video.scan import scan_file

EDGE = 720  # pixels of the longest edge
TICKS = 90_000  # a second; every usual frame rate is a whole number of these
ENCODER = {"preset": "veryfast", "crf": "24", "bf": "0", "g": "30", "profile": "high"}
PLAYABLE = {
    ".mp4": {"h264"},
    ".m4v": {"h264"},
    ".mov": {"h264"},
    ".webm": {"vp8", "vp9", "av1"},
}
EIGHT_BIT = {"yuv420p", "yuvj420p"}

Picture = tuple[float, float, np.ndarray]  # start and end in seconds, uint8 [height, width, 3]


def is_browser_playable(info: VideoInfo) -> bool:
    """Whether common browsers play the file as it is, so that it needs no preview."""
    return info.codec in PLAYABLE.get(Path(info.path).suffix.lower(), ()) and info.pixel_format in EIGHT_BIT


def write_preview(path: str | Path, out: str | Path, limits: VideoLimits | None) -> None:
    """Encode the whole video into `out` (an mp4): upright, at most 720 pixels long, each frame at its own time from 0,
    so that a second in the player is a second of `Frames.seconds`. Raises VideoError; `out` is then incomplete.
    """
    pictures = _folder_pictures(Path(path), limits) if is_folder(path) else _file_pictures(path, limits)
    with av.open(str(out), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = None
        for start, end, picture in pictures:
            stream = stream or _add_stream(container, picture)
            for packet in stream.encode(_frame(start, end, picture)):
                container.mux(packet)
        container.mux(stream.encode())


def preview_size(width: int, height: int) -> tuple[int, int]:
    """(width, height): even, as 4:2:0 needs, and no edge longer than EDGE."""
    scale = min(1.0, EDGE / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _add_stream(container, picture: np.ndarray):
    height, width, _ = picture.shape
    stream = container.add_stream("libx264", rate=30, options=ENCODER)
    context = stream.codec_context
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.thread_count = Fraction(1, TICKS), THREADS
    context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
    context.flags |= av.codec.context.Flags.frame_duration
    return stream


def _frame(start: float, end: float, picture: np.ndarray) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
    frame.pts, frame.time_base = round(start * TICKS), Fraction(1, TICKS)
    frame.duration = max(1, round(end * TICKS) - frame.pts)
    return frame


def _file_pictures(path: str | Path, limits: VideoLimits | None) -> Iterator[Picture]:
    scan = scan_file(path, limits)
    size = preview_size(scan.shape.width, scan.shape.height)
    starts = scan.timeline.seconds
    ends = [*starts[1:], scan.timeline.duration]
    last = -1
    with open_video(scan.file, limits) as source:
        for position, frame in all_frames(source, scan.timeline):
            if position > last and ends[position] > starts[position]:  # a damaged file may give a frame or a time twice
                last = position
                yield starts[position], ends[position], fitted(rgb_of(frame, scan.shape.coded(size)), size, scan.shape)


def _folder_pictures(folder: Path, limits: VideoLimits | None) -> Iterator[Picture]:
    files = folder_files(folder, limits)
    height, width, _ = open_picture(files[0], limits).shape
    size, upright = preview_size(width, height), Shape(width, height, rotation=0)
    for number, file in enumerate(files):
        start = number * SECONDS_EACH
        yield start, start + SECONDS_EACH, fitted(open_picture(file, limits), size, upright)
