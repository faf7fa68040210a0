"""Drawing scenes at random: `sample_scene` makes one from (setting, split, seed, index) alone.

Attributes, motions and event times are drawn independently and evenly, and layouts never reject an attribute, so that
a false statement of the same form is as likely as a true one when the video is not looked at.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bootstrap.world.scene import FPS, SIDEWAYS, SPLITS, TREMOR, Behaviour, Scene, Segment, Split, Thing
from bootstrap.world.words import EVENTS, SIZES, STAYS, TEXTURES, Lexicon, lexicon

DIRECTIONS = {"still": (0, 0), "left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
DIRECTIONS |= {"northeast": (1, -1), "northwest": (-1, -1), "southeast": (1, 1), "southwest": (-1, 1)}

# Where in the clip (0 start, 1 end) each time of an event lies; every stretch in view keeps over two of eight frames.
APPEARS = {"early": (0.14, 0.28), "middle": (0.42, 0.56), "late": (0.67, 0.72)}
VANISHES = {"early": (0.28, 0.33), "middle": (0.44, 0.58), "late": (0.72, 0.86)}


class Length(NamedTuple):
    """One part of the mixture of clip lengths, in seconds."""

    share: float
    shortest: float
    longest: float


@dataclass(frozen=True)
class Setting:
    """What scenes may hold. Shares are probabilities; `behaviours` are for steady, turning and eventful objects."""

    name: str
    lengths: tuple[Length, ...]
    objects_max: int = 3
    behaviours: tuple[float, float, float] = (0.45, 0.25, 0.3)
    flash_share: float = 0.0  # of eventful objects: in view for under a second
    collision_share: float = 0.0  # of scenes with two objects or more
    drift_share: float = 0.0
    background_change_share: float = 0.0
    crowded_share: float = 0.0  # scenes whose layout is not chosen for little overlap


CORE = Setting("core", (Length(1.0, 2, 8),))
FULL = Setting(
    "full",
    (Length(0.7, 2, 8), Length(0.25, 8, 30), Length(0.05, 30, 120)),
    objects_max=4,
    flash_share=0.25,
    collision_share=0.15,
    drift_share=0.2,
    background_change_share=0.2,
    crowded_share=0.5,
)
SHIFTED = Setting(
    "shifted",  # words.lexicon knows it by this name
    (Length(0.7, 8, 20), Length(0.3, 20, 60)),
    objects_max=4,
    flash_share=0.25,
    drift_share=0.2,
    background_change_share=0.2,
    crowded_share=0.5,
)
CONTACTS = Setting(
    "contacts",  # asking.ask_all asks about collisions and occlusion in this one
    (Length(1.0, 2, 8),),
    objects_max=4,
    flash_share=0.25,
    collision_share=0.4,
    crowded_share=1.0,
)
SETTINGS = {setting.name: setting for setting in (CORE, FULL, SHIFTED, CONTACTS)}


def scene_generator(split: Split, seed: int, index: int, stream: int) -> np.random.Generator:
    """The random numbers of one scene: different for every (seed, split, index), so splits share no scene seed.

    Stream 0 makes the scene, stream 1 its questions and responses.
    """
    return np.random.default_rng([seed, SPLITS.index(split), index, stream])


def sample_scene(setting: Setting, split: Split, seed: int, index: int) -> Scene:
    """Scene `index` of (setting, split, seed); the same whatever other scenes are made."""
    rng = scene_generator(split, seed, index, 0)
    part = setting.lengths[rng.choice(len(setting.lengths), p=[length.share for length in setting.lengths])]
    frame_count = round(rng.uniform(part.shortest, part.longest) * FPS)
    duration = frame_count / FPS
    count = int(rng.integers(1, setting.objects_max + 1))
    collision = None
    if count > 1 and rng.random() < setting.collision_share:
        collision = duration * rng.uniform(0.4, 0.6)
    things = _sample_things(rng, setting, count, duration, collision)
    background, after = rng.choice(list(lexicon(setting.name).backgrounds), 2, replace=False).tolist()
    changes = rng.random() < setting.background_change_share
    angle = rng.uniform(0, 2 * np.pi)
    drift = rng.uniform(0.1, 0.2) / duration if rng.random() < setting.drift_share else 0.0
    return Scene(
        id=f"{setting.name}-{split}-{seed}-{index:06d}",
        setting=setting.name,
        split=split,
        seed=seed,
        index=index,
        objects_max=setting.objects_max,
        frame_count=frame_count,
        things=things,
        background=background,
        background_after=after if changes else None,
        background_changes=duration * rng.uniform(0.35, 0.65) if changes else math.inf,
        drift=(drift * math.cos(angle), drift * math.sin(angle)),
        collision=collision,
    )


def _sample_things(rng, setting: Setting, count: int, duration: float, collision: float | None) -> tuple[Thing, ...]:
    """Things with distinct colours and shapes, laid out for little overlap unless the scene is a crowded one."""
    words = lexicon(setting.name)
    colours = rng.choice(list(words.colours), count, replace=False).tolist()
    shapes = rng.choice(words.shapes, count, replace=False).tolist()
    bare = []
    for position, (colour, shape) in enumerate(zip(colours, shapes, strict=True)):
        size = str(rng.choice(SIZES))
        diameter = rng.uniform(0.24, 0.28) if size == "small" else rng.uniform(0.4, 0.46)
        behaviour = str(rng.choice(["steady", "turning", "eventful"], p=setting.behaviours))
        if collision is not None and position < 2:
            behaviour = "colliding"
        presence = _sample_presence(rng, setting, duration) if behaviour == "eventful" else (STAYS, 0.0, math.inf)
        scale = 0.75 if behaviour == "colliding" else 0.85 if count > 2 else 1.0
        bare.append(Thing(shape, colour, size, str(rng.choice(TEXTURES)), diameter * scale, behaviour, *presence))
    motions = [_sample_motions(rng, words, thing.behaviour) for thing in bare]
    tries = 1 if count == 1 or rng.random() < setting.crowded_share else 16
    layouts = [_lay_out(rng, bare, motions, duration, collision) for _ in range(tries)]
    return min(layouts, key=lambda things: _overlap(things, duration)) if tries > 1 else layouts[0]


def _sample_presence(rng, setting: Setting, duration: float) -> tuple[str, float, float]:
    """Event, entering and leaving second; a third of the eventful stay, as questions about events need them to."""
    if rng.random() < setting.flash_share:
        time = str(rng.choice(list(APPEARS)))
        third = list(APPEARS).index(time)
        middle = duration * (third + rng.uniform(0.3, 0.7)) / 3
        half = min(rng.uniform(0.3, 0.9), duration / 4) / 2
        return f"flashes {time}", middle - half, middle + half
    event = STAYS if rng.random() < 1 / 3 else str(rng.choice(EVENTS[1:]))
    if event == STAYS:
        return event, 0.0, math.inf
    verb, time = event.split()
    moment = duration * rng.uniform(*(APPEARS if verb == "appears" else VANISHES)[time])
    return (event, moment, math.inf) if verb == "appears" else (event, 0.0, moment)


def _sample_motions(rng, words: Lexicon, behaviour: Behaviour) -> tuple[str, ...]:
    if behaviour == "turning":
        return tuple(rng.choice(words.simple_motions, 2, replace=False).tolist())
    return (str(rng.choice(words.simple_motions if behaviour == "eventful" else words.motions)),)


def _lay_out(rng, bare: list[Thing], motions: list[tuple[str, ...]], duration: float, collision: float | None):
    things = [
        replace(thing, segments=_sample_segments(rng, thing, motion, duration))
        for thing, motion in zip(bare, motions, strict=True)
    ]
    if collision is not None:
        things[:2] = _collide(rng, things[0], things[1], duration, collision)
    return tuple(things)


def _sample_segments(rng, thing: Thing, motions: tuple[str, ...], duration: float) -> tuple[Segment, ...]:
    """Paths for the motions, one after the other, inside the frame as long as the clip is short."""
    start, end = thing.enters, min(thing.leaves, duration)
    if len(motions) == 1:
        return (_sample_segment(rng, thing, motions[0], start, end),)
    turn = duration * rng.uniform(0.42, 0.58)
    first = _sample_segment(rng, thing, motions[0], start, turn)
    second = _sample_segment(rng, thing, motions[1], turn, end)
    origins = [_sample_origin(rng, thing, [first.reach, second.reach])]
    origins.append((origins[0][0] + first.reach[0], origins[0][1] + first.reach[1]))
    return replace(first, origin=origins[0]), replace(second, origin=origins[1])


def _sample_segment(rng, thing: Thing, motion: str, start: float, end: float) -> Segment:
    seconds, margin = end - start, thing.diameter / 2
    if motion == "loop":
        radius = rng.uniform(0.14, 0.2)
        turns = rng.choice([-1, 1]) * (rng.uniform(1, 1.5) if seconds <= 8 else seconds / rng.uniform(3, 6))
        origin = rng.uniform(radius + margin, 1 - radius - margin, 2)
        return Segment(motion, start, end, _pair(origin), (radius, rng.uniform(0, 2 * np.pi)), float(turns))
    if motion == "bounce":
        height = rng.uniform(0.3, 0.42)
        hops = rng.integers(2, 4) if seconds <= 8 else round(seconds / rng.uniform(1.5, 3))
        floor = rng.uniform(min(0.98 - margin, height + margin), 1 - margin)
        return Segment(motion, start, end, _pair((rng.uniform(margin, 1 - margin), floor)), (0.0, height), float(hops))
    if motion in ("zigzag", "swing", "tremble"):
        return _sample_shifted_segment(rng, thing, motion, start, end)
    length = rng.uniform(0.3, 0.5) if seconds <= 8 else seconds * rng.uniform(0.05, 0.15)
    if all(DIRECTIONS[motion]):  # two slanting motions may run the same way along an axis, and both must fit
        length *= 0.55
    reach = DIRECTIONS[motion][0] * length, DIRECTIONS[motion][1] * length
    return Segment(motion, start, end, _sample_origin(rng, thing, [reach]), reach)


def _sample_shifted_segment(rng, thing: Thing, motion: str, start: float, end: float) -> Segment:
    """A zigzag across the frame, a swing, or a tremor; slow enough to be followed, and inside the frame when short."""
    seconds, margin = end - start, thing.diameter / 2
    if motion == "tremble":
        origin = rng.uniform(margin + TREMOR, 1 - margin - TREMOR, 2)
        return Segment(motion, start, end, _pair(origin), (0.0, 0.0), seconds * rng.uniform(2, 3))
    if motion == "swing":
        line, angle = rng.uniform(0.28, 0.36), rng.uniform(0.7, 0.9)
        swings = float(rng.integers(1, 3)) if seconds <= 8 else seconds / rng.uniform(3, 5)
        side = min(line * math.sin(angle) + margin, 0.5)
        pivot = rng.uniform(side, 1 - side), rng.uniform(0.02, max(0.03, 0.98 - line - margin))
        return Segment(motion, start, end, _pair(pivot), (line, angle), swings)
    length = rng.uniform(0.35, 0.45) if seconds <= 8 else seconds * rng.uniform(0.05, 0.12)
    waves = 2.0 if seconds <= 8 else seconds / rng.uniform(3, 4)
    reach = (float(rng.choice([-1, 1])) * length, 0.0)
    x, _ = _sample_origin(rng, thing, [reach])
    y = rng.uniform(margin + SIDEWAYS, 1 - margin - SIDEWAYS)
    return Segment(motion, start, end, (x, float(y)), reach, waves)


def _sample_origin(rng, thing: Thing, reaches: list[tuple[float, float]]) -> tuple[float, float]:
    """A starting point from which the whole path stays inside the frame, where there is one."""
    margin, point = thing.diameter / 2, []
    for axis in (0, 1):
        stops = np.cumsum([0.0] + [reach[axis] for reach in reaches])
        low, high = margin - stops.min(), 1 - margin - stops.max()
        point.append(rng.uniform(low, high) if low < high else rng.uniform(margin, 1 - margin))
    return _pair(point)


def _collide(rng, one: Thing, other: Thing, duration: float, moment: float) -> list[Thing]:
    """Both run at each other on one line, touch at `moment`, and run back the way they came."""
    y = rng.uniform(0.3, 0.7)
    sign = float(rng.choice([-1, 1]))
    middle = 0.5 + sign * (one.diameter - other.diameter) / 2  # of the way that is left between the two
    pair = []
    for thing, side in ((one, -sign), (other, sign)):
        touch, start = middle + side * thing.diameter / 2, 0.5 + side * (0.48 - thing.diameter / 2)
        there, back = ("right", "left") if side < 0 else ("left", "right")
        first = Segment(there, 0.0, moment, (start, y), (touch - start, 0.0))
        second = Segment(back, moment, duration, (touch, y), (start - touch, 0.0))
        pair.append(replace(thing, segments=(first, second)))
    return pair


def _pair(point) -> tuple[float, float]:
    return float(point[0]), float(point[1])


def _overlap(things: tuple[Thing, ...], duration: float) -> float:
    """How much the things' discs run into each other over the clip, for choosing between layouts."""
    seconds = np.linspace(0, duration, 24)
    centres = [thing.centres(seconds) for thing in things]
    total = 0.0
    for i, one in enumerate(things):
        for j in range(i):
            distance = np.linalg.norm(centres[i] - centres[j], axis=1)
            both = (one.opacity(seconds) > 0) & (things[j].opacity(seconds) > 0)
            total += float(np.maximum(0, (one.diameter + things[j].diameter) / 2 - distance)[both].sum())
    return total
