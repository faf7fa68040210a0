"""Clips whose every frame carries its own number, so that a test can tell exactly which frame it was given.

A picture is a grid of 8 x 4 cells: two rows of bits (the number, 16 bits), one row of a fixed pattern that no turned or
mirrored picture shows, and one row of colours that tell whether the colour conversion is right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

COLUMNS, ROWS = 8, 4
BRIGHT, DARK = 220, 30
UPRIGHT = (1, 0, 1, 1, 0, 0, 1, 0)
COLOURS = (
    (200, 40, 40),
    (40, 200, 40),
    (40, 40, 200),
    (128, 128, 128),
    (200, 200, 40),
    (40, 200, 200),
    (235, 235, 235),
    (20, 20, 20),
)


def numbered_picture(number: int, width: int, height: int) -> np.ndarray:
    """uint8 [height, width, 3] that `read_number` reads as `number` (0 to 65,535), after lossy coding and resizing too."""
    bits = [number >> bit & 1 for bit in range(2 * COLUMNS)] + list(UPRIGHT)
    cells = [[BRIGHT if bit else DARK] * 3 for bit in bits] + list(COLOURS)
    grid = np.array(cells, np.uint8).reshape(ROWS, COLUMNS, 3)
    rows, columns = np.arange(height) * ROWS // height, np.arange(width) * COLUMNS // width
    return grid[rows[:, None], columns[None, :]]


def cell_means(image: np.ndarray) -> np.ndarray:
    """float [4, 8, 3]: the mean colour in the middle of each cell."""
    height, width, _ = image.shape
    means = np.empty((ROWS, COLUMNS, 3))
    for row in range(ROWS):
        top, bottom = int((row + 0.3) * height / ROWS), int(np.ceil((row + 0.7) * height / ROWS))
        for column in range(COLUMNS):
            left, right = int((column + 0.3) * width / COLUMNS), int(np.ceil((column + 0.7) * width / COLUMNS))
            means[row, column] = image[top:bottom, left:right].reshape(-1, 3).mean(axis=0)
    return means


def read_number(image: np.ndarray) -> int | None:
    """The number that `numbered_picture` put there; None when the picture is not upright or is too damaged to tell."""
    bits = cell_means(image)[:3].mean(axis=2).reshape(-1) > (BRIGHT + DARK) / 2
    if tuple(bits[2 * COLUMNS :].astype(int)) != UPRIGHT:
        return None
    return int(sum(int(bit) << place for place, bit in enumerate(bits[: 2 * COLUMNS])))


def read_numbers(images: np.ndarray) -> list[int | None]:
    """`read_number` of each picture of uint8 [n, height, width, 3]."""
    return [read_number(image) for image in images]


@dataclass(frozen=True)
class Clip:
    """How to write one clip. `ticks` are presentation times in 1/1000 s for variable frame rate; None means `rate`."""

    codec: str = "libx264"
    suffix: str = ".mp4"
    size: tuple[int, int] = (128, 64)
    frames: int = 48
    rate: int = 24
    pixel_format: str = "yuv420p"
    gop: int = 12
    ticks: Sequence[int] | None = None
    sample_aspect: Fraction | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    colorspace: int | None = None
    color_range: int | None = None

    def write(self, path: Path) -> Path:
        """Encode into `path` (its suffix decides the container). Returns the path."""
        with av.open(str(path), "w", options=dict(self.container_options)) as container:
            stream = container.add_stream(self.codec, rate=self.rate, options=dict(self.options))
            self._set_up(stream)
            for number in range(self.frames):
                container.mux(stream.encode(self._frame(number)))
            container.mux(stream.encode())
        return path

    def _set_up(self, stream) -> None:
        context = stream.codec_context
        context.width, context.height = self.size
        context.pix_fmt = self.pixel_format
        context.gop_size = self.gop
        context.thread_count = 1
        context.time_base = Fraction(1, 1000) if self.ticks else Fraction(1, self.rate)
        if self.sample_aspect:
            context.sample_aspect_ratio = self.sample_aspect
        if self.colorspace is not None:
            context.colorspace = self.colorspace
        if self.color_range is not None:
            context.color_range = self.color_range

    def _frame(self, number: int) -> av.VideoFrame:
        frame = av.VideoFrame.from_ndarray(numbered_picture(number, *self.size), format="rgb24")
        tags = {"dst_colorspace": self.colorspace, "dst_color_range": self.color_range}
        frame = frame.reformat(
            format=self.pixel_format, **{name: value for name, value in tags.items() if value is not None}
        )
        frame.pts = self.ticks[number] if self.ticks else number
        frame.time_base = Fraction(1, 1000) if self.ticks else Fraction(1, self.rate)
        return frame
