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
    """Packets `start` to `stop` (not included) in decode order: from a key frame to the last picture wanted with it."""

    start: int
    stop: int


def all_frames(source: Source, timeline: Timeline) -> Iterator[tuple[int, VideoFrame]]:
    """Every frame that decodes, as (position in presentation order, frame). What does not decode is left out."""
    frames = _decoded(source, video_packets(source))
    if not timeline.exact:
        yield from zip(range(timeline.frame_count), frames, strict=False)
        return
    places = _places(timeline)
    for frame in frames:
        if frame.pts in places:
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
    targets = set(np.flatnonzero(np.isin(timeline.positions, list(wanted))).tolist())
    _refuse_missing_references(source)
    whole = targets if skip and source.codec in SKIPPING else None
    packets = enumerate(video_packets(source))
    for run in _runs(timeline, sorted(targets)):
        for frame in _run_frames(source.stream.codec_context, run, packets, whole):
            if places.get(frame.pts) in wanted:
                yield places[frame.pts], frame


def _refuse_missing_references(source: Source) -> None:
    """Rather no frame than a wrong one, should a group not stand alone; the caller then decodes everything.

    Not for H.264: there the start of an open group counts as an error, and the decoder itself holds back what is not
    whole yet.
    """
    if source.codec != "h264":
        source.stream.codec_context.options |= {"err_detect": "explode"}


def _run_frames(
    context, run: Run, packets: Iterator[tuple[int, av.Packet]], whole: set[int] | None
) -> Iterator[VideoFrame]:
    """The frames of one run. With `whole`, of the pictures that no other refers to only these packets are decoded."""
    for number, packet in packets:
        if number >= run.start:
            if whole is not None:
                context.skip_frame = "DEFAULT" if number in whole else "NONREF"
            yield from _decode(context, packet)
        if number + 1 == run.stop:
            break
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
