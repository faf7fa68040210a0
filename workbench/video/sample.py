"""Probing and sampling in this process: what the worker runs, and what `limits=None` runs directly."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from av import VideoFrame

from workbench.errors import VideoError
from workbench.schema import VideoPolicy
from workbench.video.container import is_folder, open_video, sha256_of
from workbench.video.decord_decoder import decord_rgb
from workbench.video.folder import probe_folder, sample_folder
from workbench.video.frames import Frames, VideoInfo
from workbench.video.limits import VideoLimits
from workbench.video.picture import fitted, rgb_of, target_size
from workbench.video.pyav_decoder import all_frames, grouped_frames
from workbench.video.sampling import wanted_positions
from workbench.video.scan import Scan, scan_file

LOST = 0.5  # the largest share of wanted frames that may be answered by an earlier frame because they do not decode

Size = tuple[int, int]  # width, height
Pictures = dict[int, np.ndarray]  # position -> uint8 [height, width, 3]


def probe_path(path: str | Path, limits: VideoLimits | None) -> VideoInfo:
    """What a video file or a folder of frames holds. Raises VideoError."""
    return probe_folder(Path(path), limits) if is_folder(path) else _probe_file(path, limits)


def sample_path(path: str | Path, policy: VideoPolicy, limits: VideoLimits | None) -> Frames:
    """The frames of a video file or a folder that `policy` asks for. Raises VideoError."""
    if is_folder(path):
        return sample_folder(Path(path), policy, limits)
    return _sample_file(path, policy, limits)


def _probe_file(path: str | Path, limits: VideoLimits | None) -> VideoInfo:
    scan = scan_file(path, limits)
    timeline, shape = scan.timeline, scan.shape
    return VideoInfo(
        path=str(scan.file),
        sha256=sha256_of(scan.file),
        container=scan.container,
        codec=scan.codec,
        width=shape.width,
        height=shape.height,
        duration=timeline.duration,
        frame_count=timeline.frame_count,
        fps=timeline.frame_count / timeline.duration,
        variable_frame_rate=timeline.variable,
        rotation=shape.rotation,
        bytes=scan.file.stat().st_size,
        pixel_format=scan.pixel_format,
    )


def _sample_file(path: str | Path, policy: VideoPolicy, limits: VideoLimits | None) -> Frames:
    scan = scan_file(path, limits)
    wanted = wanted_positions(scan.timeline.seconds, scan.timeline.duration, policy)
    size = target_size(scan.shape.width, scan.shape.height, policy)
    if policy.decoder != "auto":
        return _decode(scan, wanted, size, policy.decoder)
    try:
        return _decode(scan, wanted, size, "pyav")  # the fastest exact one, see benchmark.py
    except VideoError as refused:
        if limits is not None:  # in the worker only: decord may crash on a damaged file, and the process with it
            with suppress(VideoError):
                return _decode(scan, wanted, size, "decord")
        raise refused


def _decode(scan: Scan, wanted: list[int], size: Size, decoder: str) -> Frames:
    pictures = (
        decord_pictures(scan, set(wanted), size) if decoder == "decord" else pyav_pictures(scan, set(wanted), size)
    )
    positions = answered(scan.file.name, wanted, pictures)
    return Frames(
        images=np.stack([pictures[position] for position in positions]),
        seconds=tuple(scan.timeline.seconds[positions].tolist()),
        indices=tuple(positions),
        decoder=decoder,
        sha256=sha256_of(scan.file),
        duration=scan.timeline.duration,
        frame_count=scan.timeline.frame_count,
    )


def decord_pictures(scan: Scan, wanted: set[int], size: Size) -> Pictures:
    """The wanted frames; decord turns them upright itself. Raises VideoError when it cannot give exactly these."""
    frames = decord_rgb(scan.file, scan.timeline, sorted(wanted), scan.shape)
    return {position: fitted(rgb, size, scan.shape.turned()) for position, rgb in frames}


def pyav_pictures(scan: Scan, wanted: set[int], size: Size) -> Pictures:
    """The wanted frames, or what stands in for them (see `answered`).

    First from their groups of pictures alone. What did not come out of that (a damaged file, or one whose key frames
    are not full pictures) is looked for by decoding everything, as a player would.
    """
    pictures: Pictures = {}
    if scan.timeline.exact:
        with open_video(scan.file, scan.limits) as source:
            pictures = _fit(scan, grouped_frames(source, scan.timeline, wanted), size)
    missing = wanted - pictures.keys()
    if missing:
        with open_video(scan.file, scan.limits) as source:
            pictures |= _fit(scan, _standing_in(all_frames(source, scan.timeline), missing), size)
    return pictures


def answered(name: str, positions: list[int], decoded: Iterable[int]) -> list[int]:
    """The positions that answer the wanted ones: a frame that does not decode is answered by the last one before it
    that did (the first after it at the start), as a player would show. Raises VideoError when more than half are lost.
    """
    there, wanted = sorted(decoded), set(positions)
    lost = len(wanted.difference(there))
    if lost > LOST * len(wanted):
        raise VideoError(
            f"{name}: {lost} of the {len(wanted)} wanted frames could not be decoded, expected at least half of them. "
            "The file is damaged: export it again."
        )
    return [there[max(0, int(np.searchsorted(there, position, side="right")) - 1)] for position in positions]


def _standing_in(frames: Iterator[tuple[int, VideoFrame]], missing: set[int]) -> Iterator[tuple[int, VideoFrame]]:
    """The missing frames out of all of them; for one that is not there, the frame before the gap, or else after it."""
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
    if previous:
        yield previous


def _fit(scan: Scan, frames: Iterator[tuple[int, VideoFrame]], size: Size) -> Pictures:
    """One frame at a time, so that no more than one is held at full size."""
    return {position: fitted(rgb_of(frame), size, scan.shape) for position, frame in frames}
