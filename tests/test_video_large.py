"""Large and long videos: memory that stays bounded, and no more decoding than the wanted frames need. Takes minutes."""

import subprocess
import sys
from pathlib import Path

import av
import pytest
from clips import FAST_VPX, Clip, quiet_x265, read_numbers

from workbench.schema import VideoPolicy
from workbench.video import VideoLimits, probe, sample_frames

ROOT = Path(__file__).resolve().parents[1]
FOUR_K = (3840, 2160)
ULTRAFAST = {"preset": "ultrafast"}
LARGE = {
    "h264.mp4": Clip(size=FOUR_K, frames=200, gop=50, options=ULTRAFAST | {"refs": "5", "bf": "3"}),
    "hevc_10bit.mp4": Clip("libx265", FOUR_K, 60, pixel_format="yuv420p10le", gop=30, options=quiet_x265() | ULTRAFAST),
    "vp9.webm": Clip("libvpx-vp9", FOUR_K, 60, gop=30, options=FAST_VPX),
    "av1.mp4": Clip("libsvtav1", FOUR_K, 60, gop=30, options={"preset": "13"}),
}
# Not ru_maxrss: that starts from what the parent held.
MEASURE = """
import re, sys
from workbench.schema import VideoPolicy
from workbench.video import sample_frames
frames = sample_frames(sys.argv[1], VideoPolicy(frames=180, max_pixels=100_352))
print(len(frames), re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize("name", LARGE)
def test_180_frames_of_4k_stay_under_a_gigabyte(tmp_path, name):
    path = LARGE[name].write(tmp_path / name)
    command = [sys.executable, "-c", MEASURE, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    count, kibibytes = map(int, done.stdout.split())
    print(f"{name}: {kibibytes / 1024:.0f} MiB at the peak")
    assert count == min(180, LARGE[name].frames) and kibibytes < 1 << 20


def two_hours(folder: Path, suffix: str) -> Path:
    """A minute of numbered frames, 120 times over."""
    minute, path = Clip(frames=1440, gop=48).write(folder / "minute.mp4"), folder / f"hours{suffix}"
    with av.open(str(minute)) as source:
        stream = source.streams.video[0]
        packets = [(packet, packet.pts, packet.dts) for packet in source.demux(stream) if packet.size]
        length = round(60 / stream.time_base)
        with av.open(str(path), "w") as out:
            copy = out.add_stream_from_template(stream)
            for turn in range(120):
                for packet, pts, dts in packets:
                    packet.stream, packet.pts = copy, pts + turn * length
                    packet.dts = None if dts is None else dts + turn * length
                    packet.time_base = stream.time_base
                    out.mux(packet)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_two_hour_video_within_the_default_limits(tmp_path, suffix):
    path = two_hours(tmp_path, suffix)
    info = probe(path, VideoLimits())
    assert info.duration == pytest.approx(7200, abs=0.1) and info.frame_count == 172_800
    for policy in (VideoPolicy(frames=180), VideoPolicy(fps=1, max_frames=180)):
        frames = sample_frames(path, policy, VideoLimits())
        assert len(frames) == 180
        assert read_numbers(frames.images) == [index % 1440 for index in frames.indices]
