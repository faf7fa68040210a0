"""Questions about collisions and occlusion: what they ask is so, both answers are as likely, and other settings have none."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from bootstrap.world.asking import ask, ask_all
from bootstrap.world.contacts import contact_question, cover_question
from bootstrap.world.cuts import NOTHING, UNKNOWN, Cut, truth
from bootstrap.world.facts import scene_facts
from bootstrap.world.flaws import rated_response
from bootstrap.world.leaks import probe_ratings
from bootstrap.world.sampling import CONTACTS, CORE, FULL, Length, sample_scene
from bootstrap.world.scene import Scene, Segment, Thing
from bootstrap.world.targets import scene_rows
from workbench.schema import Video

SHORT = replace(CONTACTS, lengths=(Length(1.0, 2, 4),))


def questions(asker, count):
    for index in range(count):
        scene = sample_scene(SHORT, "train", 7, index)
        question = asker(scene, np.random.default_rng(index))
        if question:
            yield scene, question


def test_what_is_said_to_collide_does():
    answers = Counter()
    for scene, question in questions(contact_question, 900):
        one, other = (scene.things[i] for i in question.things)
        distance = np.linalg.norm(one.centres(scene.frame_seconds) - other.centres(scene.frame_seconds), axis=1).min()
        lead = question.facts[0].true
        answers[lead] += 1
        assert (distance < (one.diameter + other.diameter) / 2 + 0.05) == (lead == "collide")
    assert answers["collide"] / answers.total() == pytest.approx(0.5, abs=0.1) and answers.total() > 150


def test_what_is_said_to_be_hidden_is():
    answers = Counter()
    for scene, question in questions(cover_question, 350):
        events = scene_facts(scene, "", "")["events"]
        hidden = [event for event in events if event["kind"] == "occluded" and event["objects"] == [question.things[0]]]
        answers[question.facts[0].true] += 1
        assert bool(hidden) == (question.facts[0].true == "hidden")
    assert answers["hidden"] / answers.total() == pytest.approx(0.5, abs=0.16) and answers.total() > 40


def test_only_the_contacts_setting_asks():
    def kinds(setting):
        short = replace(setting, lengths=(Length(1.0, 2, 2),))
        scenes = (sample_scene(short, "train", 1, index) for index in range(60))
        return {q.kind for scene in scenes for q in ask_all(scene, np.random.default_rng(scene.index), 10)}

    assert {"contact", "cover"} <= kinds(CONTACTS)
    assert not {"contact", "cover"} & (kinds(CORE) | kinds(FULL))


def meeting() -> Scene:
    """A small square goes down behind a large, still circle; a star stands far off."""
    down = Segment("down", 0.0, 4.0, (0.25, 0.1), (0.0, 0.8))
    small = Thing("square", "red", "small", "plain", 0.15, "steady", "stays", 0.0, float("inf"), (down,))
    rests = Segment("still", 0.0, 4.0, (0.25, 0.5))
    large = replace(small, shape="circle", colour="blue", diameter=0.4, segments=(rests,))
    star = replace(small, shape="star", colour="green", segments=(replace(rests, origin=(0.8, 0.2)),))
    return Scene("scene", "contacts", "train", 0, 0, 4, 48, (small, large, star), "white")


def test_responses_are_rated_by_the_rule():
    scene, answers = meeting(), {}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        question = ask(scene, rng, "cover")
        if question:
            answers[scene.things[question.things[0]].shape] = question.facts[0].true
            texts = [rated_response(scene, question, rng, rating).text for rating in (5, 1)]
            assert texts[0].startswith("Yes" if question.facts[0].true == "hidden" else "No")
            assert all(len(rated_response(scene, question, rng, r).claims) >= 4 for r in (5, 4, 3, 2, 1))
    assert answers == {"square": "hidden", "circle": "clear", "star": "clear"}


def test_cuts_keep_what_they_show():
    collided = next(
        scene for scene in (sample_scene(SHORT, "train", 7, i) for i in range(99)) if scene.collision is not None
    )
    question = next(
        q
        for q in (contact_question(collided, np.random.default_rng(s)) for s in range(99))
        if q and q.facts[0].true == "collide"
    )
    facts, count = scene_facts(collided, "", ""), collided.frame_count

    def true_in(kind, frames, step):
        return truth(collided, facts, question, Cut(kind, frames, step), question.facts[0])

    every = np.arange(count)
    assert true_in("reversed", every[::-1], -1) == "collide"
    assert true_in("shuffled", every, 0) == UNKNOWN
    short = round(collided.collision * collided.fps) - 7
    assert true_in("segment", every[: max(short, 7)], 1) in ("apart", UNKNOWN, NOTHING)


def test_text_alone_does_not_tell_the_rating():
    scenes = (sample_scene(SHORT, "train", 2, index) for index in range(220))
    rows = [row for scene in scenes for row in scene_rows(scene, Video("0" * 64), 4, 0.0)]
    items = [row.item for row in rows if row.item.tags["video_dependent"] == "yes"]
    probe = probe_ratings(items)
    assert probe.tested > 300 and abs(probe.accuracy - probe.chance) < 0.1
