"""From a decoded frame to the picture a judge sees: upright, in true proportions, RGB, within the pixel budget."""

import math
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
from av import VideoFrame
from PIL import Image

from workbench.errors import InputError, VideoError
from workbench.schema import VideoPolicy

ASPECT_SENSE = Fraction(20)  # a sample aspect ratio beyond 20:1 or 1:20 is a damaged header, not a wide pixel


class Shape(NamedTuple):
    """How the coded picture becomes upright: transposed first, then mirrored left-right and top-bottom."""

    width: int  # upright, sample aspect applied
    height: int
    rotation: int  # degrees clockwise: 0, 90, 180, 270
    transpose: bool = False
    mirror: bool = False
    flip: bool = False

    @property
    def mirrored(self) -> bool:
        """Whether no turn alone makes it upright."""
        return self.mirror + self.flip + self.transpose in (1, 3)

    def coded(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) that the coded picture must have to be `size` when it is upright."""
        return size[::-1] if self.transpose else size

    def turned(self) -> "Shape":
        """The same picture once it is upright."""
        return Shape(self.width, self.height, self.rotation)


def target_size(width: int, height: int, policy: VideoPolicy) -> tuple[int, int]:
    """(width, height) after the resize: multiples of `size_multiple`, area in [min_pixels, max_pixels], shape kept.

    The rule of Qwen2-VL's image processor (round each edge to the multiple, then shrink or grow both by one factor),
    and for very long pictures one step more: the long edge is cut until the area fits. Where no size fits both bounds
    the upper one holds. Raises InputError when not even one cell of size_multiple fits.
    """
    cell, most, least = policy.size_multiple, policy.max_pixels, policy.min_pixels
    if cell * cell > most:
        raise InputError(f"max_pixels: got {most:,}, expected at least one cell of {cell}x{cell} = {cell * cell:,}.")
    new = [max(cell, round(edge / cell) * cell) for edge in (width, height)]
    if new[0] * new[1] < least:
        growth = math.sqrt(least / (width * height))
        new = [max(cell, math.ceil(edge * growth / cell) * cell) for edge in (width, height)]
    if new[0] * new[1] > most:
        excess = math.sqrt(width * height / most)
        new = [max(cell, math.floor(edge / excess / cell) * cell) for edge in (width, height)]
        longest = most // (min(new) * cell) * cell
        new = [min(edge, longest) for edge in new]
    return new[0], new[1]


def shape_of(frame: VideoFrame, sample_aspect: Fraction | None) -> Shape:
    """Upright size and turn of a frame, from its display matrix and the stream's sample aspect ratio."""
    aspect = sample_aspect or Fraction(1)
    if not 1 / ASPECT_SENSE <= aspect <= ASPECT_SENSE:
        aspect = Fraction(1)
    width, height = frame.width, frame.height
    width, height = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    a, b, c, d = _display_matrix(frame)
    rotation = round(math.degrees(math.atan2(-c, d)) / 90) * 90 % 360  # a mirrored picture: mirrored first, then turned
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Shape(height, width, rotation, transpose=True, mirror=c < 0, flip=b < 0)
    return Shape(width, height, rotation, mirror=a < 0, flip=d < 0)


def _display_matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    """The turning part (a, b, c, d) of the display matrix: (x, y) is shown at (a*x + c*y, b*x + d*y)."""
    matrix = frame.side_data.get("DISPLAYMATRIX") if len(frame.side_data) else None
    if matrix is None:
        return 1, 0, 0, 1
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    return (a, b, c, d) if any((a, b, c, d)) else (1, 0, 0, 1)


def rgb_of(frame: VideoFrame, size: tuple[int, int] | None = None) -> np.ndarray:
    """uint8 [height, width, 3] of the coded picture. The frame's own colour matrix and range; BT.601 where it has none.

    With `size` (width, height) FFmpeg resizes before it converts: several times faster for a large picture, close to
    `fitted` but not equal to it, so for people's eyes only.
    10-bit pictures are rounded to 8; high dynamic range is not tone-mapped. Transparent parts keep their colour.
    Raises VideoError for a pixel format that has no RGB.
    """
    try:
        width, height = size or (frame.width, frame.height)
        return frame.to_ndarray(
            format="rgb24", width=width, height=height, interpolation="BICUBIC" if size else "BILINEAR", threads=1
        )
    except MemoryError:  # one of FFmpeg's errors, too, but not the picture's fault
        raise
    except (av.FFmpegError, ValueError) as error:
        raise VideoError(
            f"video: got pictures as {frame.format.name}, expected a kind that converts to RGB."
        ) from error


def fitted(rgb: np.ndarray, size: tuple[int, int], shape: Shape) -> np.ndarray:
    """The picture upright at `size` (width, height): antialiased bicubic, as the checkpoints' own processors do."""
    coded_size = shape.coded(size)
    small = (
        rgb
        if rgb.shape[1::-1] == coded_size
        else np.asarray(Image.fromarray(rgb).resize(coded_size, Image.Resampling.BICUBIC))
    )
    if shape.transpose:
        small = small.transpose(1, 0, 2)
    return np.ascontiguousarray(small[:: -1 if shape.flip else 1, :: -1 if shape.mirror else 1])
