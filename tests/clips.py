"""Clips whose every frame carries its own number, so that a test can tell exactly which frame it was given.

A picture is a grid of 8 x 4 cells: two rows of bits (the number, 16 bits), one row of a fixed pattern that no turned or
mirrored picture shows, and one row of colours that tell whether the colour conversion is right.
"""

import os
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
    """uint8 [height, width, 3] that `read_number` reads as `number` (0 to 65,535), even coded and resized."""
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
    """How to write one clip. `ticks` are presentation times in milliseconds for variable frame rate; None means `rate`.

    `turn` is what a player does to the coded picture: degrees counter-clockwise, then mirrored left-right, then
    top-bottom; the coded pictures are turned the other way, so that they come out upright.
    """

    codec: str = "libx264"
    size: tuple[int, int] = (128, 64)
    frames: int = 48
    rate: int = 24
    pixel_format: str = "yuv420p"
    gop: int = 12
    ticks: Sequence[int] | None = None
    sample_aspect: Fraction | None = None
    turn: tuple[int, bool, bool] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    container_options: Mapping[str, str] = field(default_factory=dict)
    colorspace: int | None = None
    color_range: int | None = None
    sound: bool = False

    def write(self, path: Path) -> Path:
        """Encode into `path` (its suffix decides the container). Returns the path."""
        scheduled = os.sched_getscheduler(0), os.sched_getparam(0)
        try:
            return self._write(path)
        finally:  # run by root, the AV1 encoder leaves its caller at real-time priority: nothing else would run any more
            os.sched_setscheduler(0, *scheduled)

    def _write(self, path: Path) -> Path:
        with av.open(str(path), "w", options=dict(self.container_options)) as container:
            sound = container.add_stream("aac", rate=48_000) if self.sound else None
            stream = container.add_stream(self.codec, rate=self.rate, options=dict(self.options))
            self._set_up(stream)
            for number in range(self.frames):
                container.mux(stream.encode(self._frame(number)))
            container.mux(stream.encode())
            if sound:
                container.mux(sound.encode(silence()))
                container.mux(sound.encode())
        return path

    def _set_up(self, stream) -> None:
        context = stream.codec_context
        context.width, context.height = self._coded(numbered_picture(0, *self.size)).shape[1::-1]
        context.pix_fmt = self.pixel_format
        context.gop_size = self.gop
        context.thread_count = 1
        context.time_base = self._time_base
        if self.sample_aspect:
            context.sample_aspect_ratio = self.sample_aspect
        if self.turn:
            degrees, mirror, flip = self.turn
            stream.set_display_rotation(degrees, hflip=mirror, vflip=flip)
        if self.colorspace is not None:
            context.colorspace = self.colorspace
        if self.color_range is not None:
            context.color_range = self.color_range

    def _frame(self, number: int) -> av.VideoFrame:
        picture = np.ascontiguousarray(self._coded(numbered_picture(number, *self.size)))
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        tags = {"dst_colorspace": self.colorspace, "dst_color_range": self.color_range}
        tags = {name: value for name, value in tags.items() if value is not None}
        frame = frame.reformat(format=self.pixel_format, **tags)
        frame.pts = self.ticks[number] if self.ticks else number
        frame.time_base = self._time_base
        return frame

    @property
    def _time_base(self) -> Fraction:
        return Fraction(1, 1000) if self.ticks else Fraction(1, self.rate)

    def _coded(self, upright: np.ndarray) -> np.ndarray:
        degrees, mirror, flip = self.turn or (0, False, False)
        mirrored = upright[:: -1 if flip else 1, :: -1 if mirror else 1]
        return np.rot90(mirrored, -degrees // 90)


def silence() -> av.AudioFrame:
    """One second of it."""
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), format="fltp", layout="mono")
    frame.sample_rate = 48_000
    return frame


def quiet_x265(params: str = "") -> dict[str, str]:
    """Encoder options for one thread and no log; `params` as x265 spells them."""
    return {"x265-params": f"log-level=none:pools=none{params and ':'}{params}"}


FAST_VPX = {"deadline": "realtime", "cpu-used": "8"}
OPEN_GROUPS = "open-gop=1:keyint=12:bframes=3"

# Every codec in every container we read, by file name; each has 48 frames unless it says otherwise.
CLIPS: dict[str, Clip] = {
    "h264.mp4": Clip(sound=True),
    "h264.mov": Clip(),
    "h264.mkv": Clip(),
    "h264.avi": Clip(),
    "h264_plain.avi": Clip(options={"bf": "0"}),
    "h264_fragments.mp4": Clip(container_options={"movflags": "frag_keyframe+empty_moov"}),
    "h264_open_groups.mp4": Clip(options={"x264-params": OPEN_GROUPS}),
    "h264_open_groups.mkv": Clip(options={"x264-params": OPEN_GROUPS}),
    "h264_rolling_refresh.mkv": Clip(options={"x264-params": "intra-refresh=1:keyint=12:bframes=0"}),
    "h264_one_group.mp4": Clip(gop=1000),
    "h264_10bit.mp4": Clip(pixel_format="yuv420p10le"),
    "h264_444_odd.mp4": Clip(pixel_format="yuv444p", size=(129, 67)),
    "hevc.mp4": Clip("libx265", options=quiet_x265()),
    "hevc.mov": Clip("libx265", options=quiet_x265()),
    "hevc_10bit.mkv": Clip("libx265", pixel_format="yuv420p10le", options=quiet_x265()),
    "hevc_closed_groups.mkv": Clip("libx265", options=quiet_x265("open-gop=0:keyint=12")),
    "hevc_layers.mp4": Clip("libx265", options=quiet_x265("temporal-layers=3:keyint=12:bframes=4")),
    "vp8_hidden_frames.webm": Clip("libvpx", options={"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "5"}),
    "vp9.webm": Clip("libvpx-vp9", options=FAST_VPX, size=(129, 67)),
    "vp9_hidden_frames.mkv": Clip("libvpx-vp9", options={"cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "16"}),
    "vp9.mp4": Clip("libvpx-vp9", options=FAST_VPX),
    "vp9_live.webm": Clip("libvpx-vp9", options=FAST_VPX, container_options={"live": "1"}),
    "av1.mp4": Clip("libsvtav1", options={"preset": "12"}),
    "av1.webm": Clip("libsvtav1", options={"preset": "12"}),
    "av1.mkv": Clip("libsvtav1", options={"preset": "8"}),
    "mpeg4.mp4": Clip("mpeg4", options={"bf": "2"}),
    "mpeg4.avi": Clip("mpeg4", options={"bf": "2"}),
    "mpeg4_plain.avi": Clip("mpeg4"),
    "animation.gif": Clip("gif", pixel_format="rgb8", rate=10, frames=20),
    "one_frame.mp4": Clip(frames=1),
    "one_frame.webm": Clip("libvpx-vp9", options=FAST_VPX, frames=1),
    "two_frames.mkv": Clip(frames=2),
    "late_start.mkv": Clip(ticks=[5_000 + 40 * number for number in range(48)]),
    "variable_rate.mp4": Clip(ticks=[number * number * 3 for number in range(48)]),
    "variable_rate.mkv": Clip(ticks=[number * number * 3 for number in range(48)]),
}
