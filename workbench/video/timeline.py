"""When each frame is shown, from the packets alone: demuxing is fast, and a header's frame count is only a claim."""

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np

from workbench.errors import VideoError
from workbench.video.container import Source

UNORDERED = {("avi", "h264"), ("avi", "hevc")}  # AVI stores no presentation times, and FFmpeg cannot derive these two


class Timeline(NamedTuple):
    """The frames of a video in two orders: packets as they are decoded, frames as they are shown.

    `exact` tells that packet times lead to frames, so that single groups of pictures can be decoded; without it, a
    frame is known only by counting all decoded frames from the start.
    """

    pts: np.ndarray  # int64 [packets], decode order, in ticks
    keys: np.ndarray  # bool [packets]
    positions: np.ndarray  # int64 [packets]: place in presentation order, -1 for a packet that is never shown
    seconds: np.ndarray  # float64 [frames], presentation order, the first is 0
    duration: float  # seconds, end of the last frame
    exact: bool

    @property
    def frame_count(self) -> int:
        return len(self.seconds)

    @property
    def variable(self) -> bool:
        """Whether frame rate varies by more than the rounding of a container that counts milliseconds."""
        gaps = np.diff(self.seconds)
        return len(gaps) > 1 and bool(np.abs(gaps - np.median(gaps)).max() > 0.0021)


def read_timeline(source: Source) -> Timeline:
    """Demux the stream without decoding. Raises VideoError when it holds no frame."""
    rows = _packet_rows(source)
    pts, keys, shown, durations = (np.array(column) for column in zip(*rows, strict=True)) if rows else ([],) * 4
    if not np.any(shown):
        raise VideoError(
            f"{source.name}: got no frame in it, expected at least one. The file is cut off: export it again."
        )
    order = np.argsort(pts[shown], kind="stable")
    ticks = pts[shown][order]
    container = source.container.format.name
    exact = len(np.unique(ticks)) == len(ticks) and (container, source.codec) not in UNORDERED
    positions = np.full(len(pts), -1)
    positions[np.flatnonzero(shown)[order]] = np.arange(len(order))
    base = source.stream.time_base
    ticks = ticks.astype(float) - float(ticks[0])  # as floats: hostile times overflow integers
    seconds = ticks * base.numerator / base.denominator
    last = float(durations[shown][order][-1])
    duration = (float(ticks[-1]) + last) * base.numerator / base.denominator if last > 0 else None
    duration = duration or float(seconds[-1]) + _spacing(seconds, source)
    return Timeline(pts, keys.astype(bool), positions, seconds, duration, exact)


def video_packets(source: Source) -> Iterator[av.Packet]:
    """Packets of the stream that hold data, in decode order. Ends where a damaged file cannot be read on."""
    packets = source.container.demux(source.stream)
    while True:
        try:
            packet = next(packets)
        except MemoryError:  # one of FFmpeg's errors, too, but not an end of the file
            raise
        except (StopIteration, av.FFmpegError):
            return
        if packet.size:
            yield packet


def _packet_rows(source: Source) -> list[tuple[int, bool, bool, int]]:
    """(time, is key, is shown, duration) of each packet; without its own time a packet is shown when it is decoded."""
    rows, clock = [], 0
    is_vp8 = source.codec == "vp8"
    for packet in video_packets(source):
        if packet.has_sidedata("encryption_info"):
            raise VideoError(f"{source.name}: the video is encrypted (DRM), expected an open file. Use an open copy.")
        time = packet.pts if packet.pts is not None else packet.dts if packet.dts is not None else clock
        clock = time + (packet.duration or 1)
        shown = not packet.is_discard and not (is_vp8 and _is_hidden_in_vp8(packet))
        rows.append((time, packet.is_keyframe, shown, packet.duration or 0))
    return rows


def _is_hidden_in_vp8(packet: av.Packet) -> bool:
    """Alternative reference frames travel in packets of their own; bit 4 of a packet is show_frame (RFC 6386, 9.1)."""
    return not memoryview(packet)[0] >> 4 & 1


def _spacing(seconds: np.ndarray, source: Source) -> float:
    """How long the last frame stays when its packet does not say: as long as frames usually do."""
    gap = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.0
    if gap > 0:
        return gap
    rate = source.stream.average_rate or source.stream.guessed_rate or Fraction(25)
    return float(1 / rate) if rate > 0 else 0.04
