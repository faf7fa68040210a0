"""Decoding with PyAV: every frame in order, or only the groups of pictures that hold a wanted frame."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import av
import numpy as np
from av import VideoFrame

from workbench.video.container import Source
from workbench.video.timeline import Timeline, video_packets

# Decoders that drop pictures nothing refers to, packet by packet as told. Others ignore it or apply it when opened.
SKIPPING = {"h264", "hevc", "mpeg4"}


class Run(NamedTuple):
    """Packets `start` to `stop` (not included) in decode order: from a key frame to the last wanted picture of its group."""

    start: int
    stop: int


def all_frames(source: Source, timeline: Timeline) -> Iterator[tuple[int, VideoFrame]]:
    """Every frame that decodes, as (position in presentation order, frame). What does not decode is left out."""
    places = _places(timeline)
    for count, frame in enumerate(_decoded(source, video_packets(source))):
        if not timeline.exact and count < timeline.frame_count:
            yield count, frame
        elif frame.pts in places:
            yield places[frame.pts], frame


def grouped_frames(
    source: Source, timeline: Timeline, wanted: Iterable[int], skip: bool = True
) -> Iterator[tuple[int, VideoFrame]]:
    """The wanted frames that decode from their own group of pictures, as (position, frame). Needs an exact timeline.

    Demuxes once from the start, without seeking: reading is cheap beside decoding, and every container's packets
    come out the same each time, while where a seek lands is the container's guess. With `skip`, pictures that no other
    picture refers to are not decoded unless wanted.
    """
    places, wanted = _places(timeline), set(wanted)
    context = source.stream.codec_context
    if (
        context.name != "h264"
    ):  # H.264 in open groups counts a jump as an error; its decoder holds such frames back itself
        context.options |= {"err_detect": "explode"}  # rather no frame than one with its references missing
    targets = set(np.flatnonzero(np.isin(timeline.positions, list(wanted))).tolist())
    runs = _runs(timeline, sorted(targets))
    skip = skip and context.name in SKIPPING
    for run, packets in _packets_of(source, runs):
        for frame in _run_frames(context, run, packets, targets if skip else None):
            if places.get(frame.pts) in wanted:
                yield places[frame.pts], frame


def _packets_of(source: Source, runs: list[Run]) -> Iterator[tuple[Run, Iterator[av.Packet]]]:
    """Each run with its packets; they must be used up before the next run is taken."""
    numbered = enumerate(video_packets(source))
    for run in runs:
        yield run, (packet for _, packet in _between(numbered, run))


def _between(numbered: Iterator[tuple[int, av.Packet]], run: Run) -> Iterator[tuple[int, av.Packet]]:
    for number, packet in numbered:
        if number >= run.start:
            yield number, packet
        if number + 1 == run.stop:
            return


def _run_frames(context, run: Run, packets: Iterator[av.Packet], targets: set[int] | None) -> Iterator[VideoFrame]:
    for number, packet in enumerate(packets, run.start):
        if targets is not None:
            context.skip_frame = "DEFAULT" if number in targets else "NONREF"
        yield from _decode(context, packet)
    yield from _decode(context, None)
    context.flush_buffers()


def _decoded(source: Source, packets: Iterator[av.Packet]) -> Iterator[VideoFrame]:
    for packet in packets:
        yield from _decode(source.stream.codec_context, packet)
    yield from _decode(source.stream.codec_context, None)


def _decode(context, packet: av.Packet | None) -> list[VideoFrame]:
    """Frames that come out; none for a damaged packet. Whoever asked sees which are missing."""
    try:
        return context.decode(packet)
    except MemoryError:  # one of FFmpeg's errors, too, but not the packet's fault
        raise
    except av.FFmpegError:
        return []


def _places(timeline: Timeline) -> dict[int, int]:
    shown = timeline.positions >= 0
    return dict(zip(timeline.pts[shown].tolist(), timeline.positions[shown].tolist(), strict=True))


def _runs(timeline: Timeline, targets: list[int]) -> list[Run]:
    """The packets to decode for these targets (packet numbers, ascending), each run from a key frame on.

    A picture shown before the key frame of its group (a leading picture of an open group) needs the group before, too.
    """
    keys = np.flatnonzero(timeline.keys)
    runs: list[Run] = []
    for target in targets:
        group = int(np.searchsorted(keys, target, side="right")) - 1
        if group >= 0 and timeline.pts[target] < timeline.pts[keys[group]]:
            group -= 1
        start = int(keys[group]) if group >= 0 else 0
        while runs and start < runs[-1].stop:
            start = min(start, runs.pop().start)
        runs.append(Run(start, target + 1))
    return runs
