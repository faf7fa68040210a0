"""The shifted world: other words, other pictures, other motions, longer clips; the rules of the home world hold in it."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from bootstrap.__main__ import main
from bootstrap.world.drawing import draw_frames, outline
from bootstrap.world.facts import scene_facts
from bootstrap.world.labels import dense_labels
from bootstrap.world.leaks import probe_ratings
from bootstrap.world.sampling import CORE, SHIFTED, Length, sample_scene
from bootstrap.world.scene import Segment
from bootstrap.world.targets import scene_rows
from bootstrap.world.words import HOME, MOTION_PHRASES
from bootstrap.world.words import SHIFTED as WORDS
from workbench.schema import Video

SHORT = replace(SHIFTED, lengths=(Length(1.0, 2, 8),))


def rows_of(setting, count):
    scenes = (sample_scene(setting, "train", 3, index) for index in range(count))
    return [row for scene in scenes for row in scene_rows(scene, Video("0" * 64), 3, 0.5)]


@pytest.mark.parametrize("name", ["colour", "shape", "motion", "background"])
def test_no_word_is_shared_where_the_worlds_differ(name):
    assert not set(HOME.vocabulary[name]) & set(WORDS.vocabulary[name])
    assert len(HOME.vocabulary[name]) == len(WORDS.vocabulary[name])


def test_no_motion_is_said_as_in_the_home_world():
    said = [{text for motion in words.motions for text in MOTION_PHRASES[motion].said} for words in (HOME, WORDS)]
    assert not said[0] & said[1]


def test_colours_can_be_told_apart_and_from_every_background():
    paints = {**HOME.colours, **WORDS.colours}
    for (one, a), (other, b) in itertools.combinations(paints.items(), 2):
        if {one, other} <= set(HOME.colours):
            continue
        assert np.abs(np.subtract(a, b)).sum() > 60, (one, other)
    for (one, a), (other, b) in itertools.product(WORDS.colours.items(), WORDS.backgrounds.items()):
        assert np.abs(np.subtract(a, b)).sum() > 60, (one, other)


@pytest.mark.parametrize("shape", WORDS.shapes)
def test_shapes_fill_their_box(shape):
    corners = np.array(outline(shape))
    assert np.abs(corners).max() <= 1 and np.ptp(corners, 0).min() > 1.4


def test_scenes_hold_other_things_and_last_longer():
    scenes = [sample_scene(SHIFTED, "test", 2, index) for index in range(80)]
    assert all(scene.duration >= 7.9 for scene in scenes) and max(scene.duration for scene in scenes) > 20
    things = [thing for scene in scenes for thing in scene.things]
    assert {thing.colour for thing in things} == set(WORDS.colours)
    assert {thing.shape for thing in things} == set(WORDS.shapes)
    assert {segment.motion for thing in things for segment in thing.segments} == set(WORDS.motions)
    assert {scene.background for scene in scenes} == set(WORDS.backgrounds)


def test_short_paths_stay_inside_the_frame():
    for index in range(80):
        facts = scene_facts(sample_scene(SHORT, "train", 4, index), "clip.mp4", "0")
        if facts["camera"]["motion"] == "still":
            boxes = np.array([box for thing in facts["objects"] for box in thing["box"]])
            assert boxes.min() >= -40 and boxes.max() <= 1040


@pytest.mark.parametrize(
    ("segment", "share", "centre"),
    [
        (Segment("zigzag", 0, 4, (0.3, 0.5), (0.4, 0.0), 2.0), 1 / 8, (0.35, 0.59)),
        (Segment("zigzag", 0, 4, (0.3, 0.5), (0.4, 0.0), 2.0), 1 / 2, (0.5, 0.5)),
        (Segment("swing", 0, 4, (0.5, 0.2), (0.3, np.pi / 6), 1.0), 1 / 4, (0.65, 0.2 + 0.3 * np.sqrt(0.75))),
        (Segment("swing", 0, 4, (0.5, 0.2), (0.3, np.pi / 6), 1.0), 1 / 2, (0.5, 0.5)),
        (Segment("northeast", 0, 4, (0.3, 0.7), (0.4, -0.4)), 1 / 2, (0.5, 0.5)),
    ],
    ids=lambda value: value.motion if isinstance(value, Segment) else None,
)
def test_motions_go_where_they_should(segment, share, centre):
    thing = replace(sample_scene(SHORT, "train", 4, 0).things[0], enters=0.0, segments=(segment,))
    assert thing.centres(np.array([4 * share]))[0] == pytest.approx(centre, abs=1e-6)


def test_dense_labels_count_in_the_shifted_vocabulary():
    scene = sample_scene(SHORT, "train", 4, 1)
    labels = dense_labels(scene_facts(scene, "clip.mp4", "0"), [0.5, 0.6], 8, 8)
    words = WORDS.vocabulary
    assert set(labels.background.ravel()) == {1 + words["background"].index(scene.background)}
    assert set(labels.shape.ravel()) - {0} <= {1 + words["shape"].index(thing.shape) for thing in scene.things}
    assert next(draw_frames(scene)).shape == (224, 224, 3)


def test_rows_speak_the_shifted_words_and_leak_no_rating():
    rows = rows_of(SHIFTED, 150)
    text = " ".join(response for row in rows for response in row.item.responses).lower()
    assert not any(f" {word} " in text for word in (*HOME.colours, *HOME.backgrounds, *HOME.shapes))
    assert all(word in text for word in WORDS.colours)
    items = [row.item for row in rows if row.item.tags["video_dependent"] == "yes"]
    probe = probe_ratings(items)
    assert probe.tested > 200 and abs(probe.accuracy - probe.chance) < 0.1


def test_the_door_makes_a_shifted_folder(tmp_path):
    arguments = ["--setting", "shifted", "--seconds-min", "2", "--seconds-max", "2", "--split", "test"]
    assert main(["world", "--out", str(tmp_path), "--scenes", "1", *arguments]) == 0
    record = json.loads((tmp_path / "world.json").read_text())
    assert record["vocabulary"]["shape"] == list(WORDS.shapes) != list(sample_scene(CORE, "test", 0, 0).things)
    assert json.loads((tmp_path / "items.jsonl").read_text().splitlines()[0])["tags"]["setting"] == "shifted"
