"""What the drill that looks asks for: when a thing is in view, what differs between two, and how much at a time."""

import random

import pytest

from training.packs import _some_facts
from training.rows import Sight, sights


@pytest.mark.parametrize(
    ("event", "time", "span"),
    [
        ("appears early", "early", "most"),
        ("appears late", "late", "short"),
        ("vanishes early", "early", "short"),
        ("vanishes middle", "middle", "half"),
        ("stays", None, None),
    ],
)
def test_when_a_thing_is_in_view_is_asked_of_those_that_come_or_go(event, time, span):
    looks = {"colour": "red", "size": "small", "texture": "plain", "shape": "star"}
    thing = {**looks, "event": event, "segments": [{"motion": "left", "speed": 0.2}], "visible": [100]}
    seen = sights({"objects": [thing], "background": [{"colour": "grey"}]})[1].seen
    assert (seen.get("time"), seen.get("span")) == (time, span)


def test_two_things_are_told_apart_where_they_clearly_differ():
    looks = {"colour": "red", "size": "small", "texture": "plain", "shape": "star", "event": "appears early"}

    def thing(speed, first, **other):
        moves = [{"motion": "left", "speed": speed}]
        return {**looks, "segments": moves, "visible": [0] * first + [100] * (20 - first), **other}

    def told(one, other):
        found = sights({"objects": [one, other], "background": [{"colour": "grey"}]})[5:]
        return {name: value for name, value in found[0].seen.items() if "colour" not in name} if found else {}

    assert told(thing(0.2, 4), thing(0.25, 5)) == {}
    assert told(thing(0.2, 4), thing(0.3, 5)) == {"speed": "slower"}
    assert told(thing(0.2, 9), thing(0.2, 5)) == {"order": "after"}
    assert told(thing(0.2, 4), thing(0.2, 9, event="stays")) == {}
    assert told(thing(0.2, 4, size="large"), thing(0.2, 5)) == {"larger": "larger"}
    assert told(thing(0.9, 4), thing(0.2, 5, segments=[{"motion": "loop", "speed": 0.1}])) == {}


def test_of_event_time_and_span_one_is_asked_at_a_time():
    sight = Sight("the star", {"size": "small", "event": "appears late", "time": "late", "span": "short"})
    asked = [set(_some_facts(sight, random.Random(seed)).seen) for seed in range(60)]
    assert all(len(names & {"event", "time", "span"}) == 1 for names in asked)  # always, of a thing that comes or goes
    assert {"time"} in asked and {"span"} in asked and {"size", "event"} in asked  # alone as well
    stays = Sight("the star", {"size": "small", "event": "stays"})
    assert {"size"} in [set(_some_facts(stays, random.Random(seed)).seen) for seed in range(20)]
