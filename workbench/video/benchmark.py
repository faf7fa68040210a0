"""Which decoder is fastest, measured in one run on one machine: `python -m workbench.video.benchmark [VIDEO]`.

Without a video it writes one of moving picture (H.264, 640x360, B-frames) and measures on that. Every method is
asked for the same frames; "exact" is the share that equals, picture for picture, a decode of everything by PyAV.
Random access by decord is in the table to show what is not used: it is fast, and in many files it gives other frames.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from workbench.schema import VideoPolicy
from workbench.video.container import THREADS, open_video
from workbench.video.decord_decoder import decord_rgb, has_decord
from workbench.video.picture import rgb_of
from workbench.video.pyav_decoder import all_frames, grouped_frames
from workbench.video.sampling import wanted_positions
from workbench.video.scan import Scan, scan_file

ROUNDS = 3  # the median of this many is shown
OURS, GET_BATCH = "PyAV, groups, non-reference skipped *", "decord, get_batch"
SAME = 1.0  # mean difference of two pictures, of 255: the decoders interpolate 10-bit colours differently

Small = dict[int, np.ndarray]  # position -> every 4th pixel, so that hundreds of frames fit in memory


class Row(NamedTuple):
    """One line of the table."""

    method: str
    frames: int
    seconds: float
    exact: float  # share of the wanted frames


def main(argv: list[str] | None = None) -> int:
    """Print the table. Returns 0."""
    parser = argparse.ArgumentParser(prog="python -m workbench.video.benchmark", description=__doc__.splitlines()[0])
    parser.add_argument("video", nargs="?", type=Path, help="a video file; default: one made for the purpose")
    parser.add_argument("--seconds", type=int, default=60, help="of the one that is made (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="whose median is shown (default: %(default)s)")
    parser.add_argument("--frames", type=int, nargs="+", default=[8, 60, 180], help="numbers of frames to ask for")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        scan = scan_file(options.video or write_sample(Path(folder) / "sample.mp4", options.seconds), None)
        print(f"{scan.codec}, {scan.shape.width}x{scan.shape.height}, {scan.timeline.frame_count} frames")
        for number, count in enumerate(options.frames):
            rows = measure(scan, count, options.rounds)
            print("\n".join(filter(None, [table(rows, header=number == 0), against_decord(rows)])), flush=True)
    return 0


def measure(scan: Scan, count: int, rounds: int = ROUNDS) -> list[Row]:
    """Every method on the same `count` frames, in turn, so that a busy machine is busy for all of them."""
    wanted = wanted_positions(scan.timeline.seconds, scan.timeline.duration, VideoPolicy(frames=count))
    methods, truth = _methods(), straight(scan, wanted)
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    found: dict[str, Small] = {}
    for _ in range(rounds):
        for name, method in methods.items():
            start = time.perf_counter()
            found[name] = method(scan, wanted)
            seconds[name].append(time.perf_counter() - start)
    return [Row(name, len(wanted), statistics.median(seconds[name]), _exact(found[name], truth)) for name in methods]


def table(rows: list[Row], header: bool = True) -> str:
    """Text with the ratio to the fastest exact method of this run."""
    best = min(row.seconds for row in rows if row.exact == 1)
    lines = [f"{'method':<38}{'frames':>7}{'seconds':>9}{'ratio':>7}{'exact':>7}"] if header else []
    for row in rows:
        lines.append(f"{row.method:<38}{row.frames:>7}{row.seconds:>9.2f}{row.seconds / best:>7.2f}{row.exact:>7.0%}")
    return "\n".join(lines)


def against_decord(rows: list[Row]) -> str:
    """What `sample_frames` takes over what decord's own random access takes; "" where decord is not installed."""
    seconds = {row.method: row.seconds for row in rows}
    if GET_BATCH not in seconds:
        return ""
    return f"ours over {GET_BATCH}, {rows[0].frames} frames: {seconds[OURS] / seconds[GET_BATCH]:.2f}"


def _methods() -> dict[str, Callable[[Scan, list[int]], Small]]:
    methods = {
        "PyAV, everything to the last frame": straight,
        "PyAV, groups of pictures": lambda scan, wanted: grouped(scan, wanted, skip=False),
        OURS: lambda scan, wanted: grouped(scan, wanted, skip=True),
    }
    if has_decord():
        methods |= {"decord, played straight on": played, GET_BATCH: get_batch}
    return methods


def straight(scan: Scan, wanted: list[int]) -> Small:
    """PyAV decodes all frames up to the last wanted one."""
    small: Small = {}
    with open_video(scan.file) as source:
        for position, frame in all_frames(source, scan.timeline):
            if position in wanted:
                small[position] = rgb_of(frame)[::4, ::4].copy()
            if len(small) == len(wanted):
                break
    return small


def grouped(scan: Scan, wanted: list[int], skip: bool) -> Small:
    """What `sample_frames` does."""
    with open_video(scan.file) as source:
        frames = grouped_frames(source, scan.timeline, wanted, skip)
        return {position: rgb_of(frame)[::4, ::4].copy() for position, frame in frames}


def played(scan: Scan, wanted: list[int]) -> Small:
    """What `sample_frames` does with decord."""
    frames = decord_rgb(scan.file, scan.timeline, wanted, scan.shape)
    return {position: rgb[::4, ::4].copy() for position, rgb in frames}


def get_batch(scan: Scan, wanted: list[int]) -> Small:
    """Decord's own random access."""
    import decord

    batch = decord.VideoReader(str(scan.file), num_threads=THREADS).get_batch(wanted).asnumpy()
    return dict(zip(wanted, batch[:, ::4, ::4].copy(), strict=True))


def write_sample(path: Path, seconds: int = 60, rate: int = 30) -> Path:
    """Smooth shapes that move over noise: motion to predict, detail to code, no two frames alike."""
    noise = np.random.default_rng(0).integers(0, 60, (360, 640, 3), dtype=np.uint8)
    rows, columns = np.arange(360), np.arange(640)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.codec_context.time_base = Fraction(1, rate)
        for number in range(seconds * rate):
            along, down = np.sin((columns + 3 * number) / 60), np.cos((rows - 2 * number) / 40)
            wave = (90 + 80 * np.outer(down, along)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.roll(noise, number, axis=1) + wave[..., None], format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _exact(found: Small, truth: Small) -> float:
    same = [
        position in found and np.abs(found[position].astype(int) - picture).mean() < SAME
        for position, picture in truth.items()
    ]
    return sum(same) / len(same)


if __name__ == "__main__":
    sys.exit(main())
