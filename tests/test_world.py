"""The procedural world: scenes, clips, facts, labels, and the folder they are written to."""

import itertools
import json
import subprocess
import sys
from dataclasses import replace

import av
import numpy as np
import pytest

from bootstrap.__main__ import main
from bootstrap.world.clip import write_clip
from bootstrap.world.drawing import draw_frames
from bootstrap.world.examples import WISHES
from bootstrap.world.facts import scene_facts
from bootstrap.world.folder import World, write_world
from bootstrap.world.labels import dense_labels
from bootstrap.world.sampling import CORE, FULL, sample_scene
from bootstrap.world.scene import SPLITS, Scene, Segment, Thing
from bootstrap.world.words import BACKGROUNDS, COLOURS, STAYS, VOCABULARY

ONE = replace(CORE, objects_max=1)
EASY = World(ONE, "train", seed=4)


def facts_of(scene):
    return scene_facts(scene, "clip.mp4", "0" * 64)


def simple_scene(**changes) -> Scene:
    """A plain red square, a quarter of the frame wide, that moves right across the middle of a white frame in 2 s."""
    segment = Segment("right", 0.0, 2.0, (0.25, 0.5), (0.5, 0.0))
    thing = Thing("square", "red", "small", "plain", 0.25, "steady", STAYS, 0.0, float("inf"), (segment,))
    scene = Scene("scene", "core", "train", 0, 0, 1, 24, (thing,), "white")
    return replace(scene, **changes)


# Scenes


@pytest.mark.parametrize("setting", [CORE, FULL], ids=lambda setting: setting.name)
def test_a_scene_depends_on_its_seed_alone(setting):
    assert sample_scene(setting, "train", 1, 7) == sample_scene(setting, "train", 1, 7)
    scenes = [sample_scene(setting, split, seed, 7) for split in SPLITS for seed in (1, 2)]
    contents = {repr(replace(scene, id="", split="train", seed=0)) for scene in scenes}
    assert len(contents) == len(scenes)


def test_core_scenes_keep_what_the_split_promises():
    for index in range(60):
        scene = sample_scene(CORE, "test", 5, index)
        boxes = [np.array(thing["box"]) for thing in facts_of(scene)["objects"]]
        assert min(box.min() for box in boxes) >= -20 and max(box.max() for box in boxes) <= 1020
        assert 2 <= scene.duration <= 8.05 and 1 <= len(scene.things) <= 3
        assert (
            len({thing.colour for thing in scene.things})
            == len({thing.shape for thing in scene.things})
            == len(scene.things)
        )
        for thing in scene.things:
            in_view = (thing.opacity(scene.frame_seconds) > 0.5).mean()
            assert in_view > 2 / 8, thing
            assert all(s.end - s.start > scene.duration * 2 / 8 for s in thing.segments)


def test_full_scenes_hold_what_core_ones_do_not():
    scenes = [sample_scene(FULL, "train", 6, index) for index in range(300)]
    longest = max(scene.duration for scene in scenes)
    assert 30 < longest <= 120 and any(scene.duration < 8 for scene in scenes)
    assert any(any(scene.drift) for scene in scenes)
    assert any(scene.background_after for scene in scenes)
    assert any(scene.collision for scene in scenes)
    flashes = [thing for scene in scenes for thing in scene.things if thing.event.startswith("flashes")]
    assert flashes and all(0 < thing.leaves - thing.enters < 1 for thing in flashes)


def test_colliding_things_touch_at_the_moment_of_the_collision():
    scenes = (sample_scene(FULL, "train", 6, index) for index in itertools.count())
    scene = next(scene for scene in scenes if scene.collision is not None)
    one, other = scene.things[:2]
    distance = np.linalg.norm(one.centres(np.array([scene.collision])) - other.centres(np.array([scene.collision])))
    assert distance == pytest.approx((one.diameter + other.diameter) / 2, abs=1e-6)


# Clips and facts


def test_a_clip_is_h264_with_the_frames_of_its_scene(tmp_path):
    scene = sample_scene(CORE, "train", 3, 0)
    write_clip(tmp_path / "clip.mp4", draw_frames(scene), scene.fps)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        seconds = [float(frame.time) for frame in container.decode(stream)]
    assert stream.codec_context.name == "h264"
    assert seconds == pytest.approx(scene.frame_seconds.tolist(), abs=1e-3)


def test_facts_tell_what_the_pixels_show():
    checked = 0
    for index in range(12):
        scene = sample_scene(CORE, "train", 8, index)
        facts = facts_of(scene)
        for number, picture in enumerate(draw_frames(scene)):
            for thing in facts["objects"]:
                if thing["visible"][number] < 100 or thing["texture"] != "plain":
                    continue
                x0, y0, x1, y1 = np.array(thing["box"][number]) / 1000 * facts["width"]
                seen = picture[round((y0 + y1) / 2), round((x0 + x1) / 2)].astype(int)
                assert nearest(seen, COLOURS) == thing["colour"]
                checked += 1
        corner = picture[2, 2].astype(int)
        if all(box[-1][0] > 20 or box[-1][1] > 20 for box in (thing["box"] for thing in facts["objects"])):
            assert nearest(corner, BACKGROUNDS) == facts["background"][0]["colour"]
    assert checked > 200


def nearest(colour, palette):
    return min(palette, key=lambda name: np.abs(colour - np.array(palette[name])).sum())


def test_boxes_hold_the_shape_and_nothing_else():
    scene = simple_scene()
    number = 12
    picture = list(draw_frames(scene))[number].astype(int)
    red = np.argwhere((picture[..., 0] - picture[..., 1] > 60) & (picture[..., 0] - picture[..., 2] > 60))
    x0, y0, x1, y1 = np.array(facts_of(scene)["objects"][0]["box"][number]) / 1000 * 224
    (top, left), (bottom, right) = red.min(0), red.max(0) + 1
    assert [left, top, right, bottom] == pytest.approx([x0, y0, x1, y1], abs=2)


def test_visible_counts_what_covers_and_what_is_outside():
    behind = simple_scene().things[0]
    cover = replace(behind, colour="blue", segments=(Segment("still", 0.0, 2.0, (0.5, 0.5)),))
    facts = facts_of(simple_scene(things=(behind, cover)))
    assert facts["objects"][0]["visible"][0] == 100 and facts["objects"][0]["visible"][12] < 5
    assert facts["objects"][1]["visible"][12] == 100
    assert [event["kind"] for event in facts["events"]] == ["occluded"]
    gone = replace(behind, segments=(Segment("still", 0.0, 2.0, (0.0, 0.5)),))
    assert facts_of(simple_scene(things=(gone,)))["objects"][0]["visible"][0] == pytest.approx(50, abs=4)


def test_events_have_their_seconds():
    thing = replace(simple_scene().things[0], enters=0.5, leaves=1.5)
    facts = facts_of(simple_scene(things=(thing,), background_after="black", background_changes=1.0))
    assert facts["events"] == [
        {"kind": "appears", "objects": [0], "start": 0.5, "end": 0.7},
        {"kind": "background_changes", "objects": [], "start": 1.0, "end": 1.2},
        {"kind": "vanishes", "objects": [0], "start": 1.3, "end": 1.5},
    ]
    visible = facts["objects"][0]["visible"]
    assert visible[5] == 0 and visible[12] == 100 and visible[19] == 0


def test_dense_labels_of_a_known_scene():
    labels = dense_labels(facts_of(simple_scene()), [0.0, 0.1, 1.9, 1.95], 4, 4)
    # The square is 0.215 wide. With its centre near (0.25, 0.5) it lies on the corners of four cells; near (0.73, 0.5)
    # a seventh of two more cells is under it, which is too little.
    assert np.argwhere(labels.object[0]).tolist() == [[1, 0], [1, 1], [2, 0], [2, 1]]
    assert np.argwhere(labels.object[1]).tolist() == [[1, 2], [2, 2]]
    inside = labels.object > 0
    for name, value in (("colour", "red"), ("shape", "square"), ("motion", "right"), ("texture", "plain")):
        assert set(getattr(labels, name)[inside]) == {1 + VOCABULARY[name].index(value)}
        assert set(getattr(labels, name)[~inside]) == {0}
    assert set(labels.background.ravel()) == {1 + VOCABULARY["background"].index("white")}


# The folder and the door


def read(folder, name):
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_a_folder_is_resumed_and_extended(tmp_path):
    write_world(tmp_path / "whole", EASY, 3)
    write_world(tmp_path / "parts", EASY, 1)
    for name in ("items", "judgments"):  # as a kill leaves them: rows of a scene that has no facts yet, and half a line
        lines = (tmp_path / f"whole/{name}.jsonl").read_text().splitlines(keepends=True)
        there = len(read(tmp_path / "parts", name))
        with (tmp_path / f"parts/{name}.jsonl").open("a") as file:
            file.write("".join(lines[there : there + 3]) + lines[there + 3][:40])
    first = (tmp_path / "parts/clips" / "core-train-4-000000.mp4").stat()
    (tmp_path / "parts/clips/core-train-4-000001.mp4.partial").write_bytes(b"killed here")
    write_world(tmp_path / "parts", EASY, 3, workers=2)
    assert (tmp_path / "parts/clips" / "core-train-4-000000.mp4").stat().st_mtime_ns == first.st_mtime_ns
    for name in ("items", "judgments", "facts"):
        assert read(tmp_path / "parts", name) == read(tmp_path / "whole", name)


def test_a_folder_holds_one_world(tmp_path, capsys):
    arguments = ["world", "--out", str(tmp_path), "--scenes", "1", "--setting", "core", "--objects-max", "1"]
    assert main([*arguments, "--split", "test"]) == 0
    assert main([*arguments, "--split", "train"]) == 2
    assert "another world" in capsys.readouterr().err
    facts = read(tmp_path, "facts")[0]
    assert (tmp_path / facts["video"]).is_file() and len(facts["objects"][0]["box"]) == facts["frames"]
    assert read(tmp_path, "items")[0]["video"] == {"sha256": facts["sha256"], "path": facts["video"]}


@pytest.mark.parametrize(
    "wrong",
    [
        ["--objects-max", "5"],
        ["--seconds-min", "2"],
        ["--seconds-min", "9", "--seconds-max", "3"],
        ["--pair-share", "2"],
    ],
    ids=lambda wrong: wrong[0],
)
def test_bad_options_are_refused(tmp_path, capsys, wrong):
    assert main(["world", "--out", str(tmp_path / "out"), "--scenes", "1", "--split", "test", *wrong]) == 2
    assert "expected" in capsys.readouterr().err


def test_shipped_examples_are_what_the_command_makes(tmp_path, request):
    assert main(["examples", "--out", str(tmp_path)]) == 0
    shipped = request.config.rootpath / "workbench" / "examples"
    assert json.loads((tmp_path / "examples.json").read_text()) == json.loads((shipped / "examples.json").read_text())
    for wish in WISHES:
        assert 0 < (shipped / f"{wish.name}.mp4").stat().st_size < 150_000


def test_the_room_is_light_to_import():
    code = "import sys, bootstrap.world.folder; print({'torch', 'transformers', 'gradio'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
