"""Temporal negatives: what a cut shows, what is true of it, and the rows and clips made of it."""

import json
import math
from collections import Counter
from dataclasses import replace

import av
import numpy as np
import pytest

from bootstrap.__main__ import main
from bootstrap.world.asking import ASKERS, ask
from bootstrap.world.clip import write_clip
from bootstrap.world.cut_facts import cut_facts
from bootstrap.world.cuts import CUTS, NOTHING, OPPOSITE, UNKNOWN, Cut, event_in, sample_cut, truth
from bootstrap.world.drawing import draw_frames
from bootstrap.world.facts import scene_facts
from bootstrap.world.flaws import rated_response
from bootstrap.world.negatives import negative_rows, rejudged
from bootstrap.world.questions import Fact, Question
from bootstrap.world.sampling import CORE, FULL, SHIFTED, Length, sample_scene
from bootstrap.world.scene import Scene, Segment, Thing
from workbench.schema import Item, Judgment, Video

SECONDS = 4.0
COUNT = 48
SETTINGS = [replace(setting, lengths=(Length(1.0, 2, 6),)) for setting in (CORE, FULL, SHIFTED)]


def scene_of(*motions, event="stays", enters=0.0, leaves=math.inf, **changes) -> Scene:
    """A red square that makes these motions one after the other in four seconds."""
    edges = np.linspace(0, SECONDS, len(motions) + 1).tolist()
    segments = tuple(
        Segment(motion, a, b, (0.5, 0.5), (0.1, 0.0), 2.0)
        for motion, a, b in zip(motions, edges, edges[1:], strict=False)
    )
    behaviour = "turning" if len(motions) > 1 else "eventful"
    thing = Thing("square", "red", "small", "plain", 0.25, behaviour, event, enters, leaves, segments)
    return replace(Scene("scene", "full", "train", 0, 0, 1, COUNT, (thing,), "white"), **changes)


FORWARD = Cut("shuffled", np.arange(COUNT), 1)  # the clip as it is
REVERSED = Cut("reversed", np.arange(COUNT)[::-1], -1)
SHUFFLED = sample_cut(np.random.default_rng(0), "shuffled", COUNT)
FIRST, LAST = (Cut("segment", np.arange(COUNT)[part], 1) for part in (slice(0, 19), slice(-19, None)))


def truth_of(scene, cut, name, true="", values=()):
    field = name if name in ("time", "span", "count") or name.startswith("background") else f"0.{name}"
    fact = Fact(field, true, values)
    question = Question("caption", "?", "", (fact,), tuple(range(len(scene.things))), lambda rng: "")
    return truth(scene, scene_facts(scene, "clip.mp4", "0"), question, cut, fact)


# What is true of a cut


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_what_is_true_of_a_scene_is_true_of_its_frames_in_order(setting):
    for index in range(25):
        scene = sample_scene(setting, "train", 12, index)
        rng, facts = np.random.default_rng(index), scene_facts(scene, "clip.mp4", "0")
        every = Cut("shuffled", np.arange(scene.frame_count), 1)
        for kind in ASKERS:
            question = ask(scene, rng, kind)
            for fact in question.facts if question else ():
                assert truth(scene, facts, question, every, fact) == fact.true, (scene.id, fact)


@pytest.mark.parametrize(
    ("motions", "cut", "expected"),
    [
        (("left",), REVERSED, ["right"]),
        (("still",), REVERSED, ["still"]),
        (("loop",), REVERSED, ["loop"]),
        (("southwest",), REVERSED, ["northeast"]),
        (("up", "left"), REVERSED, ["right", "down"]),
        (("left",), SHUFFLED, [NOTHING]),
        (("still",), SHUFFLED, ["still"]),
        (("bounce",), SHUFFLED, [UNKNOWN]),
        (("up", "left"), SHUFFLED, [NOTHING, NOTHING]),
        (("left",), FIRST, ["left"]),
        (("up", "left"), FIRST, ["up", NOTHING]),
        (("up", "left"), LAST, [NOTHING, "left"]),
        (("loop",), FIRST, [UNKNOWN]),
    ],
    ids=str,
)
def test_motions(motions, cut, expected):
    names = ["motion"] if len(motions) == 1 else ["motion1", "motion2"]
    assert [truth_of(scene_of(*motions), cut, name) for name in names] == expected


@pytest.mark.parametrize(
    ("event", "enters", "leaves", "cut", "expected"),
    [
        ("stays", 0, math.inf, SHUFFLED, "stays"),
        ("appears early", 0.8, math.inf, FORWARD, "appears early"),
        ("appears early", 0.8, math.inf, REVERSED, "vanishes late"),
        ("vanishes early", 0, 1.2, REVERSED, "appears late"),
        ("flashes early", 0.4, 1.0, REVERSED, "flashes late"),
        ("appears middle", 2.0, math.inf, SHUFFLED, NOTHING),
        ("appears early", 0.7, math.inf, FIRST, "appears middle"),
        ("appears early", 0.8, math.inf, LAST, "stays"),
        ("appears late", 2.75, math.inf, FIRST, NOTHING),
        ("vanishes late", 0, 3.2, FIRST, "stays"),
    ],
)
def test_events(event, enters, leaves, cut, expected):
    scene = scene_of("left", event=event, enters=enters, leaves=leaves)
    assert event_in(scene, scene.things[0], cut) == expected


def test_times_spans_and_counts():
    late = scene_of("left", event="appears late", enters=2.7)
    assert truth_of(late, FORWARD, "time") == "late" and truth_of(late, FORWARD, "span") == "short"
    assert truth_of(late, REVERSED, "time") == NOTHING and truth_of(late, REVERSED, "span") == "short"
    assert truth_of(late, LAST, "time") == "early" and truth_of(late, FIRST, "count") == NOTHING
    assert truth_of(late, FIRST, "colour", "red") == NOTHING and truth_of(late, LAST, "colour", "red") == "red"


def test_backgrounds():
    scene = scene_of("left", background_after="black", background_changes=2.0)
    both = ("background1", "background2")
    found = {name: [truth_of(scene, cut, field) for field in both] for name, cut in CUTS_BY_NAME.items()}
    assert found == {
        "forward": ["white", "black"],
        "reversed": ["black", "white"],
        "shuffled": [NOTHING, NOTHING],
        "first": ["white", NOTHING],
        "last": [NOTHING, "black"],
    }


CUTS_BY_NAME = {"forward": FORWARD, "reversed": REVERSED, "shuffled": SHUFFLED, "first": FIRST, "last": LAST}


def test_what_changes_twice_over_is_as_it_was():
    assert all(OPPOSITE[OPPOSITE[motion]] == motion for motion in OPPOSITE)


# Cuts, facts and clips


@pytest.mark.parametrize("kind", CUTS)
@pytest.mark.parametrize("count", [12, 24, 97, 1440])
def test_cuts_show_frames_of_the_clip(kind, count):
    cut = sample_cut(np.random.default_rng(count), kind, count)
    if kind == "segment":
        assert len(cut.frames) == round(0.4 * count) and (np.diff(cut.frames) == 1).all()
    else:
        assert sorted(cut.frames.tolist()) == list(range(count)) and cut.frames.tolist() != list(range(count))
    if kind == "shuffled":
        runs = np.split(cut.frames, np.flatnonzero(np.diff(cut.frames) != 1) + 1)
        assert max(len(run) for run in runs) == 3


def test_facts_of_a_reversed_clip():
    scene = scene_of("up", "left", event="stays", background_after="black", background_changes=1.0)
    whole = scene_facts(scene, "whole.mp4", "1")
    facts = cut_facts(scene, whole, REVERSED, "clip.mp4", "2")
    assert [s["motion"] for s in facts["objects"][0]["segments"]] == ["right", "down"]
    assert facts["objects"][0]["box"] == whole["objects"][0]["box"][::-1]
    assert [(entry["colour"], entry["from"]) for entry in facts["background"]] == [("black", 0.0), ("white", 2.833)]
    assert facts["negative"]["sha256"] == "1" and facts["sha256"] == "2" and facts["frames"] == COUNT
    assert {event["kind"] for event in facts["events"]} == {"turns", "background_changes"}


def test_a_thing_that_appears_vanishes_in_reverse():
    scene = scene_of("left", event="appears early", enters=0.8)
    facts = cut_facts(scene, scene_facts(scene, "whole.mp4", "1"), REVERSED, "clip.mp4", "2")
    assert [event["kind"] for event in facts["events"]] == ["vanishes"]
    assert facts["events"][0]["start"] == pytest.approx(3.0, abs=0.1)
    assert facts["objects"][0]["event"] == "vanishes late"


# Rows and the folder


def test_ratings_follow_from_what_is_still_true():
    scene = scene_of("left")
    rng = np.random.default_rng(3)
    facts = scene_facts(scene, "whole.mp4", "1")
    question = ask(scene, rng, "motion")
    rows = negative_rows(scene, facts, question, REVERSED, rng, Video("2"), 0)
    assert [row.item.tags["negative_row"] for row in rows] == ["gold", "fitting", "pair"]
    gold, fitting, pair = rows
    assert gold.judgment.score == 4 and gold.item.tags["flaws"] == "temporal:0.motion"
    assert "Said left, seen right: wrong (1)." in gold.judgment.reasoning
    assert fitting.judgment.score == 5 and " right" in fitting.item.responses[0]
    assert pair.item.responses["AB".index(pair.judgment.choice)] == fitting.item.responses[0]
    [lost] = negative_rows(scene, facts, question, SHUFFLED, rng, Video("3"), 0)
    assert lost.judgment.score == 4 and "Said left, seen otherwise: wrong (1)." in lost.judgment.reasoning
    still = scene_of("still")
    [same] = negative_rows(still, scene_facts(still, "", ""), ask(still, rng, "motion"), REVERSED, rng, Video("4"), 0)
    assert same.item.tags["negative_row"] == "unharmed" and same.judgment.score == 5


def test_what_cannot_be_told_has_no_rating():
    scene = scene_of("bounce")
    rng = np.random.default_rng(3)
    question = ask(scene, rng, "motion")
    [row] = negative_rows(scene, scene_facts(scene, "", ""), question, SHUFFLED, rng, Video("2"), 0)
    assert row.judgment.status == "skipped" and "0.motion" in row.judgment.error
    assert row.judgment.score is None and row.item.tags["rating"] == ""


def test_fitting_responses_are_true_of_the_cut_and_gold_ones_are_not():
    kinds = Counter()
    for setting in SETTINGS:
        for index in range(20):
            scene = sample_scene(setting, "test", 9, index)
            rng, facts = np.random.default_rng(index), scene_facts(scene, "clip.mp4", "0")
            for kind in CUTS:
                cut = sample_cut(rng, kind, scene.frame_count)
                question = ask(scene, rng, "caption")
                truths = {fact.field: truth(scene, facts, question, cut, fact) for fact in question.facts}
                for row in negative_rows(scene, facts, question, cut, rng, Video("2"), 0):
                    kinds[kind, row.item.tags["negative_row"]] += 1
                    if row.item.tags["negative_row"] == "fitting":
                        assert not {NOTHING, UNKNOWN} & set(truths.values())
                gold = rated_response(scene, question, rng, 5)
                wrong = sum(truths[claim.fact.field] not in (claim.said, UNKNOWN) for claim in gold.claims)
                assert rejudged(gold, truths).rating == max(1, 5 - wrong)
    assert min(kinds[kind, "gold"] for kind in CUTS) > 4 and kinds["reversed", "fitting"] > 5


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]


def test_a_folder_of_negatives(tmp_path):
    arguments = ["--split", "train", "--seed", "8", "--setting", "core", "--seconds-min", "2", "--seconds-max", "3"]
    assert main(["world", "--out", str(tmp_path / "world"), "--scenes", "2", *arguments]) == 0
    command = ["negatives", str(tmp_path / "world"), "--out"]
    assert main([*command, str(tmp_path / "a")]) == 0
    lines = {
        name: [json.loads(line) for line in (tmp_path / f"a/{name}.jsonl").read_text().splitlines()]
        for name in ("items", "judgments", "facts")
    }
    assert len(lines["facts"]) == 6 and lines["items"]
    for item, judgment in zip(lines["items"], lines["judgments"], strict=True):
        assert Judgment.from_dict(judgment).item == Item.from_dict(item).id
    for facts in lines["facts"]:
        clip = decoded(tmp_path / "a" / facts["video"])
        assert len(clip) == facts["frames"] == len(facts["negative"]["frames"])
        original = decoded(tmp_path / "world/clips" / f"{facts['negative']['scene']}.mp4")
        error = [np.abs(a - original[k]).mean() for a, k in zip(clip, facts["negative"]["frames"], strict=True)]
        assert max(error) < 5
    (tmp_path / "a/facts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines["facts"][:2]))
    before = (tmp_path / "a/items.jsonl").read_bytes()
    assert main([*command, str(tmp_path / "a")]) == 0 and (tmp_path / "a/items.jsonl").read_bytes() == before


def test_only_a_world_folder_has_negatives(tmp_path, capsys):
    assert main(["negatives", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "expected a folder made by" in capsys.readouterr().err
    (tmp_path / "world.json").write_text(json.dumps({"rule": "quality@1", "world": {}}))
    assert main(["negatives", str(tmp_path), "--out", str(tmp_path / "out")]) == 2


def test_a_clip_of_one_block_can_be_written(tmp_path):
    scene = replace(scene_of("left"), frame_count=6)
    frames = list(draw_frames(scene))
    cut = sample_cut(np.random.default_rng(0), "shuffled", 6)
    write_clip(tmp_path / "clip.mp4", (frames[number] for number in cut.frames), scene.fps)
    assert len(decoded(tmp_path / "clip.mp4")) == 6
