"""The frames a judge saw, as a strip of buttons: each shows its second, and a click sends the player there (scripts/player.js)."""

import base64
import io
from html import escape

from PIL import Image

from workbench.video import Frames

THUMBNAIL_EDGE = 160  # pixels
SHOWN_AT_MOST = 60  # a strip of 180 pictures would weigh more than the video


def frame_strip(frames: Frames | None) -> str:
    """HTML of the strip; a sentence when the judge saw no video."""
    if frames is None or not len(frames):
        return '<p class="vj-sub">The judge saw no video: this verdict is a text-only control.</p>'
    shown = shown_positions(len(frames))
    count = f"{len(frames)} frame{'s' * (len(frames) != 1)}"
    some = "" if len(shown) == len(frames) else f" ({len(shown)} of them shown)"
    height, width = frames.images.shape[1:3]
    head = (
        f"<strong>What the judge saw</strong>: {count}{some} of {frames.frame_count:,}, each {width}×{height} pixels. "
    )
    buttons = "".join(_frame_button(frames, position) for position in shown)
    return (
        f'<div class="vj-frames"><p class="vj-sub">{head}Choose a frame to see that moment in the player.</p>'
        f'<div class="vj-strip" role="group" aria-label="Frames the judge saw">{buttons}</div></div>'
    )


def shown_positions(count: int, at_most: int = SHOWN_AT_MOST) -> list[int]:
    """Positions of the frames to show: all, or `at_most` spread evenly with the first and the last."""
    if count <= at_most:
        return list(range(count))
    return [round(step * (count - 1) / (at_most - 1)) for step in range(at_most)]


def _frame_button(frames: Frames, position: int) -> str:
    seconds = frames.seconds[position]
    label = escape(f"Frame {position + 1} of {len(frames)}, at {seconds:.2f} seconds: show in the player", quote=True)
    return (
        f'<button type="button" class="vj-frame" data-seconds="{seconds:.4f}" aria-label="{label}">'
        f'<img src="{thumbnail(frames.images[position])}" alt=""><span>{seconds:.2f} s</span></button>'
    )


def thumbnail(image) -> str:
    """A JPEG data URI of an RGB picture, uint8 [height, width, 3], at most THUMBNAIL_EDGE pixels along an edge."""
    picture = Image.fromarray(image)
    picture.thumbnail((THUMBNAIL_EDGE, THUMBNAIL_EDGE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
