"""Scenes in a mirror, upside down and backwards: pixels, facts and words turn together."""

import random
from functools import cache
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import torch

from bootstrap.world.drawing import draw_frames
from bootstrap.world.facts import scene_facts
from bootstrap.world.sampling import CORE, sample_scene
from bootstrap.world.words import COLOURS, VOCABULARY
from training.rows import Clip, Example
from training.views import (
    View,
    other_things,
    reworded,
    seen_as,
    sha_and_view,
    turned_clip,
    turned_example,
    turned_facts,
    turned_text,
)
from workbench.backends.encoding import VideoInputs
from workbench.backends.pixels import patches
from workbench.schema import Item, Judgment, Video

PATCH, MERGE, BLACK_TO_WHITE = 14, 2, 1 / 255
PLAIN = SimpleNamespace(
    patch_size=PATCH, merge_size=MERGE, temporal_patch_size=2, rescale_factor=BLACK_TO_WHITE,
    image_mean=[0.0] * 3, image_std=[1.0] * 3,
)  # fmt: skip


def clip_of(images: np.ndarray) -> Clip:
    inputs = VideoInputs(patches(PLAIN, images), "", 1.0)
    return Clip(SimpleNamespace(seconds=tuple(range(len(images)))), inputs)


def images_of(clip: Clip, count: int) -> np.ndarray:
    """The frames that the patches of a clip show: the way of `patches` backwards."""
    tensors = clip.inputs.tensors
    pairs, height, width = tensors["video_grid_thw"][0].tolist()
    parts = tensors["pixel_values_videos"].reshape(
        pairs, height // MERGE, width // MERGE, MERGE, MERGE, 3, 2, PATCH, PATCH
    )
    frames = parts.permute(0, 6, 1, 3, 7, 2, 4, 8, 5).reshape(2 * pairs, height * PATCH, width * PATCH, 3)
    return (frames * 255).round().to(torch.uint8).numpy()[:count]


@pytest.mark.parametrize("count", [8, 7])
@pytest.mark.parametrize("view", get_args(View))
def test_pixels_are_the_frames_turned(view, count):
    images = np.random.default_rng(0).integers(0, 256, (count, 56, 84, 3), dtype=np.uint8)
    turned = images
    if "mirrored" in view:
        turned = turned[:, :, ::-1]
    if view == "upside down":
        turned = turned[:, ::-1]
    if "backwards" in view:
        turned = turned[::-1]
    assert (images_of(turned_clip(clip_of(images), view, PATCH, MERGE), count) == turned).all()


@cache
def scene_with(wanted: str):
    """The first scene that has a plain object of that kind, its facts and its frames."""
    thing = WANTED[wanted]
    for index in range(400):
        scene = sample_scene(CORE, "train", 0, index)
        facts = scene_facts(scene, "x.mp4", "0" * 64)
        if any(each["texture"] == "plain" and thing(each) for each in facts["objects"]):
            return facts, np.stack(list(draw_frames(scene)))
    raise AssertionError("no such scene")


WANTED = {
    "left": lambda thing: [each["motion"] for each in thing["segments"]] == ["left"],
    "turning": lambda thing: [each["motion"] for each in thing["segments"]] == ["up", "right"],
    "vanishing": lambda thing: thing["event"] == "vanishes early",
}


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("view", get_args(View))
def test_facts_stay_true_of_the_pixels(view, wanted):
    facts, images = scene_with(wanted)
    shown = turned_facts(facts, view)
    images = images_of(turned_clip(clip_of(images), view, PATCH, MERGE), len(images))
    checked, edge = 0, images.shape[1]
    for thing in shown["objects"]:
        if thing["texture"] != "plain":
            continue
        for number, (left, top, right, bottom) in enumerate(thing["box"]):
            if thing["visible"][number] < 100:
                continue
            x, y = (left + right) / 2000 * edge, (top + bottom) / 2000 * edge
            found = images[number, int(y), int(x)].astype(int)
            assert np.abs(found - COLOURS[thing["colour"]]).max() < 40, (number, found, thing["colour"])
            checked += 1
    assert checked > 5


def test_motions_and_events_turn():
    def told(wanted, view):
        facts, _ = scene_with(wanted)
        before = next(i for i, each in enumerate(facts["objects"]) if WANTED[wanted](each))
        thing = turned_facts(facts, view)["objects"][before]
        return [each["motion"] for each in thing["segments"]], thing["event"]

    assert told("left", "mirrored")[0] == ["right"] == told("left", "backwards")[0]
    assert told("left", "mirrored and backwards")[0] == ["left"] == told("left", "upside down")[0]
    assert told("turning", "upside down")[0] == ["down", "right"]
    assert told("turning", "backwards")[0] == ["left", "down"]
    assert told("vanishing", "backwards")[1] == "appears late"


@pytest.mark.parametrize(
    ("view", "text", "turned"),
    [
        ("mirrored", "The star goes Left, then right.", "The star goes Right, then left."),
        ("mirrored", "motion: seen up, said left: wrong (1).", "motion: seen up, said right: wrong (1)."),
        ("upside down", "It moves up and shows up late; it flashes up.", "It moves down and shows up late; it flashes up."),
        ("upside down", "It bounces up and down, then goes down.", "It bounces up and down, then goes up."),
        ("upside down", "Does it show up or move down?", "Does it show up or move up?"),
        ("as it is", "It moves left.", "It moves left."),
    ],
)  # fmt: skip
def test_directions_turn_in_words_and_nothing_else(view, text, turned):
    assert turned_text(text, view) == turned


def test_rows_turn_in_mirrors_only():
    item = Item(Video("a" * 64), "Does it go left?", ("It goes left.", "It goes up."), reference="It goes left.")
    target = Judgment(
        item=item.id, judge="world", prompt="pairwise", status="scored", choice="A", reasoning="said left"
    )
    turned = turned_example(Example(item, target), "mirrored")
    assert turned.item.instruction == "Does it go right?" and turned.item.reference == "It goes right."
    assert turned.item.responses == ("It goes right.", "It goes up.") and turned.target.reasoning == "said right"
    with pytest.raises(ValueError, match="backwards"):
        turned_example(Example(item, target), "backwards")


def test_a_view_is_part_of_the_name_of_a_video():
    for view in get_args(View):
        assert sha_and_view(seen_as("a" * 64, view)) == ("a" * 64, view)
    assert seen_as("a" * 64, "as it is") == "a" * 64


def test_other_things_are_put_alike_in_a_whole_row():
    word = other_things(VOCABULARY, random.Random(1))
    assert word("A red star and a red cross.").count(word("red")) == 2
    assert word("Red stars") != "" and word("moves left") == "moves left"
    assert sorted(map(word, VOCABULARY["colour"])) == sorted(VOCABULARY["colour"])
    item = Item(Video("a" * 64), "What is red?", ("The red star.",))
    target = Judgment(item=item.id, judge="world", prompt="pointwise", status="scored", score=5.0)
    assert reworded(Example(item, target), word).item.responses == (word("The red star."),)
