"""Opening a video file with PyAV: local regular files of the containers we read, and nothing that they point at."""

import errno
import hashlib
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from workbench.errors import VideoError
from workbench.video.limits import VideoLimits, check_bytes, check_pixels

DEMUXERS = "mov,matroska,avi,gif"  # FFmpeg's names: mov is also mp4 and m4v, matroska is also webm
READABLE = "mp4, mov, mkv, webm, avi or gif, or a png, jpg or webp picture or folder of them"
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
THREADS = 4  # more threads hold more frames in memory; 4K decoding gains little beyond
CRASHING = {"vp9"}  # FFmpeg's decoder with one thread a frame dies of a damaged key frame after a flush


class Source(NamedTuple):
    """An open file and the stream of it that is watched."""

    name: str
    container: InputContainer
    stream: VideoStream

    @property
    def codec(self) -> str:
        """What the stream is coded in ("av1"), whichever decoder reads it ("libdav1d")."""
        return self.stream.codec_context.codec.canonical_name


def check_path(path: str | Path) -> None:
    """Raises VideoError for what cannot be the path of a local file."""
    text = str(path)
    if not text or "\0" in text:
        raise VideoError(f"video: got {text!r} as its path, expected the path of a file or folder.")
    if re.match(r"[a-z0-9+.-]+://", text, re.IGNORECASE):
        raise VideoError(f"video: got the address {text!r}, expected a local file. Download the video first.")


def is_folder(path: str | Path) -> bool:
    """Whether `path` is a folder of frames, or one picture, rather than a video file. Raises VideoError for what is no
    path."""
    check_path(path)
    return Path(path).is_dir() or Path(path).suffix.lower() in PICTURES


def local_file(path: str | Path, limits: VideoLimits | None) -> Path:
    """The absolute path of an existing, regular, non-empty file within `limits.bytes`. Raises VideoError for all else.

    An absolute path is also what keeps FFmpeg from reading a name such as `concat:a|b` as a protocol.
    """
    check_path(path)
    name, file = Path(path).name, Path(path).absolute()
    try:
        status = file.stat()
    except OSError as error:
        raise VideoError(f"{name}: no such file ({error.strerror}). Check the path of the video.") from error
    if not stat.S_ISREG(status.st_mode):
        raise VideoError(
            f"{name}: got a device, pipe or socket, expected a regular file. Save the video to a file first."
        )
    if status.st_size == 0:
        raise VideoError(f"{name}: the file is empty (0 bytes), expected a video. Upload or export it again.")
    check_bytes(name, status.st_size, limits)
    return file


def sha256_of(path: str | Path) -> str:
    """Hex SHA-256 of a video file's content. Raises VideoError where there is no such file."""
    with local_file(path, None).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def open_video(file: Path, limits: VideoLimits | None = None) -> Iterator[Source]:
    """The container and its video stream, with a decoder that refuses frames beyond `limits.pixels`.

    Raises VideoError for what is not one of the containers, has no video stream, or a codec without decoder.
    """
    decoder_options = {"threads": "1"} | ({"max_pixels": str(limits.pixels)} if limits else {})
    try:
        container = av.open(
            str(file),
            options=decoder_options,
            container_options={"format_whitelist": DEMUXERS, "protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except MemoryError:  # one of FFmpeg's errors, too, but not the file's fault
        raise
    except (av.FFmpegError, ValueError, OSError) as error:
        refused = getattr(error, "errno", None) == errno.EINVAL  # what a format off the whitelist gives
        reason = "another kind of file" if refused else getattr(error, "strerror", None) or error
        raise VideoError(
            f"{file.name}: cannot be opened as a video ({reason}). Expected a complete {READABLE}. "
            "Export or upload it again."
        ) from error
    with container:
        stream = _video_stream(file.name, container)
        _check_stream(file.name, stream, limits)
        source = Source(file.name, container, stream)
        stream.codec_context.thread_type = "SLICE" if source.codec in CRASHING else "AUTO"
        stream.codec_context.thread_count = THREADS
        stream.codec_context.options = {"max_pixels": str(limits.pixels)} if limits else {}
        yield source


def _video_stream(name: str, container: InputContainer) -> VideoStream:
    moving = [
        s
        for s in container.streams.video
        if not s.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
    ]
    if not moving:
        others = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise VideoError(
            f"{name}: got a file with {others} in it, expected a video stream. Choose a file with pictures."
        )
    default = [stream for stream in moving if stream.disposition & Disposition.default]
    chosen = (default or moving)[0]
    for stream in container.streams:
        if stream.index != chosen.index:
            stream.discard = Discard.all
    return chosen


def _check_stream(name: str, stream: VideoStream, limits: VideoLimits | None) -> None:
    context = stream.codec_context
    if context is None or not context.is_decoder:
        raise VideoError(
            f"{name}: got a video codec this machine cannot decode, expected H.264, HEVC, VP9, AV1 or MPEG-4."
        )
    if stream.codec_tag in ("encv", "drmi"):
        raise VideoError(f"{name}: the video is encrypted (DRM), expected an open file. Use a copy without protection.")
    check_pixels(name, context.width, context.height, limits)
