"""Decoding with decord, the second opinion: used when asked for, or when PyAV cannot decode a file."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from workbench.errors import VideoError
from workbench.video.container import THREADS
from workbench.video.picture import Shape
from workbench.video.timeline import Timeline

NO_DUPLICATES = 1e-9  # share of frames decord may replace by a neighbour without saying so


def has_decord() -> bool:
    """Whether decord is installed: it has no wheels for every machine."""
    return importlib.util.find_spec("decord") is not None


def decord_rgb(file: Path, timeline: Timeline, wanted: list[int], shape: Shape) -> Iterator[tuple[int, np.ndarray]]:
    """The wanted frames (ascending) as (position, uint8 [height, width, 3]), turned upright by decord itself.

    Plays the file from its start: decord's random access (get_batch, indexing, skip_frames) gives other frames than
    asked for in open groups of pictures, x265's default among them, and in MPEG-4 with B-frames.
    Raises VideoError when decord is not installed, cannot open or decode the file, counts other frames than the
    packets tell, or would not mirror a mirrored picture.
    """
    if not has_decord():
        raise VideoError(f"{file.name}: decord is not installed here. Use the decoder 'auto' or 'pyav'.")
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    try:
        reader = decord.VideoReader(str(file), num_threads=THREADS, fault_tol=NO_DUPLICATES)
        if len(reader) != timeline.frame_count or shape.mirrored:
            raise VideoError(f"{file.name}: decord would show other frames than the file tells. Use 'auto' or 'pyav'.")
        yield from _played(reader, set(wanted), last=wanted[-1])
    except (decord.DECORDError, decord.DECORDLimitReachedError, RuntimeError, StopIteration) as error:
        raise VideoError(f"{file.name}: decord cannot decode it ({_reason(error)}). Use 'auto' or 'pyav'.") from error


def _played(reader, wanted: set[int], last: int) -> Iterator[tuple[int, np.ndarray]]:
    for position in range(last + 1):
        picture = reader.next()
        if position in wanted:
            if picture.shape[-1] != 3:  # its rows are padded where a picture is a few pixels wide
                raise RuntimeError(f"a picture of shape {picture.shape}")
            yield position, picture.asnumpy()


def _reason(error: Exception) -> str:
    """What decord says, without the clock, its source file and the path of ours."""
    lines = str(error).strip().splitlines() or ["it ends early"]
    return re.sub(r"^.*\.cc:\d+: *|\[[^]]*\]", "", lines[0]).strip()[:200]
