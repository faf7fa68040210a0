"""A folder of pictures as a video: png, jpg and webp files in natural order of their names, one second each. A picture
by itself is a video of one frame."""

import hashlib
import re
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from workbench.errors import VideoError
from workbench.schema import VideoPolicy
from workbench.video.container import PICTURES, local_file, sha256_of
from workbench.video.frames import Frames, VideoInfo
from workbench.video.limits import VideoLimits, check_bytes, check_length, check_pixels
from workbench.video.picture import Shape, fitted, target_size
from workbench.video.sampling import wanted_positions

FORMATS = ("PNG", "JPEG", "WEBP")
SECONDS_EACH = 1.0  # a folder tells no frame rate; the paper's judges see one frame a second
DAMAGED = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)


def folder_files(folder: Path, limits: VideoLimits | None) -> list[Path]:
    """The pictures of a folder in natural order (frame2 before frame10), or the one picture that `folder` is. Raises
    VideoError when there is none."""
    if not folder.is_dir():
        return [local_file(folder, limits)]
    found = [file for file in folder.iterdir() if file.suffix.lower() in PICTURES and not file.name.startswith(".")]
    if not found:
        raise VideoError(f"{folder.name}: got a folder without pictures, expected {', '.join(PICTURES)} files in it.")
    files = [local_file(file, limits) for file in sorted(found, key=_natural)]
    check_bytes(folder.name, sum(file.stat().st_size for file in files), limits)
    check_length(folder.name, len(files) * SECONDS_EACH, len(files), limits)
    return files


def sha256_of_folder(files: list[Path]) -> str:
    """Hex SHA-256 over each file's name and content, in order."""
    total = hashlib.sha256()
    for file in files:
        total.update(f"{sha256_of(file)}  {file.name}\n".encode("utf-8", "surrogatepass"))
    return total.hexdigest()


def probe_folder(folder: Path, limits: VideoLimits | None) -> VideoInfo:
    """What a folder of pictures holds; sizes and codec are the first picture's. Raises VideoError."""
    files = folder_files(folder, limits)
    height, width, _ = open_picture(files[0], limits).shape
    return VideoInfo(
        path=str(folder.absolute()),
        sha256=sha256_of_folder(files),
        container="frames",
        codec=files[0].suffix[1:].lower().replace("jpeg", "jpg"),
        width=width,
        height=height,
        duration=len(files) * SECONDS_EACH,
        frame_count=len(files),
        fps=1 / SECONDS_EACH,
        variable_frame_rate=False,
        rotation=0,
        bytes=sum(file.stat().st_size for file in files),
        pixel_format="rgb24",
    )


def sample_folder(folder: Path, policy: VideoPolicy, limits: VideoLimits | None) -> Frames:
    """The pictures of a folder that `policy` asks for, all at the size the first one gets. Raises VideoError."""
    files = folder_files(folder, limits)
    seconds, duration = np.arange(len(files)) * SECONDS_EACH, len(files) * SECONDS_EACH
    positions = wanted_positions(seconds, duration, policy)
    height, width, _ = open_picture(files[0], limits).shape
    size = target_size(width, height, policy)
    upright = Shape(width, height, rotation=0)
    return Frames(
        images=np.stack([fitted(open_picture(files[position], limits), size, upright) for position in positions]),
        seconds=tuple(seconds[positions].tolist()),
        indices=tuple(positions),
        decoder="pillow",
        sha256=sha256_of_folder(files),
        duration=duration,
        frame_count=len(files),
    )


def open_picture(file: Path, limits: VideoLimits | None) -> np.ndarray:
    """uint8 [height, width, 3] of one picture, upright by its EXIF orientation. Raises VideoError for a damaged one."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            check_pixels(file.name, *image.size, limits)
            return np.asarray(_eight_bits(ImageOps.exif_transpose(image)).convert("RGB"))
    except DAMAGED as error:
        reason = " ".join(str(error).replace(repr(str(file)), "it").split())[:200]  # Pillow quotes the whole path
        raise VideoError(
            f"{file.name}: not a readable picture ({reason}). Save it again as png, jpg or webp."
        ) from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """Pillow clips 16-bit grey when it makes RGB; divide instead."""
    return image.point(lambda value: value / 256).convert("L") if image.mode.startswith("I") else image


def _natural(file: Path) -> list[tuple[int, int, str]]:
    """Numbers in the name compare as numbers."""
    parts = re.findall(r"\d+|\D+", file.name)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]
