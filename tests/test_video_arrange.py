"""Frames in another order: which picture stands where, and that the records tell it."""

import numpy as np
import pytest
from PIL import Image

from workbench.backends.base import Declared, Reply
from workbench.judge import judge_items
from workbench.prompts import load_prompt
from workbench.schema import Item, Sampling, Video, VideoPolicy
from workbench.video import Frames, sha256_of
from workbench.video.arrange import arranged, frame_places


def frames(count: int) -> Frames:
    images = np.repeat(np.arange(count, dtype=np.uint8), 2 * 2 * 3).reshape(count, 2, 2, 3)
    seconds = tuple(float(n) for n in range(count))
    return Frames(images, seconds, tuple(range(0, 10 * count, 10)), "pyav", "ab" * 32, float(count), 10 * count)


@pytest.mark.parametrize(
    "order, shown", [("filmed", [0, 1, 2, 3]), ("reversed", [3, 2, 1, 0]), ("frozen", [0, 0, 0, 0])]
)
def test_orders_move_pictures_and_not_times(order, shown):
    there = arranged(frames(4), order)
    assert there.images[:, 0, 0, 0].tolist() == shown
    assert there.indices == tuple(10 * place for place in shown)
    assert there.seconds == (0.0, 1.0, 2.0, 3.0)
    assert there.fps == frames(4).fps


@pytest.mark.parametrize("count", [2, 3, 4, 8, 180])
def test_no_frame_of_a_shuffled_video_follows_the_one_it_followed(count):
    for seed in range(20):
        places = frame_places(count, "shuffled", seed)
        assert sorted(places) == list(range(count))
        assert not (np.diff(places) == 1).any()


def test_shuffling_depends_on_seed_and_video_alone():
    assert arranged(frames(8), "shuffled", 1).indices == arranged(frames(8), "shuffled", 1).indices
    assert len({arranged(frames(8), "shuffled", seed).indices for seed in range(5)}) > 1
    assert arranged(frames(1), "shuffled").indices == (0,)


class Onlooker:
    """Rates by the brightness of the first frame, and keeps what it was shown."""

    name, identity, view = "onlooker", {"backend": "test"}, "video"
    sampling, video_policy, declared = Sampling(), VideoPolicy(frames=3), Declared()

    def generate(self, chats, sampling):
        return [Reply(f"<score>{1 + (chat.frames.images[0].mean() > 128) * 4}</score>") for chat in chats]

    def close(self):
        pass


def test_a_judge_is_shown_the_frames_in_that_order_and_the_key_tells(tmp_path):
    clip = tmp_path / "clip"
    clip.mkdir()
    for number, level in enumerate((0, 120, 255)):
        Image.fromarray(np.full((64, 64, 3), level, np.uint8)).save(clip / f"{number}.png")
    item = Item(Video(sha256_of(clip), str(clip)), "What is seen?", ("It grows light.",))
    filmed, other = (
        next(judge_items([item], Onlooker(), load_prompt("pointwise"), frame_order=order))
        for order in ("filmed", "reversed")
    )
    assert (filmed.score, other.score) == (1, 5)
    assert filmed.key != other.key
    assert "frame_order" not in filmed.settings
    assert other.settings["frame_order"] == "reversed"
    assert other.frames["indices"] == filmed.frames["indices"][::-1]
