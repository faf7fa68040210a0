"""Nested frames: pairs that stay the same however many are asked for, and where that is written down."""

import argparse

import numpy as np
import pytest

from analysis import commands_sweep
from analysis.commands_sweep import sweep_asked
from analysis.sweep_grid import Sweep
from tests.clips import Clip
from workbench.__main__ import parser
from workbench.backends import load_backend
from workbench.errors import InputError
from workbench.judge import judge_items
from workbench.judge_options import assignment_of
from workbench.prompts import load_prompt
from workbench.schema import Item, Video, VideoPolicy
from workbench.video import sha256_of
from workbench.video.nested import nested_instants
from workbench.video.sampling import wanted_positions

SECONDS = np.arange(1281) / 10  # 128 seconds: a span of the 128 is one second


def test_instants_by_hand():
    assert nested_instants(2, 128).tolist() == [0, 0.5]
    assert nested_instants(4, 128).tolist() == [0, 0.5, 127, 127.5]
    assert nested_instants(10, 128).tolist() == [0, 0.5, 31, 31.5, 63, 63.5, 95, 95.5, 127, 127.5]
    whole = nested_instants(256, 128)
    assert whole.tolist() == [number / 2 for number in range(256)]


def test_fewer_are_a_part_of_more():
    found = [wanted_positions(SECONDS, 128.1, VideoPolicy(frames=count, nested=True)) for count in range(2, 258, 2)]
    for count, (few, more) in enumerate(zip(found, found[1:], strict=False), 1):
        pairs = [set(zip(some[::2], some[1::2], strict=True)) for some in (few, more)]
        assert pairs[0] < pairs[1] and len(few) == 2 * count and few == sorted(few)
    for frames in (10, 34, 130):  # whole rounds: as even as uniform ones
        gaps = np.diff(nested_instants(frames, 128)[::2])
        assert gaps.max() <= 2 * gaps.min()


def test_a_short_clip_gives_every_frame_once():
    assert wanted_positions(np.arange(6) / 10, 0.6, VideoPolicy(frames=8, nested=True)) == list(range(6))


@pytest.mark.parametrize("policy", [{"frames": 7}, {"frames": 258}, {"fps": 1.0, "max_frames": 8}])
def test_what_does_not_come_in_pairs(policy):
    with pytest.raises(InputError, match="nested"):
        VideoPolicy(**policy, nested=True)


def test_it_is_recorded_only_where_asked_for():
    """Runs made before keep their settings, and so their judgments' keys."""
    assert "nested" not in VideoPolicy(frames=8).to_dict()
    asked = VideoPolicy(frames=8, nested=True)
    assert asked.to_dict()["nested"] is True and VideoPolicy.from_dict(asked.to_dict()) == asked


def test_options():
    words = ["judge", "clip.mp4", "--instruction", "x", "--response", "y", "--frames", "8"]
    assert assignment_of(parser().parse_args([*words, "--nested"])).video == {"frames": 8, "nested": True}
    assert assignment_of(parser().parse_args(words)).video == {"frames": 8}
    tree = argparse.ArgumentParser()
    commands_sweep.add_verbs(tree.add_subparsers())
    asked = sweep_asked(tree.parse_args(["sweep", "items.csv", "--frames", "4,8", "--nested"]))
    assert asked.video == {"nested": True}
    with pytest.raises(InputError, match="even"):
        Sweep(("embedded",), (0.0,), (4, 7), video={"nested": True})


def test_what_a_judgment_keeps_of_it(tmp_path):
    """The frames are the pairs, and the settings say so."""
    path = Clip(frames=64).write(tmp_path / "clip.mp4")
    (tmp_path / "judge.yaml").write_text("rules:\n- reply: <score>4</score>\n")
    item, backend = Item(Video(sha256_of(path), str(path)), "What?", ("It blinks.",)), f"scripted:{tmp_path}/judge.yaml"
    kept = {}
    for frames in (4, 8):
        policy = VideoPolicy(frames=frames, nested=True)
        (judgment,) = judge_items([item], load_backend(backend), load_prompt("pointwise"), policy=policy)
        assert judgment.settings["video"] == policy.to_dict()
        kept[frames] = judgment.frames["seconds"]
    assert len(kept[8]) == 8 and set(kept[4]) < set(kept[8])
