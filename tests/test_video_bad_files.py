"""Files that are no videos, or pretend to be: one clear VideoError each, in this process and in the worker alike."""

import os

import av
import pytest
from clips import FAST_VPX, Clip, numbered_picture, silence

from workbench.errors import VideoError
from workbench.schema import VideoPolicy
from workbench.video import VideoLimits, make_preview, probe, sample_frames, sha256_of

POLICY = VideoPolicy(frames=4)
LIMITS = VideoLimits(wall_clock=30, memory=1 << 30)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Bytes of a good mp4 and of a good gif."""
    folder = tmp_path_factory.mktemp("good")
    gif = Clip("gif", pixel_format="rgb8", rate=10, frames=5)
    return {
        "mp4": Clip().write(folder / "good.mp4").read_bytes(),
        "vp9": Clip("libvpx-vp9", options=FAST_VPX).write(folder / "vp9.mp4").read_bytes(),
        "gif": gif.write(folder / "good.gif").read_bytes(),
        "mkv": Clip().write(folder / "good.mkv").read_bytes(),
    }


def gif_of(data: bytes, width: int, height: int) -> bytes:
    return data[:6] + width.to_bytes(2, "little") + height.to_bytes(2, "little") + data[10:]


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hosts\n#EXT-X-ENDLIST\n"
SDP = (
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)
DASH = b'<?xml version="1.0"?>\n<MPD type="static" xmlns="urn:mpeg:dash:schema:mpd:2011"><Period></Period></MPD>\n'

BAD = {
    "empty.mp4": (lambda good: b"", "empty"),
    "text.mp4": (lambda good: b"It was a dark and stormy night.\n" * 40, "cannot be opened as a video"),
    "zeros.mkv": (lambda good: bytes(100_000), "cannot be opened as a video"),
    "noise.avi": (lambda good: bytes(range(256)) * 400, "cannot be opened as a video"),
    "truncated.mp4": (lambda good: good["mp4"][: len(good["mp4"]) // 2], "cannot be opened as a video"),
    "head_only.mkv": (lambda good: good["mkv"][:700], "no frame|cannot be opened"),
    "playlist.mp4": (lambda good: PLAYLIST, "cannot be opened as a video"),
    "playlist.m3u8": (lambda good: PLAYLIST, "cannot be opened as a video"),
    "list.ffconcat": (lambda good: b"ffconcat version 1.0\nfile good.mp4\n", "another kind of file"),
    "stream.sdp": (lambda good: SDP, "another kind of file"),
    "manifest.mpd": (lambda good: DASH, "another kind of file|cannot be opened"),
    "unknown_codec.mp4": (lambda good: good["mp4"].replace(b"avc1", b"zzz1"), "codec this machine cannot decode"),
    "wrong_codec.mp4": (lambda good: good["mp4"].replace(b"avc1", b"vp09"), "none of its 48 frames"),
    "no_size.gif": (lambda good: gif_of(good["gif"], 0, 0), "cannot be opened|size"),
    "absurd_size.gif": (lambda good: gif_of(good["gif"], 65_535, 65_535), "size"),
    "absurd_count.mp4": (
        lambda good: good["mp4"].replace(
            b"stsz" + bytes(8) + (48).to_bytes(4, "big"), b"stsz" + bytes(8) + b"\x7f" * 4
        ),
        "cannot be opened|no frame",
    ),
}


@pytest.mark.parametrize("limits", [None, LIMITS], ids=["here", "worker"])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_clear_error(tmp_path, good, name, limits):
    make, words = BAD[name]
    path = tmp_path / name
    path.write_bytes(make(good))
    with pytest.raises(VideoError, match=words) as caught:
        sample_frames(path, POLICY, limits)
    assert name in str(caught.value) and str(tmp_path) not in str(caught.value)
    with pytest.raises(VideoError, match=words):
        probe(path, limits)


@pytest.mark.parametrize("limits", [None, LIMITS], ids=["here", "worker"])
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "path"),
        ("a\0b", "path"),
        ("missing.mp4", "no such file"),
        ("http://example.com/a.mp4", "Download"),
        ("rtsp://example.com/a", "Download"),
        ("file:///etc/hosts", "Download"),
        ("concat:a.mp4|b.mp4", "no such file"),
        ("pipe:0", "no such file"),
        ("/dev/zero", "regular file"),
        ("/dev/null", "regular file"),
    ],
)
def test_what_is_no_local_file_is_refused(path, words, limits):
    with pytest.raises(VideoError, match=words):
        sample_frames(path, POLICY, limits)
    with pytest.raises(VideoError, match=words):
        probe(path, limits)


def test_a_pipe_that_would_hang_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    for task in (probe, sha256_of):
        with pytest.raises(VideoError, match="regular file"):
            task(tmp_path / "pipe.mp4")


@pytest.mark.parametrize("name", ["sound.m4a", "sound.mkv", "sound.wav"])
def test_sound_alone_is_refused(tmp_path, name):
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream("pcm_s16le" if name.endswith("wav") else "aac", rate=48_000)
        container.mux(stream.encode(silence()))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="got a file with audio in it|another kind of file"):
        probe(tmp_path / name)


def test_a_cover_picture_is_no_video(tmp_path):
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        sound = container.add_stream("aac", rate=48_000)
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(numbered_picture(0, 64, 64), format="rgb24")))
        container.mux(cover.encode())
        container.mux(sound.encode(silence()))
        container.mux(sound.encode())
    with pytest.raises(VideoError, match="expected a video stream"):
        probe(tmp_path / "song.mp4")


@pytest.mark.parametrize("limits", [None, LIMITS], ids=["here", "worker"])
def test_an_encrypted_file_says_so(tmp_path, limits):
    keys = {"encryption_key": "00112233445566778899aabbccddeeff", "encryption_kid": "0123456789abcdef0123456789abcdef"}
    path = Clip(container_options={"encryption_scheme": "cenc-aes-ctr"} | keys).write(tmp_path / "locked.mp4")
    with pytest.raises(VideoError, match="encrypted"):
        sample_frames(path, POLICY, limits)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"bytes": 1000}, "bytes"),
        ({"seconds": 1.5}, "seconds of video"),
        ({"frames": 40}, "frames"),
        ({"pixels": 128 * 64 - 1}, "size|pixels"),
    ],
)
def test_what_passes_a_limit_is_refused_before_decoding(tmp_path, changed, words):
    path = Clip().write(tmp_path / "clip.mp4")
    limits = VideoLimits(**{"wall_clock": 30} | changed)
    for task in (probe, lambda path, limits: sample_frames(path, POLICY, limits)):
        with pytest.raises(VideoError, match=words):
            task(path, limits)
    with pytest.raises(VideoError, match=words):
        make_preview(path, tmp_path / "preview.mp4", limits)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["clip.mp4"]


def test_an_absurd_time_is_refused(tmp_path):
    path = Clip(frames=3, ticks=[0, 1000, 10**9]).write(tmp_path / "eleven_days.mkv")
    with pytest.raises(VideoError, match="seconds of video"):
        probe(path, LIMITS)
    assert probe(path).duration > 10**6  # without limits it is what it says
