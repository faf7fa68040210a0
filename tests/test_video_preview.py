"""Previews: every browser's kind of file, the same pictures at the same seconds as the judge saw them."""

import numpy as np
import pytest
from clips import CLIPS, Clip, cell_means, numbered_picture, read_numbers
from PIL import Image

from workbench.errors import VideoError
from workbench.schema import VideoPolicy
from workbench.video import VideoLimits, is_browser_playable, make_preview, probe, sample_frames

ALL = VideoPolicy(frames=10_000, min_pixels=1, max_pixels=128 * 128, size_multiple=4)
SHOWN = [
    "h264.avi", "h264_10bit.mp4", "h264_444_odd.mp4", "hevc.mp4", "hevc_10bit.mkv", "vp9.webm", "av1.mkv", "mpeg4.avi",
    "animation.gif", "one_frame.webm", "late_start.mkv", "variable_rate.mkv",
]  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_the_preview_keeps_every_frame_and_its_time(tmp_path, name):
    original = CLIPS[name].write(tmp_path / name)
    preview = make_preview(original, tmp_path / "preview.mp4")
    before, after = sample_frames(original, ALL), sample_frames(preview, ALL)
    assert is_browser_playable(probe(preview))
    assert read_numbers(after.images) == read_numbers(before.images) == list(range(CLIPS[name].frames))
    assert np.abs(np.array(after.seconds) - before.seconds).max() < 1e-3
    assert probe(preview).duration == pytest.approx(probe(original).duration, abs=2e-3)
    assert np.abs(cell_means(after.images[-1]) - cell_means(before.images[-1])).max() < 12


def test_the_preview_starts_at_once_and_at_zero(tmp_path):
    import av

    preview = make_preview(CLIPS["late_start.mkv"].write(tmp_path / "late.mkv"), tmp_path / "preview.mp4")
    data = preview.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(preview)) as container:
        assert next(container.decode(video=0)).pts == 0


@pytest.mark.parametrize(
    ("clip", "size"),
    [
        (Clip(frames=3, turn=(90, False, False)), (128, 64)),
        (Clip(frames=3, turn=(180, True, False)), (128, 64)),
        (Clip(frames=3, size=(1280, 960), options={"preset": "ultrafast"}), (720, 540)),
        (Clip("libvpx-vp9", frames=3, size=(65, 131), options={"cpu-used": "8"}), (64, 132)),
    ],
)
def test_the_preview_is_upright_even_and_small(tmp_path, clip, size):
    path = clip.write(tmp_path / "original.mp4")
    preview = make_preview(path, tmp_path / "preview.mp4", VideoLimits())
    info = probe(preview)
    assert (info.width, info.height, info.rotation) == (*size, 0)
    assert read_numbers(sample_frames(preview, ALL).images) == [0, 1, 2]


def test_a_folder_of_frames_has_a_preview_too(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(numbered_picture(number, 128, 64)).save(folder / f"{number}.png")
    frames = sample_frames(make_preview(folder, tmp_path / "preview.mp4"), ALL)
    assert read_numbers(frames.images) == [0, 1, 2] and frames.seconds == (0, 1, 2) and frames.duration == 3


def test_a_failed_preview_leaves_the_old_one_alone(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "preview.mp4").write_text("the old one")
    with pytest.raises(VideoError):
        make_preview(tmp_path / "text.mp4", tmp_path / "preview.mp4")
    assert (tmp_path / "preview.mp4").read_text() == "the old one"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("name", "playable"),
    [
        ("h264.mp4", True),
        ("h264.mov", True),
        ("h264.mkv", False),
        ("h264.avi", False),
        ("h264_10bit.mp4", False),
        ("h264_444_odd.mp4", False),
        ("hevc.mp4", False),
        ("vp8_hidden_frames.webm", True),
        ("vp9.webm", True),
        ("av1.webm", True),
        ("av1.mkv", False),
        ("mpeg4.mp4", False),
        ("animation.gif", False),
    ],
)
def test_what_browsers_play_as_it_is(tmp_path, name, playable):
    assert is_browser_playable(probe(CLIPS[name].write(tmp_path / name))) is playable
