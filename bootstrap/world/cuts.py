"""Clips cut anew from the frames of another, and what is then true of them.

    reversed    all frames, last first
    shuffled    all frames, in blocks of a quarter of a second whose order is drawn; no two neighbours stay neighbours
    segment     the first or the last two fifths: what happens in the rest is not shown

Truths are derived from the frames shown: which things are in view, in which stretch of their path, before what. What
shows nothing that a value of the fact could name (a thing out of view, a motion out of order) is NOTHING, so that every
statement about it is false; what cannot be told for sure is UNKNOWN.
"""

from itertools import groupby
from typing import Literal, NamedTuple

import numpy as np

from bootstrap.world.facts import Facts
from bootstrap.world.questions import Fact, Question
from bootstrap.world.scene import FADE, Scene, Thing
from bootstrap.world.words import CONTACTS, COUNTS, EVENT_ORDER, SPANS, STAYS, TIMES

CutKind = Literal["reversed", "shuffled", "segment"]
CUTS: tuple[CutKind, ...] = ("reversed", "shuffled", "segment")
NOTHING = ""
UNKNOWN = "?"
BLOCK = 3  # frames
SEGMENT = 0.4  # of the clip; turns lie between this and its mirror image
SLIVER = 0.15  # of the frames: what is shown for less can be overlooked
SEEN = 20  # percent of a thing that shows somewhere in the cut, for it to count as seen
FEWEST = 6  # frames that show a motion
BORDER = 0.05  # of a segment: times this near to the border between two thirds are left open

_PAIRS = (("left", "right"), ("up", "down"), ("northeast", "southwest"), ("northwest", "southeast"))
OPPOSITE = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
IN_PLACE = ("still", "tremble")
IN_TURNS = ("loop", "bounce", "swing", "zigzag")


class Cut(NamedTuple):
    """The numbers of the frames shown, int [n], and the step between neighbours: 1, -1, or 0 where out of order."""

    kind: CutKind
    frames: np.ndarray
    step: int


def sample_cut(rng: np.random.Generator, kind: CutKind, count: int) -> Cut:
    """A cut of a clip of `count` frames."""
    every = np.arange(count)
    if kind == "reversed":
        return Cut(kind, every[::-1], -1)
    if kind == "shuffled":
        return Cut(kind, np.concatenate(_parted(rng, np.split(every, range(BLOCK, count, BLOCK)))), 0)
    shown = round(count * SEGMENT)
    return Cut(kind, every[:shown] if rng.random() < 0.5 else every[-shown:], 1)


def _parted(rng: np.random.Generator, blocks: list[np.ndarray]) -> list[np.ndarray]:
    """The blocks in an order in which none follows the one that it followed."""
    while True:
        order = rng.permutation(len(blocks))
        if len(blocks) < 4 or not (np.diff(order) == 1).any():
            return [blocks[i] for i in order]


def truth(scene: Scene, facts: Facts, question: Question, cut: Cut, fact: Fact) -> str:
    """What is true of one fact of the question in the cut: a value, NOTHING or UNKNOWN. `facts` are the whole clip's."""
    if fact.name.startswith("background"):
        return _background(scene, cut, fact)
    if fact.name == "count":
        views = [_view(facts, cut, i) for i in range(len(scene.things))]
        return UNKNOWN if UNKNOWN in views else COUNTS[views.count("seen") - 1] if "seen" in views else NOTHING
    about = question.things[int(fact.thing)] if fact.thing else question.things[0]
    views = {_view(facts, cut, i) for i in (question.things if not fact.thing else (about,))}
    if views != {"seen"}:
        return UNKNOWN if UNKNOWN in views else NOTHING
    thing = scene.things[about]
    if fact.name in ("contact", "cover"):
        return _meeting(scene, cut, fact)
    if fact.name == "event":
        return event_in(scene, thing, cut)
    if fact.name in ("time", "span"):
        return _time(scene, thing, cut) if fact.name == "time" else _span(scene, thing, cut)
    if fact.name == "order":
        return _order(scene, [scene.things[i] for i in question.things], cut)
    if fact.name.startswith("motion"):
        return _motion(scene, thing, cut, fact)
    return UNKNOWN if fact.name == "speed" and cut.step == 0 else fact.true


def _meeting(scene: Scene, cut: Cut, fact: Fact) -> str:
    """Collisions and occlusion: what never happens does so in no cut; what does, wherever its frames are shown in order."""
    if fact.true in ("apart", "clear") or (fact.name == "cover" and cut.kind != "segment"):
        return fact.true
    if fact.name == "cover" or cut.step == 0:
        return UNKNOWN
    moment = round(scene.collision * scene.fps)
    if min(abs(moment - cut.frames.min()), abs(moment - cut.frames.max())) < FEWEST:
        return UNKNOWN
    return fact.true if moment in cut.frames else CONTACTS[1]


def _view(facts: Facts, cut: Cut, position: int) -> str:
    """Whether a thing is "seen" in a segment, or NOTHING of it is; the other cuts show what the whole clip does."""
    shows = np.array(facts["objects"][position]["visible"])[cut.frames]
    if cut.kind != "segment" or shows.max() >= SEEN and (shows > 0).sum() >= FEWEST:
        return "seen"
    return UNKNOWN if shows.max() > 0 else NOTHING


def presence(scene: Scene, thing: Thing, cut: Cut) -> np.ndarray:
    """Whether the thing is there (in or out of the frame), bool [frames shown]."""
    return thing.opacity(scene.frame_seconds)[cut.frames] > 0.5


def event_in(scene: Scene, thing: Thing, cut: Cut) -> str:
    """The event that the cut shows of a thing: one of words.EVENTS or FLASHES, NOTHING or UNKNOWN."""
    there = presence(scene, thing, cut)
    edges = np.flatnonzero(np.diff(there.astype(int))) + 1
    if len(edges) == 0:
        return STAYS if there[0] else NOTHING
    if len(edges) == 1:
        time = _third(edges[0] / len(there), cut)
        return f"{'appears' if there[-1] else 'vanishes'} {TIMES[time]}" if time is not None else UNKNOWN
    if len(edges) > 2 or there[0] or (edges[1] - edges[0]) / scene.fps > 1 + FADE:
        return NOTHING
    time = _third(edges.mean() / len(there), cut)
    return f"flashes {TIMES[time]}" if time is not None else UNKNOWN


def _third(share: float, cut: Cut) -> int | None:
    border = BORDER if cut.kind == "segment" else 0.0
    if min(abs(share - 1 / 3), abs(share - 2 / 3)) < border:
        return None
    return min(int(share * 3), 2)


def _time(scene: Scene, thing: Thing, cut: Cut) -> str:
    """When it appears or vanishes, whichever it did in the whole clip: that is what the response speaks of."""
    event = event_in(scene, thing, cut)
    if event == UNKNOWN:
        return UNKNOWN
    verb, _, time = event.partition(" ")
    return time if verb == thing.event.split()[0] else NOTHING


def _span(scene: Scene, thing: Thing, cut: Cut) -> str:
    share = presence(scene, thing, cut).mean()
    third = _third(share, cut)
    return UNKNOWN if third is None or share == 1 else SPANS[third]


def _order(scene: Scene, things: list[Thing], cut: Cut) -> str:
    """Which of two things appears first, where both do appear."""
    there = [presence(scene, thing, cut) for thing in things]
    if not all(
        event_in(scene, thing, cut).startswith(("appears", UNKNOWN)) and t[-1]
        for thing, t in zip(things, there, strict=True)
    ):
        return NOTHING
    first, second = (t.argmax() for t in there)
    return EVENT_ORDER[0] if first < second else EVENT_ORDER[1] if second < first else UNKNOWN


def stretches(scene: Scene, thing: Thing, cut: Cut) -> np.ndarray:
    """The position of the segment of its path that the thing is on, int [frames shown]."""
    starts = [segment.start for segment in thing.segments[1:]]
    return np.searchsorted(starts, scene.frame_seconds[cut.frames], side="right")


def _motion(scene: Scene, thing: Thing, cut: Cut, fact: Fact) -> str:
    there = presence(scene, thing, cut)
    on = stretches(scene, thing, cut)[there]
    if cut.kind == "segment" and len(on) < FEWEST:
        return UNKNOWN
    if cut.step == 0:
        return _motion_out_of_order(scene, thing)
    place = 0 if fact.name == "motion" else int(fact.name[-1]) - 1
    seen = list(dict.fromkeys(on.tolist()))
    if len(seen) == len(thing.segments):
        return _turned(scene, thing, cut, seen[place], on)
    return _turned(scene, thing, cut, place, on) if place in seen else NOTHING


def _turned(scene: Scene, thing: Thing, cut: Cut, position: int, on: np.ndarray) -> str:
    """The motion of one segment in the direction of the cut; UNKNOWN where less than a whole turn of it shows."""
    segment = thing.segments[position]
    seconds = (on == position).sum() / scene.fps
    turns = abs(segment.turns) * seconds / max(segment.end - segment.start, 1e-6)
    if cut.kind == "segment" and segment.motion in IN_TURNS and turns < 1:
        return UNKNOWN
    return OPPOSITE.get(segment.motion, segment.motion) if cut.step < 0 else segment.motion


def _motion_out_of_order(scene: Scene, thing: Thing) -> str:
    """What stays in its place still does so; to and fro might still be seen as such; any other path is lost."""
    motions = {segment.motion for segment in thing.segments}
    if len(motions) == 1 and motions <= set(IN_PLACE):
        return UNKNOWN if any(scene.drift) else motions.pop()
    return UNKNOWN if motions & {"bounce", "swing", "tremble"} else NOTHING


def background_runs(scene: Scene, cut: Cut) -> list[tuple[str, int]]:
    """The colours of the background in the order shown, each with its number of frames."""
    if scene.background_after is None:
        return [(scene.background, len(cut.frames))]
    after = scene.frame_seconds[cut.frames] > scene.background_changes + FADE / 2
    return [(scene.background_after if late else scene.background, len(list(run))) for late, run in groupby(after)]


def _background(scene: Scene, cut: Cut, fact: Fact) -> str:
    if fact.name == "background":
        return fact.true
    runs = background_runs(scene, cut)
    if cut.kind == "segment" and len(runs) > 1 and min(count for _, count in runs) < SLIVER * len(cut.frames):
        return UNKNOWN
    place = int(fact.name[-1]) - 1
    if len(runs) == 2:
        return runs[place][0]
    both = (scene.background, scene.background_after)
    return runs[0][0] if len(runs) == 1 and runs[0][0] == both[place] else NOTHING
