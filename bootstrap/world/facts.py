"""The facts of a scene as one JSON-able record: a line of facts.jsonl, all that training or a reader needs of a clip.

    scene, setting, split, seed, index    where it comes from; `scene` is its id
    video, sha256                         path of the clip relative to the folder of facts.jsonl; digest of its content
    objects_max                           the number of objects was drawn evenly from 1 to this
    width, height, fps, frames, seconds   of the clip; frame k is shown from k/fps to (k+1)/fps
    background    [{"colour", "from"}]    one entry, or two when it changes; `from` in seconds
    camera        {"motion": "still" | "drift", "velocity": [x, y]}    how the picture moves, frame edges a second
    objects       a list; later ones are drawn over earlier ones. Each holds
        shape, colour, size, texture      words; the lists they come from are `vocabulary` in world.json
        diameter                          share of the frame edge
        behaviour                         steady | turning (two motions) | eventful (may appear or vanish) | colliding
        event                             "stays", "appears early", "vanishes late", "flashes middle", ...
        segments  [{"motion", "start", "end", "speed"}]    seconds; speed in frame edges a second
        box       [[x0, y0, x1, y1], ...] one a frame: thousandths of the frame edge, x to the right, y down; the
                                          extent of the shape, which may reach beyond the frame (below 0, above 1000)
        visible   [0..100, ...]           one a frame: percent of the shape that is seen (inside the frame, not covered
                                          by a later object, times its opacity); 0 means not there
    events        [{"kind", "objects", "start", "end"}]    seconds; kinds: appears, vanishes, turns, occluded (other
                                          objects cover more than half), collides, background_changes

The box of sampled second t is `box[min(int(t * fps), frames - 1)]`.
"""

import math
from typing import Any

import numpy as np

from bootstrap.world.drawing import drift_shift, outline, place
from bootstrap.world.scene import FADE, FRAME, Scene, Thing

Facts = dict[str, Any]


def scene_facts(scene: Scene, video: str, sha256: str) -> Facts:
    """The record of a scene whose clip lies at `video` and has the digest `sha256`."""
    centres = [thing.centres(scene.frame_seconds) + drift_shift(scene, scene.frame_seconds) for thing in scene.things]
    seen, uncovered = visible_shares(scene, centres)
    background = [{"colour": scene.background, "from": 0.0}]
    if scene.background_after:
        background.append({"colour": scene.background_after, "from": round(scene.background_changes, 3)})
    return {
        "scene": scene.id,
        "setting": scene.setting,
        "split": scene.split,
        "seed": scene.seed,
        "index": scene.index,
        "objects_max": scene.objects_max,
        "video": video,
        "sha256": sha256,
        "width": FRAME,
        "height": FRAME,
        "fps": scene.fps,
        "frames": scene.frame_count,
        "seconds": round(scene.duration, 3),
        "background": background,
        "camera": {
            "motion": "drift" if any(scene.drift) else "still",
            "velocity": [round(v, 4) + 0.0 for v in scene.drift],
        },
        "objects": [_object_facts(*row) for row in zip(scene.things, centres, seen, strict=True)],
        "events": _events(scene, uncovered),
    }


def _object_facts(thing: Thing, centres: np.ndarray, seen: np.ndarray) -> Facts:
    segments = [
        {"motion": s.motion, "start": round(s.start, 3), "end": round(s.end, 3), "speed": round(s.speed, 4)}
        for s in thing.segments
    ]
    return {
        "shape": thing.shape,
        "colour": thing.colour,
        "size": thing.size,
        "texture": thing.texture,
        "diameter": round(thing.diameter, 4),
        "behaviour": thing.behaviour,
        "event": thing.event,
        "segments": segments,
        "box": boxes(thing, centres).tolist(),
        "visible": np.rint(100 * seen).astype(int).tolist(),
    }


def boxes(thing: Thing, centres: np.ndarray) -> np.ndarray:
    """Extent of the shape around each centre [n, 2]: int [n, 4], thousandths of the frame edge."""
    corners = np.array(outline(thing.shape)) * thing.diameter / 2
    both = np.concatenate([centres + corners.min(0), centres + corners.max(0)], 1)
    return np.rint(1000 * both).astype(int)


def visible_shares(scene: Scene, centres: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays [things, frames]: the share of each shape that is seen, and the share no other thing covers."""
    count = len(scene.things)
    seen, uncovered = np.zeros((count, scene.frame_count)), np.ones((count, scene.frame_count))
    opacity = np.array([thing.opacity(scene.frame_seconds) for thing in scene.things])
    for number in range(scene.frame_count):
        places = [place(thing, centre[number]) for thing, centre in zip(scene.things, centres, strict=True)]
        cover = np.zeros((FRAME, FRAME), np.float32) if count > 1 else None
        for i in reversed(range(count)):
            shape = places[i].sprite.shape
            part, frame = shape[places[i].part], places[i].frame
            free = part if cover is None else part * (1 - cover[frame])
            seen[i, number] = opacity[i, number] * free.sum() / shape.sum()
            uncovered[i, number] = free.sum() / max(part.sum(), 1e-6)
            if cover is not None and opacity[i, number] > 0.5:
                cover[frame] = np.maximum(cover[frame], part)
    return seen, uncovered


def _events(scene: Scene, uncovered: np.ndarray) -> list[Facts]:
    found = []
    for i, thing in enumerate(scene.things):
        if thing.enters > 0:
            found.append(_event("appears", [i], thing.enters, thing.enters + FADE))
        if not math.isinf(thing.leaves):
            found.append(_event("vanishes", [i], thing.leaves - FADE, thing.leaves))
        found += [_event("turns", [i], s.start, s.start) for s in thing.segments[1:]]
        hidden = (uncovered[i] < 0.5) & (thing.opacity(scene.frame_seconds) > 0)
        found += [_event("occluded", [i], a / scene.fps, b / scene.fps) for a, b in _runs(hidden)]
    if scene.collision is not None:
        found.append(_event("collides", [0, 1], scene.collision, scene.collision))
    if scene.background_after:
        found.append(_event("background_changes", [], scene.background_changes, scene.background_changes + FADE))
    return sorted(found, key=lambda event: (event["start"], event["kind"]))


def _event(kind: str, objects: list[int], start: float, end: float) -> Facts:
    return {"kind": kind, "objects": objects, "start": round(start, 3), "end": round(end, 3)}


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
