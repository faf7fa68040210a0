"""The facts of a cut as one record: a line of a temporal negatives' facts.jsonl."""

import numpy as np

from bootstrap.world.cuts import NOTHING, OPPOSITE, UNKNOWN, Cut, background_runs, event_in, stretches
from bootstrap.world.facts import Facts
from bootstrap.world.scene import Scene, Thing


def cut_facts(scene: Scene, whole: Facts, cut: Cut, video: str, sha256: str) -> Facts:
    """The record of facts.jsonl for a cut: as that of its scene, with what changes derived from the frames shown.

    `negative` holds the kind, the scene, the original clip's digest, and the number of the original frame for each
    frame. An object's `event` is null where no word of the vocabulary names what it does; each run of neighbouring
    frames is a segment of its path. Events are told in the seconds of the cut.
    """
    fps, velocity = scene.fps, [round(cut.step * v, 4) + 0.0 for v in whole["camera"]["velocity"]]
    starts = np.cumsum([0] + [count for _, count in background_runs(scene, cut)])
    grounds = [
        {"colour": colour, "from": round(float(start) / fps, 3)}
        for (colour, _), start in zip(background_runs(scene, cut), starts, strict=False)
    ]
    return {
        **whole,
        "scene": f"{scene.id}-{cut.kind}",
        "video": video,
        "sha256": sha256,
        "frames": len(cut.frames),
        "seconds": round(len(cut.frames) / fps, 3),
        "background": grounds,
        "camera": {**whole["camera"], "velocity": velocity},
        "objects": [_cut_object(scene, i, facts, cut) for i, facts in enumerate(whole["objects"])],
        "events": _cut_events(scene, whole, cut),
        "negative": {
            "kind": cut.kind,
            "scene": scene.id,
            "sha256": whole["sha256"],
            "frames": cut.frames.tolist(),
        },
    }


def _cut_object(scene: Scene, position: int, facts: Facts, cut: Cut) -> Facts:
    thing, event = scene.things[position], event_in(scene, scene.things[position], cut)
    return {
        **facts,
        "event": event if event not in (NOTHING, UNKNOWN) else None,
        "segments": _cut_segments(scene, thing, cut),
        "box": [facts["box"][number] for number in cut.frames],
        "visible": [facts["visible"][number] for number in cut.frames],
    }


def _cut_segments(scene: Scene, thing: Thing, cut: Cut) -> list[Facts]:
    on = stretches(scene, thing, cut)
    breaks = (np.diff(on) != 0) | (np.diff(cut.frames) != (cut.step or 1))
    edges = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(on)]
    found = []
    for start, end in zip(edges, edges[1:], strict=False):
        segment = thing.segments[on[start]]
        motion = OPPOSITE.get(segment.motion, segment.motion) if cut.step < 0 else segment.motion
        seconds = {"start": round(start / scene.fps, 3), "end": round(end / scene.fps, 3)}
        found.append({"motion": motion, **seconds, "speed": round(segment.speed, 4)})
    return found


def _cut_events(scene: Scene, whole: Facts, cut: Cut) -> list[Facts]:
    """The events of the whole clip whose frames are shown; what appears in a reversed clip is what vanished."""
    mirrored = {"appears": "vanishes", "vanishes": "appears"} if cut.step < 0 else {}
    found = []
    for event in whole["events"]:
        seconds = cut.frames / scene.fps
        inside = (seconds >= event["start"] - 0.5 / scene.fps) & (seconds <= event["end"] + 0.5 / scene.fps)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            times = {"start": round(float(start) / scene.fps, 3), "end": round(float(end) / scene.fps, 3)}
            found.append({**event, "kind": mirrored.get(event["kind"], event["kind"]), **times})
    return sorted(found, key=lambda event: (event["start"], event["kind"]))
