"""Every codec in every container, every road to a frame: the frame that comes is exactly the one that was asked for."""

import random

import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from clips import CLIPS, COLOURS, Clip, cell_means, quiet_x265, read_number, read_numbers

from workbench.errors import VideoError
from workbench.schema import VideoPolicy
from workbench.video import probe, pyav_decoder, sample_frames, sha256_of
from workbench.video.benchmark import main as benchmark
from workbench.video.container import open_video
from workbench.video.decord_decoder import decord_rgb, has_decord
from workbench.video.picture import rgb_of
from workbench.video.pyav_decoder import all_frames, grouped_frames
from workbench.video.scan import scan_file

WHOLE = VideoPolicy(frames=10_000, min_pixels=1, max_pixels=128 * 128, size_multiple=4)
FIVE = VideoPolicy(frames=5, min_pixels=1, max_pixels=128 * 128, size_multiple=4)
NOT_IN_DECORD = {name for name in CLIPS if name.startswith(("av1", "animation", "one_frame", "vp9_live"))}
NEEDS_DECORD = pytest.mark.skipif(not has_decord(), reason="decord has no wheel for this machine")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A function: name of a clip -> its file, written once."""
    folder = tmp_path_factory.mktemp("clips")

    def written(name, spec=None):
        path = folder / name
        return path if path.exists() else (spec or CLIPS[name]).write(path)

    return written


def straight(scan):
    with open_video(scan.file) as source:
        return {position: rgb_of(frame) for position, frame in all_frames(source, scan.timeline)}


@pytest.mark.parametrize("name", CLIPS)
def test_all_frames_are_there_in_order(clip, name):
    frames = sample_frames(clip(name), WHOLE)
    expected = list(range(CLIPS[name].frames))
    assert list(frames.indices) == expected
    assert read_numbers(frames.images) == expected
    assert frames.frame_count == CLIPS[name].frames


@pytest.mark.parametrize("name", CLIPS)
def test_sampling_gives_the_frames_on_show(clip, name):
    frames = sample_frames(clip(name), FIVE)
    assert read_numbers(frames.images) == list(frames.indices)
    assert frames.seconds[0] == 0
    assert frames.images.flags.c_contiguous and frames.images.dtype == np.uint8
    if not CLIPS[name].ticks:
        places = np.arange(CLIPS[name].frames)
        assert list(frames.indices) == sorted({int(i) for i in np.linspace(0, places[-1], min(5, len(places))) + 1e-6})
        assert frames.seconds == pytest.approx([i / CLIPS[name].rate for i in frames.indices], abs=1e-3)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("name", CLIPS)
def test_groups_of_pictures_equal_a_decode_of_everything(clip, name, skip):
    scan = scan_file(clip(name), None)
    if not scan.timeline.exact:
        pytest.skip("decoded from the start")
    whole = straight(scan)
    for seed in range(15):
        choice = random.Random(seed)
        wanted = choice.sample(range(len(whole)), min(len(whole), choice.choice([1, 2, 6])))
        with open_video(scan.file) as source:
            found = {at: rgb_of(frame) for at, frame in grouped_frames(source, scan.timeline, wanted, skip)}
        assert set(found) == set(wanted) or "rolling_refresh" in name  # there a key frame is not a full picture
        assert all(np.array_equal(found[at], whole[at]) for at in found)


def test_few_frames_of_a_long_clip_decode_only_their_groups(clip):
    scan = scan_file(clip("long.mp4", Clip(frames=480)), None)  # a key frame every 12
    targets = [int(np.flatnonzero(scan.timeline.positions == position)[0]) for position in (100, 103, 400)]
    runs = pyav_decoder._runs(scan.timeline, sorted(targets))
    assert [run.start for run in runs] == [96, 396]
    assert sum(run.stop - run.start for run in runs) <= 24


@NEEDS_DECORD
@pytest.mark.parametrize("name", sorted(set(CLIPS) - NOT_IN_DECORD))
def test_decord_shows_the_same_pictures(clip, name):
    scan = scan_file(clip(name), None)
    whole = straight(scan)
    tolerance = 1.5 if "10bit" in name or "vp9.webm" in name else 0.0  # colour at edges is interpolated differently
    for position, picture in decord_rgb(scan.file, scan.timeline, sorted(whole), scan.shape):
        assert np.abs(picture.astype(int) - whole[position]).mean() <= tolerance, position


@NEEDS_DECORD
@pytest.mark.parametrize("name", ["h264.mp4", "hevc_10bit.mkv", "mpeg4.avi", "variable_rate.mp4"])
def test_decord_samples_the_same_frames(clip, name):
    ours = sample_frames(clip(name), FIVE)
    theirs = sample_frames(clip(name), VideoPolicy(**FIVE.to_dict() | {"decoder": "decord"}))
    assert (ours.decoder, theirs.decoder) == ("pyav", "decord")
    assert ours.indices == theirs.indices and ours.seconds == theirs.seconds
    assert read_numbers(theirs.images) == list(theirs.indices)


@NEEDS_DECORD
@pytest.mark.parametrize("name", ["av1.mp4", "animation.gif", "vp9_live.webm"])
def test_what_decord_cannot_open_it_says(clip, name):
    with pytest.raises(VideoError, match="decord"):
        sample_frames(clip(name), VideoPolicy(**FIVE.to_dict() | {"decoder": "decord"}))


@NEEDS_DECORD
def test_a_sliver_that_decord_pads_is_no_picture(clip):
    sliver = clip("sliver.mkv", Clip(codec="libx264", size=(2, 64), frames=3))
    with pytest.raises(VideoError, match="decord cannot decode it .a picture of shape"):
        sample_frames(sliver, VideoPolicy(**FIVE.to_dict() | {"decoder": "decord"}))
    assert len(sample_frames(sliver, FIVE).images) == 3


COLOURED = {
    "unsaid.mp4": Clip(),
    "bt601.mp4": Clip(colorspace=Colorspace.ITU601),
    "bt709.mp4": Clip(colorspace=Colorspace.ITU709),
    "bt709_full.mp4": Clip(colorspace=Colorspace.ITU709, color_range=ColorRange.JPEG),
    "full.mp4": Clip(pixel_format="yuvj420p", color_range=ColorRange.JPEG),
    "422.mp4": Clip(pixel_format="yuv422p"),
    "bt2020_10bit.mkv": Clip("libx265", pixel_format="yuv420p10le", colorspace=Colorspace.BT2020, options=quiet_x265()),
    "av1_10bit.mp4": Clip("libsvtav1", pixel_format="yuv420p10le", options={"preset": "12"}),
    "animation.gif": Clip("gif", pixel_format="rgb8", rate=10, frames=5),
}


@pytest.mark.parametrize("decoder", ["pyav", pytest.param("decord", marks=NEEDS_DECORD)])
@pytest.mark.parametrize("name", COLOURED)
def test_colours_are_right(clip, name, decoder):
    if decoder == "decord" and name.startswith(("av1", "animation")):
        pytest.skip("not in decord")
    frames = sample_frames(clip("colour_" + name, COLOURED[name]), VideoPolicy(**FIVE.to_dict() | {"decoder": decoder}))
    seen = cell_means(frames.images[1])[3]
    tolerance = 60 if name.endswith("gif") else 6  # 256 colours
    assert np.abs(seen - np.array(COLOURS)).max() <= tolerance


TURNS = [(degrees, mirror, flip) for degrees in (0, 90, 180, 270) for mirror in (False, True) for flip in (False, True)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("turn", TURNS)
def test_turned_clips_come_out_upright(tmp_path, turn, suffix):
    path = Clip(frames=3, turn=turn).write(tmp_path / f"turned{suffix}")
    frames, info = sample_frames(path, WHOLE), probe(path)
    assert read_numbers(frames.images) == [0, 1, 2]
    assert (info.width, info.height) == (128, 64)
    assert frames.images.shape[1] < frames.images.shape[2]
    if not turn[1] and not turn[2]:
        assert info.rotation == -turn[0] % 360


@NEEDS_DECORD
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_decord_turns_the_same_way(tmp_path, degrees):
    path = Clip(frames=3, turn=(degrees, False, False)).write(tmp_path / "turned.mp4")
    assert read_numbers(sample_frames(path, VideoPolicy(**FIVE.to_dict() | {"decoder": "decord"})).images) == [0, 1, 2]


def test_decord_is_refused_where_it_does_not_mirror(tmp_path):
    path = Clip(frames=3, turn=(0, True, False)).write(tmp_path / "mirrored.mp4")
    with pytest.raises(VideoError, match="decord"):
        sample_frames(path, VideoPolicy(**FIVE.to_dict() | {"decoder": "decord"}))


@pytest.mark.parametrize(
    ("aspect", "size", "shown"),
    [
        ("4/3", (96, 64), (128, 64)),
        ("1/2", (96, 64), (96, 128)),
        ("16/11", (88, 72), (128, 72)),
        ("1000/1", (96, 64), (96, 64)),
    ],
)
def test_sample_aspect_is_applied(tmp_path, aspect, size, shown):
    from fractions import Fraction

    path = Clip(frames=3, size=size, sample_aspect=Fraction(aspect)).write(tmp_path / "wide.mp4")
    info = probe(path)
    assert (info.width, info.height) == shown
    frames = sample_frames(path, VideoPolicy(frames=1, min_pixels=1, max_pixels=1 << 20, size_multiple=1))
    assert frames.images.shape[1:3] == shown[::-1] and read_number(frames.images[0]) == 1


def test_times_of_a_variable_rate(clip):
    for name, tolerance in (("variable_rate.mp4", 1e-4), ("variable_rate.mkv", 1e-3)):
        info, frames = probe(clip(name)), sample_frames(clip(name), FIVE)
        true = np.array(CLIPS[name].ticks) / 1000  # 3 n^2 ms
        assert info.variable_frame_rate and info.frame_count == 48
        assert frames.seconds == pytest.approx(true[list(frames.indices)], abs=tolerance)
        assert list(frames.indices) == [0, 23, 33, 40, 47]  # sqrt(1/4), sqrt(1/2), sqrt(3/4) of 47, rounded down


@pytest.mark.parametrize(
    "name", ["h264.mp4", "h264.mkv", "late_start.mkv", "vp9_live.webm", "h264_fragments.mp4", "animation.gif"]
)
def test_steady_clips_are_not_called_variable(clip, name):
    assert not probe(clip(name)).variable_frame_rate


def test_probe_tells_what_the_file_holds(clip):
    path = clip("hevc_10bit.mkv")
    info = probe(path)
    assert (info.codec, info.container, info.pixel_format) == ("hevc", "matroska,webm", "yuv420p10le")
    assert (info.width, info.height, info.rotation, info.frame_count) == (128, 64, 0, 48)
    assert info.duration == pytest.approx(2, abs=2e-3) and info.fps == pytest.approx(24, abs=0.05)
    assert info.sha256 == sha256_of(path) and info.bytes == path.stat().st_size


@pytest.mark.parametrize(
    ("name", "seconds"), [("one_frame.mp4", 1 / 24), ("late_start.mkv", 48 / 25), ("animation.gif", 2)]
)
def test_duration_is_of_the_frames(clip, name, seconds):
    assert probe(clip(name)).duration == pytest.approx(seconds, abs=3e-3)


def test_an_edit_list_hides_frames(clip, tmp_path):
    data = bytearray(clip("h264_plain.mp4", Clip(options={"bf": "0"})).read_bytes())
    entry = data.index(b"elst") + 16  # version, flags, count, segment duration; then media time
    data[entry : entry + 4] = (10 * 512).to_bytes(4, "big")  # start at frame 10, between two key frames
    path = tmp_path / "cut.mp4"
    path.write_bytes(data)
    frames = sample_frames(path, WHOLE)
    assert read_numbers(frames.images) == list(range(10, 48))
    assert frames.indices == tuple(range(38)) and frames.seconds[1] == pytest.approx(1 / 24, abs=1e-3)
    assert read_numbers(sample_frames(path, FIVE).images) == [10 + index for index in sample_frames(path, FIVE).indices]


def test_a_clip_cut_from_its_first_key_frame_starts_where_it_decodes(clip, tmp_path):
    import av

    path = tmp_path / "headless.mkv"
    with av.open(str(clip("h264.mkv"))) as whole, av.open(str(path), "w") as cut:
        stream = cut.add_stream_from_template(whole.streams.video[0])
        for number, packet in enumerate(whole.demux(video=0)):
            if number >= 3 and packet.size:
                packet.stream = stream
                cut.mux(packet)
    frames = sample_frames(path, WHOLE)
    assert set(read_numbers(frames.images)) >= set(range(12, 48))


def test_damage_in_the_middle_is_answered_by_the_frame_before(clip, tmp_path):
    data = bytearray(clip("h264_one_group.mp4").read_bytes())
    with open_video(clip("h264_one_group.mp4")) as source:
        packets = [(packet.pos, packet.size) for packet in source.container.demux(source.stream) if packet.size]
    for start, size in packets[20:24]:
        data[start : start + size] = bytes(size)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    frames = sample_frames(path, WHOLE)
    assert len(frames) == 48 and list(frames.indices) == sorted(frames.indices)
    assert read_numbers(frames.images)[:8] == list(range(8))


def test_a_video_that_is_mostly_damage_is_refused_in_the_words_of_the_first_decoder(clip, tmp_path):
    data = bytearray(clip("h264_one_group.mp4").read_bytes())
    with open_video(clip("h264_one_group.mp4")) as source:
        packets = [(packet.pos, packet.size) for packet in source.container.demux(source.stream) if packet.size]
    for start, size in packets[12:]:
        data[start : start + size] = bytes(size)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    with pytest.raises(VideoError, match="of the 48 wanted frames could not be decoded"):
        sample_frames(path, WHOLE)


@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm", "animation.gif"])
def test_the_same_file_gives_the_same_bytes(clip, name):
    first, second = sample_frames(clip(name), FIVE), sample_frames(clip(name), FIVE)
    assert np.array_equal(first.images, second.images) and first.record() == second.record()


def test_the_benchmark_prints_one_table(clip, capsys):
    assert benchmark([str(clip("h264_open_groups.mp4")), "--frames", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "h264, 128x64, 48 frames" and lines[1].split() == [
        "method",
        "frames",
        "seconds",
        "ratio",
        "exact",
    ]
    if has_decord():
        assert lines.pop().startswith("ours over decord, get_batch, 5 frames: ")
    exact = {line[:38].strip(" *"): line.split()[-1] for line in lines[2:]}
    random_access = exact.pop("decord, get_batch", None)
    assert set(exact.values()) == {"100%"} and random_access in (None, "60%", "40%", "20%", "80%")
