"""A first look at a video file: where its frames lie in time, and what the first of them looks like."""

from pathlib import Path
from typing import NamedTuple

from av import VideoFrame

from workbench.errors import VideoError
from workbench.video.container import Source, local_file, open_video
from workbench.video.limits import VideoLimits, check_length, check_pixels
from workbench.video.picture import Shape, shape_of
from workbench.video.pyav_decoder import all_frames
from workbench.video.timeline import Timeline, read_timeline


class Scan(NamedTuple):
    """A file that was found to be a video within its limits."""

    file: Path
    limits: VideoLimits | None
    container: str
    codec: str
    timeline: Timeline
    shape: Shape
    pixel_format: str


def scan_file(path: str | Path, limits: VideoLimits | None) -> Scan:
    """Read all packets and decode one frame. Raises VideoError for a file that is no video or cannot be decoded."""
    file = local_file(path, limits)
    with open_video(file, limits) as source:
        timeline = read_timeline(source)
    check_length(file.name, timeline.duration, timeline.frame_count, limits)
    with open_video(file, limits) as source:
        frame = _first_frame(source, timeline)
        check_pixels(file.name, frame.width, frame.height, limits)
        return Scan(
            file=file,
            limits=limits,
            container=source.container.format.name,
            codec=source.codec,
            timeline=timeline,
            shape=shape_of(frame, source.stream.sample_aspect_ratio),
            pixel_format=frame.format.name,
        )


def _first_frame(source: Source, timeline: Timeline) -> VideoFrame:
    """The first frame that decodes."""
    for _, frame in all_frames(source, timeline):
        return frame
    raise VideoError(
        f"{source.name}: none of its {timeline.frame_count:,} frames could be decoded as {source.codec}; "
        "it is encrypted, damaged or of an unknown kind. "
        "Expected a plain video, e.g. an H.264 mp4: export it again."
    )
