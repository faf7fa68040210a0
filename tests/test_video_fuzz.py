"""A hundred damaged files: each ends in frames or in a VideoError, in time, and no process is left."""

import random
from pathlib import Path

import psutil
import pytest
from clips import CLIPS

from workbench.errors import VideoError
from workbench.schema import VideoPolicy
from workbench.video import VideoLimits, sample_frames

LIMITS = VideoLimits(wall_clock=20, memory=1 << 30)
VICTIMS = (
    "h264.mp4", "h264_fragments.mp4", "h264_open_groups.mkv", "h264_one_group.mp4", "hevc.mp4", "hevc_10bit.mkv",
    "vp9.webm", "vp8_hidden_frames.webm", "av1.mp4", "av1.webm", "mpeg4.avi", "animation.gif",
)  # fmt: skip


@pytest.fixture(scope="module")
def victims(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("victims")
    return {name: CLIPS[name].write(folder / name).read_bytes() for name in VICTIMS}


def damaged(data: bytes, choice: random.Random) -> bytes:
    """Cut, overwritten with noise or zeros, shuffled, lengthened, or with a spoilt header."""
    size, at = len(data), choice.randrange(len(data))
    spoilt = bytearray(data)
    match choice.choice(["cut", "noise", "zeros", "shuffle", "insert", "header"]):
        case "cut":
            del spoilt[at:]
        case "noise":
            for _ in range(choice.choice([1, 10, 200])):
                spoilt[choice.randrange(size)] = choice.randrange(256)
        case "zeros":
            spoilt[at : at + 300] = bytes(len(spoilt[at : at + 300]))
        case "shuffle":
            spoilt = spoilt[at:] + spoilt[:at]
        case "insert":
            spoilt[at:at] = choice.randbytes(choice.randrange(1, 500))
        case "header":
            for _ in range(choice.choice([1, 5, 30])):
                spoilt[choice.randrange(min(size, 600))] = choice.choice([0, 127, 255, choice.randrange(256)])
    return bytes(spoilt)


def outcome(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    try:
        frames = sample_frames(path, VideoPolicy(frames=6), LIMITS)
    except VideoError as error:
        assert "longer than" not in str(error) and "memory" not in str(error), f"{path.name}: {error}"
        return "refused"
    assert len(frames) == len(frames.indices) == len(frames.images) >= 1
    assert list(frames.indices) == sorted(frames.indices)
    return "frames"


@pytest.mark.parametrize("block", range(4))
def test_damage_ends_well(victims, tmp_path, block):
    outcomes = []
    for seed in range(25 * block, 25 * block + 25):
        choice = random.Random(seed)
        name = choice.choice(VICTIMS)
        outcomes.append(outcome(tmp_path / f"{seed}_{name}", damaged(victims[name], choice)))
    assert {"frames", "refused"} == set(outcomes)
    assert [child for child in psutil.Process().children() if "workbench.video.worker" in child.cmdline()] == []
