"""How much a video may ask of this machine: VideoLimits, and the checks made before anything is decoded."""

from dataclasses import dataclass

from workbench.errors import VideoError

GIBIBYTE = 1 << 30


@dataclass(frozen=True)
class VideoLimits:
    """Limits on one file that nobody here made.

    Giving them to `probe`, `sample_frames` or `make_preview` also moves the work into a worker process, which is
    stopped when it takes too long or too much memory.
    """

    bytes: int = 4 * GIBIBYTE  # size of the file, or of all files of a folder
    seconds: float = 4 * 3600.0  # length of the video
    pixels: int = 8192 * 4352  # of one frame as it is coded: 8K
    frames: int = 2_000_000  # pictures in the file: 4 hours at 120 a second
    wall_clock: float = 300.0  # seconds the worker may run
    memory: int = 2 * GIBIBYTE  # bytes the worker may hold


def check_bytes(name: str, size: int, limits: VideoLimits | None) -> None:
    """Raises VideoError when the file is larger than `limits` allow."""
    if limits is not None and size > limits.bytes:
        raise VideoError(
            f"{name}: got {size:,} bytes, expected at most {limits.bytes:,}. Cut the video or lower its bit rate."
        )


def check_pixels(name: str, width: int, height: int, limits: VideoLimits | None) -> None:
    """Raises VideoError for frames without area, or larger than `limits` allow."""
    if width <= 0 or height <= 0:
        most = f" and at most {limits.pixels:,} pixels" if limits else ""
        raise VideoError(
            f"{name}: got frames of no usable size ({width}x{height}), expected more than 0x0{most}. "
            "The file is damaged or too large: export it again, smaller."
        )
    if limits is not None and width * height > limits.pixels:
        raise VideoError(
            f"{name}: got frames of {width}x{height} = {width * height:,} pixels, expected at most {limits.pixels:,}. "
            "Make a smaller copy, or the file's header is damaged."
        )


def check_length(name: str, seconds: float, frames: int, limits: VideoLimits | None) -> None:
    """Raises VideoError when the video is longer or has more frames than `limits` allow."""
    if limits is not None and seconds > limits.seconds:
        raise VideoError(
            f"{name}: got {seconds:,.1f} seconds of video, expected at most {limits.seconds:,.0f}. Cut it into parts."
        )
    if limits is not None and frames > limits.frames:
        raise VideoError(
            f"{name}: got {frames:,} frames, expected at most {limits.frames:,}. Cut the video into parts."
        )
