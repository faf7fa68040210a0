"""A folder of pictures is a video of one frame a second."""

import struct
import zlib

import numpy as np
import pytest
from clips import numbered_picture, read_numbers
from PIL import Image

from workbench.errors import VideoError
from workbench.schema import VideoPolicy
from workbench.video import VideoLimits, probe, sample_frames, sha256_of

ALL = VideoPolicy(frames=100, min_pixels=1, max_pixels=128 * 128, size_multiple=4)


def folder_of(path, names, size=(128, 64)):
    path.mkdir()
    for number, name in enumerate(names):
        Image.fromarray(numbered_picture(number, *size)).save(path / name)
    return path


@pytest.mark.parametrize("limits", [None, VideoLimits()], ids=["here", "worker"])
def test_names_are_in_natural_order(tmp_path, limits):
    names = ["f1.png", "f2.jpg", "f9.webp", "f10.png", "f11.JPEG", "g1.png"]
    folder = folder_of(tmp_path / "frames", names)
    (folder / "notes.txt").write_text("not a frame")
    (folder / ".hidden.png").write_bytes(b"")
    frames = sample_frames(folder, ALL, limits)
    assert read_numbers(frames.images) == list(range(6))
    assert (frames.indices, frames.seconds) == (tuple(range(6)), tuple(map(float, range(6))))
    assert (frames.decoder, frames.duration, frames.frame_count) == ("pillow", 6.0, 6)
    info = probe(folder, limits)
    assert (info.container, info.codec, info.width, info.height, info.fps) == ("frames", "png", 128, 64, 1.0)
    assert info.sha256 == frames.sha256 == sha256_of(folder)


def test_sampling_is_one_a_second(tmp_path):
    folder = folder_of(tmp_path / "frames", [f"{number:03}.png" for number in range(20)])
    assert sample_frames(folder, VideoPolicy(fps=0.5, max_frames=100)).indices == tuple(range(0, 20, 2))
    assert sample_frames(folder, VideoPolicy(frames=3)).indices == (0, 9, 19)


def test_the_hash_knows_names_and_contents(tmp_path):
    first = sha256_of(folder_of(tmp_path / "a", ["1.png", "2.png"]))
    assert first == sha256_of(folder_of(tmp_path / "b", ["1.png", "2.png"]))
    assert first != sha256_of(folder_of(tmp_path / "c", ["1.png", "3.png"]))
    assert first != sha256_of(folder_of(tmp_path / "d", ["1.png", "2.png"], size=(64, 64)))


def test_pictures_of_other_sizes_and_kinds_fit_the_first(tmp_path):
    folder = folder_of(tmp_path / "frames", ["0.png"])
    Image.fromarray(numbered_picture(1, 300, 200)).convert("P").save(folder / "1.png")
    Image.fromarray(numbered_picture(2, 64, 64)).convert("RGBA").save(folder / "2.webp", lossless=True)
    grey = np.asarray(Image.fromarray(numbered_picture(3, 128, 64)).convert("L"))
    Image.fromarray(grey).save(folder / "3.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(folder / "4.png")  # 16 bit
    frames = sample_frames(folder, ALL)
    assert frames.images.shape == (5, 64, 128, 3)
    assert read_numbers(frames.images) == [0, 1, 2, 3, 3]
    assert np.abs(frames.images[3].astype(int) - frames.images[4]).max() <= 1


def test_cameras_turn_their_pictures(tmp_path):
    (tmp_path / "frames").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right to see it upright
    turned = np.ascontiguousarray(np.rot90(numbered_picture(5, 128, 64)))
    Image.fromarray(turned).save(tmp_path / "frames" / "1.jpg", exif=exif)
    assert read_numbers(sample_frames(tmp_path / "frames", ALL).images) == [5]


def bomb(width: int, height: int) -> bytes:
    """A png whose header claims a huge picture."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("limits", [None, VideoLimits()], ids=["here", "worker"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "not a readable picture"),
        (b"GIF89a" + bytes(100), "not a readable picture"),
        (bomb(60_000, 60_000), "not a readable picture|at most"),
        (bomb(500, 500), "not a readable picture"),
    ],
)
def test_a_bad_picture_is_named(tmp_path, content, words, limits):
    folder = folder_of(tmp_path / "frames", ["1.png"])
    (folder / "2.png").write_bytes(content)
    with pytest.raises(VideoError, match=words) as caught:
        sample_frames(folder, ALL, limits)
    assert "2.png" in str(caught.value)


def test_a_folder_without_pictures_is_refused(tmp_path):
    for task in (probe, sha256_of):
        with pytest.raises(VideoError, match="without pictures"):
            task(tmp_path)


def test_a_picture_by_itself_is_a_video_of_one_frame(tmp_path):
    path = tmp_path / "one.jpg"
    Image.new("RGB", (80, 60), (200, 30, 30)).save(path)
    for limits in (None, VideoLimits()):
        frames = sample_frames(path, VideoPolicy(frames=8), limits=limits)
        assert frames.images.shape[0] == 1 and frames.seconds == (0.0,) and frames.sha256 == sha256_of(path)
    assert (probe(path).frame_count, probe(path).container) == (1, "frames")
    with pytest.raises(VideoError, match="no such file"):
        sample_frames(tmp_path / "gone.jpg", VideoPolicy(frames=1))
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(VideoError, match="not a readable picture"):
        sample_frames(tmp_path / "text.png", VideoPolicy(frames=1))
