"""Probing and sampling in this process: what the worker runs, and what `limits=None` runs directly."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from av import VideoFrame

from workbench.errors import VideoError
from workbench.schema import VideoPolicy
from workbench.video.container import Source, local_file, open_video, sha256_of
from workbench.video.frames import Frames, VideoInfo
from workbench.video.limits import VideoLimits, check_length, check_pixels
from workbench.video.picture import Shape, fitted, rgb_of, shape_of, target_size
from workbench.video.pyav_decoder import all_frames, grouped_frames
from workbench.video.sampling import wanted_positions
from workbench.video.timeline import Timeline, read_timeline

LOST = 0.5  # the largest share of wanted frames that may be answered by an earlier frame because they do not decode


def probe_file(path: Path, limits: VideoLimits | None) -> VideoInfo:
    """What a video file holds, by its packets and its first frame that decodes. Raises VideoError."""
    file = local_file(path, limits)
    timeline = checked_timeline(file, limits)
    frame, shape = first_frame(file, timeline, limits)
    with open_video(file, limits) as source:
        container, codec = source.container.format.name, source.stream.codec_context.name
    return VideoInfo(
        path=str(path),
        sha256=sha256_of(file),
        container=container,
        codec=codec,
        width=shape.width,
        height=shape.height,
        duration=timeline.duration,
        frame_count=timeline.frame_count,
        fps=timeline.frame_count / timeline.duration,
        variable_frame_rate=timeline.variable,
        rotation=shape.rotation,
        bytes=file.stat().st_size,
        pixel_format=frame.format.name,
    )


def sample_file(path: Path, policy: VideoPolicy, limits: VideoLimits | None) -> Frames:
    """The frames of a video file that `policy` asks for. Raises VideoError."""
    file = local_file(path, limits)
    timeline = checked_timeline(file, limits)
    positions = wanted_positions(timeline.seconds, timeline.duration, policy)
    _, shape = first_frame(file, timeline, limits)
    size = target_size(shape.width, shape.height, policy)
    pictures = pyav_pictures(file, timeline, set(positions), size, shape, limits)
    return _frames(file, timeline, answered(file.name, positions, pictures), pictures, "pyav")


def checked_timeline(file: Path, limits: VideoLimits | None) -> Timeline:
    """The timeline of a file that is neither too long nor endless. Raises VideoError."""
    with open_video(file, limits) as source:
        timeline = read_timeline(source)
    check_length(file.name, timeline.duration, timeline.frame_count, limits)
    return timeline


def first_frame(file: Path, timeline: Timeline, limits: VideoLimits | None) -> tuple[VideoFrame, Shape]:
    """The first frame that decodes, and its shape. Raises VideoError when none does."""
    with open_video(file, limits) as source:
        found = next(all_frames(source, timeline), None)
        if found is None:
            raise VideoError(
                f"{file.name}: not one of its {timeline.frame_count:,} frames could be decoded ({source.stream.codec_context.name}). "
                "The video is encrypted, damaged, or of an unknown kind: use a plain H.264 mp4."
            )
        frame = found[1]
        check_pixels(file.name, frame.width, frame.height, limits)
        return frame, shape_of(frame, source.stream.sample_aspect_ratio)


def pyav_pictures(
    file: Path, timeline: Timeline, wanted: set[int], size: tuple[int, int], shape: Shape, limits: VideoLimits | None
) -> dict[int, np.ndarray]:
    """uint8 [height, width, 3] by position, for the wanted frames or what stands in for them (see `answered`)."""
    pictures: dict[int, np.ndarray] = {}
    if timeline.exact:
        with open_video(file, limits) as source:
            pictures = dict(_pictures(grouped_frames(source, timeline, wanted), size, shape))
    missing = wanted - pictures.keys()
    if missing:
        with open_video(file, limits) as source:
            pictures |= _pictures(_standing_in(all_frames(source, timeline), missing), size, shape)
    return pictures


def answered(name: str, positions: list[int], decoded: Iterable[int]) -> list[int]:
    """The positions that answer the wanted ones: a frame that does not decode is answered by the last one before it
    that did (the first after it at the start), as a player would show. Raises VideoError when more than half are lost."""
    there = sorted(decoded)
    lost = len(set(positions) - set(there))
    if lost > LOST * len(set(positions)):
        raise VideoError(f"{name}: {lost} of {len(set(positions))} wanted frames could not be decoded. The file is damaged: export it again.")
    return [there[max(0, int(np.searchsorted(there, position, side="right")) - 1)] for position in positions]


def _standing_in(frames: Iterator[tuple[int, VideoFrame]], missing: set[int]) -> Iterator[tuple[int, VideoFrame]]:
    """The missing frames from a decode of everything; where one does not decode, the frame before the gap (or after, at the start)."""
    left, previous = sorted(missing, reverse=True), None
    for position, frame in frames:
        while left and left[-1] < position:
            yield previous or (position, frame)
            left.pop()
        if left and left[-1] == position:
            yield position, frame
            left.pop()
        if not left:
            return
        previous = position, frame
    if left and previous:
        yield previous


def _pictures(frames: Iterator[tuple[int, VideoFrame]], size: tuple[int, int], shape: Shape) -> Iterator[tuple[int, np.ndarray]]:
    for position, frame in frames:
        yield position, fitted(rgb_of(frame), size, shape)


def _frames(file: Path, timeline: Timeline, positions: list[int], pictures: dict[int, np.ndarray], decoder: str) -> Frames:
    return Frames(
        images=np.stack([pictures[position] for position in positions]),
        seconds=tuple(timeline.seconds[positions].tolist()),
        indices=tuple(positions),
        decoder=decoder,
        sha256=sha256_of(file),
        duration=float(timeline.duration),
        frame_count=timeline.frame_count,
    )
