"""Training sees no other video than the one its row names."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.clips import Clip
from training.clips import frames_of, load_frames
from workbench.errors import InputError, VideoError
from workbench.schema import Video, VideoPolicy
from workbench.video import sha256_of

POLICY = VideoPolicy(frames=2)


@pytest.fixture
def video(tmp_path) -> Video:
    path = Clip(size=(64, 64), frames=8).write(tmp_path / "clip.mp4")
    return Video(sha256_of(path), str(path))


def make_anew(video: Video) -> None:
    """What a world made again in place with another seed leaves: another clip of the same name."""
    Clip(size=(64, 64), frames=11).write(video.path)


def test_a_clip_made_anew_in_place_is_refused_and_not_kept(video, tmp_path):
    make_anew(video)
    with pytest.raises(VideoError, match=rf"clip\.mp4: got content \w+, expected {video.sha256[:12]}.*make the rows"):
        load_frames(video, POLICY, tmp_path / "frames")
    assert not (tmp_path / "frames").exists()


def test_frames_are_hashed_once(video, monkeypatch):
    from workbench.video import sample

    hashed = []
    monkeypatch.setattr(sample, "sha256_of", lambda path: hashed.append(path) or video.sha256)
    frames_of(video, POLICY)
    assert len(hashed) == 1


def test_kept_frames_need_the_file_no_more_and_are_the_same(video, tmp_path):
    first = load_frames(video, POLICY, tmp_path / "frames")
    kept = load_frames(replace(video, path=None), POLICY, tmp_path / "frames")
    assert (kept.images == first.images).all() and kept.record() == first.record() and kept.duration == first.duration


def test_frames_of_another_video_that_were_kept_once_are_made_anew(video, tmp_path):
    first = load_frames(video, POLICY, tmp_path)
    (kept,) = tmp_path.glob("*.npz")
    with np.load(kept) as fields:
        np.savez(kept, **{**fields, "images": fields["images"] * 0, "sha256": "0" * 64})
    assert (load_frames(video, POLICY, tmp_path).images == first.images).all()


def test_a_row_without_a_file_is_refused(video):
    with pytest.raises(InputError, match="got no path"):
        frames_of(replace(video, path=None), POLICY)


def test_no_features_are_made_of_another_video(video, tmp_path):
    import torch

    from training.feature_store import FeatureStore, Vision
    from training.parallel import Team

    make_anew(video)
    vision = Vision(SimpleNamespace(dtype=torch.float32), None, "revision", POLICY, merged=True)
    store = FeatureStore(tmp_path / "features", vision, limit_gb=1)
    team = Team(0, 1, torch.device("cpu"), "single", torch.float32)
    store.prepare({video.sha256: video}, team, on_done=lambda done: None)
    assert "expected " + video.sha256[:12] in store.problems[video.sha256]  # which leaves out its rows, with the reason
    assert store.clips == {} and not list((tmp_path / "features").glob("*.safetensors"))
