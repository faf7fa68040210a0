"""A scene seen otherwise: in a mirror, upside down, or backwards. Four thousand scenes then teach like many more.

Pixels, facts and words turn together, so every label stays true. The words of a response are turned in a mirror only:
told backwards, its sentences would have to change places too.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from training.rationales import LOOKS
from training.rows import Clip, Example

AS_IT_IS = "as it is"
View = Literal["as it is", "mirrored", "upside down", "backwards", "mirrored and backwards"]
TOLD: tuple[View, ...] = (AS_IT_IS, "mirrored", "upside down")  # the views whose rows can be turned too
# Axes that a mirror turns over: of blocks, of rows or columns in a block, of pixels (turned_clip names them).
ACROSS, ALONG = (2, 4, 8), (1, 3, 7)
FLIPPED: Mapping[View, tuple[int, ...]] = {
    "as it is": (),
    "mirrored": ACROSS,
    "upside down": ALONG,
    "backwards": (),
    "mirrored and backwards": ACROSS,
}
OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}
AT = {"early": "late", "middle": "middle", "late": "early"}
TURNED_VERB = {"appears": "vanishes", "vanishes": "appears"}
# "shows up", "flashes up" and "bounces up and down" say nothing of a direction.
SIDEWAYS = re.compile(r"\b(left|right)\b", re.IGNORECASE)
UPWARDS = re.compile(
    r"(?<!shows )(?<!show )(?<!flashes )(?<!flash )\b(up|down)\b(?! and down)(?<!up and down)", re.IGNORECASE
)


def seen_as(sha256: str, view: View) -> str:
    """The name of a video in a view: its sha256, and the view where it is not as it is."""
    return sha256 if view == AS_IT_IS else f"{sha256} {view}"


def sha_and_view(video: str) -> tuple[str, View]:
    """What `seen_as` was given."""
    sha256, _, view = video.partition(" ")
    return sha256, view or AS_IT_IS  # type: ignore[return-value]


def turned_facts(facts: Mapping[str, Any], view: View) -> Mapping[str, Any]:
    """The facts of a scene as they are of the view."""
    things = [_turned_thing(thing, facts, view) for thing in facts["objects"]]
    background = facts["background"]
    if "backwards" in view:
        ends = [entry["from"] for entry in background[1:]] + [facts["seconds"]]
        background = [{**entry, "from": facts["seconds"] - end} for entry, end in zip(background, ends, strict=True)][
            ::-1
        ]
    return {**facts, "objects": things, "background": background}


def turned_example(example: Example, view: View) -> Example:
    """The row with every word turned that tells a direction. Raises ValueError for a view that runs backwards."""
    if view not in TOLD:
        raise ValueError(f"view: got {view!r}, expected one of {', '.join(TOLD)}; sentences cannot be told backwards.")
    return reworded(example, lambda text: turned_text(text, view)) if view != AS_IT_IS else example


def reworded(example: Example, word: Callable[[str], str]) -> Example:
    """The row with all its texts put through `word`."""
    item, target = example
    return Example(
        replace(
            item,
            instruction=word(item.instruction),
            responses=tuple(map(word, item.responses)),
            reference=item.reference and word(item.reference),
            description=item.description and word(item.description),
        ),
        replace(
            target, reasoning=target.reasoning and word(target.reasoning), rubric=target.rubric and word(target.rubric)
        ),
    )


def turned_text(text: str, view: View) -> str:
    """The text with left and right, or up and down, changed for each other where they are directions."""
    found = {"mirrored": SIDEWAYS, "upside down": UPWARDS}.get(view)
    return found.sub(lambda word: _like(OPPOSITE[word[0].lower()], word[0]), text) if found else text


def other_things(vocabulary: Mapping[str, Sequence[str]], rng: random.Random) -> Callable[[str], str]:
    """A function that puts another word for each colour, shape, size, texture and background of a text, the same each time.

    What a response claims can be read from its words, whatever they are: for rows that show no video.
    """
    other: dict[str, str] = {}
    for name in (*LOOKS, "background"):
        other |= zip(vocabulary[name], rng.sample(vocabulary[name], len(vocabulary[name])), strict=True)
    words = re.compile(rf"\b({'|'.join(other)})\b", re.IGNORECASE)
    return lambda text: words.sub(lambda found: _like(other[found[0].lower()], found[0]), text)


def turned_clip(clip: Clip, view: View, patch: int, merge: int) -> Clip:
    """The clip with its pixels and images turned; patches of `patch` pixels an edge, merged `merge` by `merge`.

    Exact: a resize treats both sides alike. The moments of the frames stay, being spread evenly.
    """
    tensors = clip.inputs.tensors
    pixels, (pairs, height, width) = tensors["pixel_values_videos"], tensors["video_grid_thw"][0].tolist()
    # -> pair, block row, block column, row and column in the block, colour, frame of the pair, pixel row, pixel column
    parts = pixels.reshape(pairs, height // merge, width // merge, merge, merge, 3, 2, patch, patch).flip(FLIPPED[view])
    if "backwards" in view:
        last = len(clip.frames.seconds) - 1
        order = [*range(last, -1, -1), *([] if last % 2 else [0])]  # of an odd number of frames, the last stands twice
        frames = parts.movedim(6, 1).flatten(0, 1)[order]
        parts = frames.unflatten(0, (pairs, 2)).movedim(1, 6)
    turned = {**tensors, "pixel_values_videos": parts.reshape(pixels.shape)}
    return clip._replace(inputs=clip.inputs._replace(tensors=turned))


def _turned_thing(thing: Mapping[str, Any], facts: Mapping[str, Any], view: View) -> dict[str, Any]:
    box, segments, event, visible = thing["box"], thing["segments"], thing["event"], thing["visible"]
    if "mirrored" in view:
        box = [[1000 - right, top, 1000 - left, bottom] for left, top, right, bottom in box]
        segments = [{**each, "motion": turned_text(each["motion"], "mirrored")} for each in segments]
    if view == "upside down":
        box = [[left, 1000 - bottom, right, 1000 - top] for left, top, right, bottom in box]
        segments = [{**each, "motion": turned_text(each["motion"], view)} for each in segments]
    if "backwards" in view:
        box, visible, length = box[::-1], visible[::-1], facts["seconds"]
        segments = [
            {
                **each,
                "motion": OPPOSITE.get(each["motion"], each["motion"]),
                "start": length - each["end"],
                "end": length - each["start"],
            }
            for each in segments[::-1]
        ]
        verb, _, time = event.partition(" ")
        event = f"{TURNED_VERB.get(verb, verb)} {AT[time]}" if time else event
    return {**thing, "box": box, "segments": segments, "event": event, "visible": visible}


def _like(word: str, pattern: str) -> str:
    return word.capitalize() if pattern[0].isupper() else word
