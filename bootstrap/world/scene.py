"""Scenes: what is in one clip, where and when; records and their geometry."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

Split = Literal["train", "validation", "test"]
Behaviour = Literal["steady", "turning", "eventful", "colliding"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
FPS = 12
FRAME = 224  # pixels, square
FADE = 0.2  # seconds an appearance, a vanishing or a change of background takes
SIDEWAYS = 0.09  # frame edges that a zigzag leaves its line
TREMOR = 0.02  # frame edges that a trembling thing leaves its place


@dataclass(frozen=True)
class Segment:
    """One motion from `start` to `end` seconds. Lengths are shares of the frame edge.

    Straight motions go from `origin` by `reach`; a loop runs around `origin` with radius reach[0] from angle reach[1];
    a bounce leaves the floor point `origin` up to the height reach[1], `turns` times. In the shifted world a zigzag goes
    by `reach` in `turns` waves, a swing hangs from `origin` on a line of length reach[0], out to the angle reach[1], and
    a tremor shakes `turns` times.
    """

    motion: str
    start: float
    end: float
    origin: tuple[float, float]
    reach: tuple[float, float] = (0.0, 0.0)
    turns: float = 0.0

    @property
    def speed(self) -> float:
        """Mean speed along the path, in frame edges a second."""
        seconds = max(self.end - self.start, 1e-6)
        if self.motion == "loop":
            return 2 * math.pi * self.reach[0] * abs(self.turns) / seconds
        if self.motion == "bounce":
            return 2 * self.reach[1] * self.turns / seconds
        if self.motion == "zigzag":
            return math.hypot(*self.reach, 4 * SIDEWAYS * self.turns) / seconds
        if self.motion == "swing":
            return 4 * self.reach[0] * self.reach[1] * self.turns / seconds
        if self.motion == "tremble":
            return 4 * TREMOR * self.turns / seconds
        return math.hypot(*self.reach) / seconds


@dataclass(frozen=True)
class Thing:
    """One object. `segments` cover the clip without gaps; it is in view from `enters` to `leaves` seconds."""

    shape: str
    colour: str
    size: str
    texture: str
    diameter: float  # share of the frame edge
    behaviour: Behaviour
    event: str  # one of words.EVENTS, or "flashes <time>"
    enters: float
    leaves: float
    segments: tuple[Segment, ...] = ()

    def centres(self, seconds: np.ndarray) -> np.ndarray:
        """Centre at each of `seconds` [n], as [n, 2] x and y in frame edges; straight paths wrap around the frame."""
        out = np.empty((len(seconds), 2))
        for segment in self.segments:
            here = (seconds >= segment.start) | (segment is self.segments[0])
            share = np.clip((seconds[here] - segment.start) / max(segment.end - segment.start, 1e-6), 0, 1)
            out[here] = _path(segment, share)
        margin = self.diameter / 2
        return (out + margin) % (1 + 2 * margin) - margin

    def opacity(self, seconds: np.ndarray) -> np.ndarray:
        """0 (not there) to 1 (fully there) at each of `seconds` [n]; fades take FADE seconds of the stretch in view."""
        rise = np.ones_like(seconds) if self.enters <= 0 else np.clip((seconds - self.enters) / FADE, 0, 1)
        fall = np.ones_like(seconds) if math.isinf(self.leaves) else np.clip((self.leaves - seconds) / FADE, 0, 1)
        return np.minimum(rise, fall)


@dataclass(frozen=True)
class Scene:
    """One clip's content. Later things are drawn over earlier ones."""

    id: str
    setting: str
    split: Split
    seed: int
    index: int
    objects_max: int  # the number of objects is drawn evenly from 1 to this
    frame_count: int
    things: tuple[Thing, ...]
    background: str
    background_after: str | None = None
    background_changes: float = math.inf  # seconds
    drift: tuple[float, float] = (0.0, 0.0)  # frame edges a second that the picture moves as the camera drifts
    collision: float | None = None  # seconds
    fps: int = FPS

    @property
    def duration(self) -> float:
        return self.frame_count / self.fps

    @property
    def frame_seconds(self) -> np.ndarray:
        return np.arange(self.frame_count) / self.fps


def _path(segment: Segment, share: np.ndarray) -> np.ndarray:
    x, y = segment.origin
    if segment.motion == "loop":
        angle = segment.reach[1] + 2 * np.pi * segment.turns * share
        return np.stack([x + segment.reach[0] * np.cos(angle), y + segment.reach[0] * np.sin(angle)], 1)
    if segment.motion == "bounce":
        height = segment.reach[1] * np.abs(np.sin(np.pi * segment.turns * share))
        return np.stack([np.full_like(share, x), y - height], 1)
    if segment.motion == "swing":
        angle = segment.reach[1] * np.sin(2 * np.pi * segment.turns * share)
        return np.stack([x + segment.reach[0] * np.sin(angle), y + segment.reach[0] * np.cos(angle)], 1)
    if segment.motion == "tremble":
        phase = 2 * np.pi * segment.turns * share
        return np.stack([x + TREMOR * np.sin(phase), y + TREMOR * np.cos(1.7 * phase)], 1)
    straight = np.array([[x, y]]) + share[:, None] * np.array([segment.reach])
    if segment.motion == "zigzag":
        wave = SIDEWAYS * (2 / np.pi) * np.arcsin(np.sin(2 * np.pi * segment.turns * share))
        across = np.array([-segment.reach[1], segment.reach[0]]) / max(math.hypot(*segment.reach), 1e-6)
        return straight + wave[:, None] * across
    return straight
