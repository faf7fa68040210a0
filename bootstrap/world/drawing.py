"""Drawing: antialiased sprites on soft backgrounds, composed frame by frame with numpy."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from bootstrap.world.scene import FADE, FRAME, Scene, Thing
from bootstrap.world.words import HOME, RGB, SHIFTED

SUPERSAMPLING = 4  # also the number of sub-pixel positions along each axis
SHADOW = 5  # pixels a shadow may reach beyond the shape
PAD = 40  # pixels of background beyond each edge, for a drifting camera
PAINTS = HOME.colours | SHIFTED.colours
GROUNDS = HOME.backgrounds | SHIFTED.backgrounds


class Sprite(NamedTuple):
    """A thing's picture with its soft shadow, colours premultiplied by alpha."""

    colour: np.ndarray  # float32 [edge, edge, 3], 0..255
    alpha: np.ndarray  # float32 [edge, edge, 1], 0..1, shadow included
    shape: np.ndarray  # float32 [edge, edge], 0..1, the shape alone


def outline(shape: str) -> list[tuple[float, float]]:
    """Corners of a shape that fills a box from -1 to 1, y downwards; a circle is a polygon of 90 corners."""
    if shape == "circle":
        return [(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * np.pi, 90, endpoint=False)]
    if shape == "square":
        return [(-0.86, -0.86), (0.86, -0.86), (0.86, 0.86), (-0.86, 0.86)]
    if shape == "triangle":
        return [(0, -0.95), (1, 0.85), (-1, 0.85)]
    if shape == "star":
        radii = [1.0 if i % 2 == 0 else 0.44 for i in range(10)]
        return [(r * math.sin(math.pi * i / 5), -r * math.cos(math.pi * i / 5)) for i, r in enumerate(radii)]
    if shape == "cross":
        quarter = [(-0.34, -0.96), (0.34, -0.96), (0.34, -0.34)]
        return [turned for n in range(4) for turned in (_quarter_turns(corner, n) for corner in quarter)]
    if shape in SHIFTED_OUTLINES:
        return SHIFTED_OUTLINES[shape]()
    raise ValueError(f"shape: got {shape!r}, expected one of {', '.join(HOME.shapes + SHIFTED.shapes)}.")


def _heart() -> list[tuple[float, float]]:
    turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    x = 16 * np.sin(turns) ** 3
    y = 13 * np.cos(turns) - 5 * np.cos(2 * turns) - 2 * np.cos(3 * turns) - np.cos(4 * turns)
    return [(float(a) / 16.5, -(float(b) + 2.5) / 15) for a, b in zip(x, y, strict=True)]


def _crescent() -> list[tuple[float, float]]:
    """A disc less another one to its right."""
    outer = np.linspace(0.9, 2 * np.pi - 0.9, 60)
    tip = (math.cos(0.9), math.sin(0.9))
    centre, radius = 0.55, math.hypot(tip[0] - 0.55, tip[1])
    start = math.atan2(-tip[1], tip[0] - centre)
    inner = np.linspace(start, -2 * np.pi - start, 60)[1:-1]
    corners = [(math.cos(a), math.sin(a)) for a in outer]
    corners += [(centre + radius * math.cos(a), radius * math.sin(a)) for a in inner]
    return [(x + 0.2, y) for x, y in corners]


SHIFTED_OUTLINES = {
    "heart": _heart,
    "diamond": lambda: [(0, -1), (0.72, 0), (0, 1), (-0.72, 0)],
    "hexagon": lambda: [(math.cos(math.pi * n / 3), math.sin(math.pi * n / 3)) for n in range(6)],
    "arrow": lambda: [(-1, -0.3), (0.1, -0.3), (0.1, -0.8), (1, 0), (0.1, 0.8), (0.1, 0.3), (-1, 0.3)],
    "crescent": _crescent,
}


def _quarter_turns(point: tuple[float, float], count: int) -> tuple[float, float]:
    x, y = point
    return [(x, y), (-y, x), (-x, -y), (y, -x)][count]


def _mixed(colour: RGB, other: RGB, share: float) -> RGB:
    return tuple(round(c + (o - c) * share) for c, o in zip(colour, other, strict=True))


def _paint(colour: str, texture: str, edge: int, centre: float, radius: float) -> Image.Image:
    """The surface: the thing's colour, a little lighter above than below, with its stripes or dots of a pale tint."""
    base, pale = PAINTS[colour], _mixed(PAINTS[colour], (255, 255, 255), 0.72)
    paint = Image.new("RGB", (edge, edge), base)
    draw = ImageDraw.Draw(paint)
    step = radius * 0.5
    if texture == "striped":
        # Bands sit between whole steps from the centre, so that the centre keeps the thing's own colour.
        for i in range(-8, 8):
            x = centre + (i + 0.5) * step * 1.4 - step * 0.3
            upper, lower = x + edge, x - edge
            draw.polygon([(upper, -edge), (upper + step * 0.6, -edge), (lower + step * 0.6, edge), (lower, edge)], pale)
    if texture == "dotted":
        for i in range(-4, 4):
            for j in range(-4, 4):
                x, y = centre + (i + 0.5) * step * 1.05, centre + (j + 0.5) * step * 1.05
                draw.ellipse([x - step * 0.27, y - step * 0.27, x + step * 0.27, y + step * 0.27], pale)
    light = Image.linear_gradient("L").resize((edge, edge)).point(lambda v: 255 - round(v * 0.16))
    return ImageChops.multiply(paint, Image.merge("RGB", (light,) * 3))


@lru_cache(maxsize=256)
def sprite(shape: str, colour: str, texture: str, diameter: float, phase_x: int, phase_y: int) -> Sprite:
    """The picture of a thing of `diameter` pixels, moved right and down by the phases (quarters of a pixel)."""
    edge = math.ceil(diameter) + 2 * SHADOW + 2
    big, radius = edge * SUPERSAMPLING, diameter / 2 * SUPERSAMPLING
    centre = (edge / 2) * SUPERSAMPLING
    corners = [(centre + phase_x + x * radius, centre + phase_y + y * radius) for x, y in outline(shape)]
    mask = Image.new("L", (big, big), 0)
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    surface = _paint(colour, texture, big, centre, radius)
    rim = _mixed(PAINTS[colour], (0, 0, 0), 0.35)
    ImageDraw.Draw(surface).line([*corners, corners[0], corners[1]], rim, 2 * SUPERSAMPLING, joint="curve")
    small = (edge, edge)
    inside = np.asarray(mask.resize(small, Image.Resampling.BOX), np.float32) / 255
    rgb = np.asarray(surface.resize(small, Image.Resampling.BOX), np.float32)
    shadow = ImageChops.offset(mask.resize(small, Image.Resampling.BOX), 1, 2).filter(ImageFilter.GaussianBlur(2))
    shade = np.asarray(shadow, np.float32) / 255 * 0.3
    alpha = inside + shade * (1 - inside)
    return Sprite(rgb * inside[..., None], alpha[..., None], inside)


def paint_background(colour: str, rng: np.random.Generator) -> np.ndarray:
    """A soft field of one colour, lit from above, with faint spots: float32 [edge, edge, 3], PAD beyond the frame."""
    edge = FRAME + 2 * PAD
    y, x = np.mgrid[0:edge, 0:edge].astype(np.float32) / edge
    light = 5 * (0.5 - y)
    for _ in range(7):
        cx, cy, spread = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.06, 0.16)
        light += rng.choice([-9, 9]) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * spread**2))
    return np.clip(np.array(GROUNDS[colour], np.float32) + light[..., None], 0, 255)


def draw_frames(scene: Scene) -> Iterator[np.ndarray]:
    """The frames of a scene in order, each uint8 [FRAME, FRAME, 3] RGB."""
    spots = scene.seed * 1_000_003 + scene.index
    fields = [paint_background(scene.background, np.random.default_rng(spots))]
    if scene.background_after:
        fields.append(paint_background(scene.background_after, np.random.default_rng(spots)))
    seconds = scene.frame_seconds
    shift = drift_shift(scene, seconds)
    tracks = [(thing, thing.centres(seconds) + shift, thing.opacity(seconds)) for thing in scene.things]
    for number, second in enumerate(seconds):
        canvas = _field_at(scene, fields, second, shift[number])
        for thing, centres, opacity in tracks:
            if opacity[number] > 0:
                _put(canvas, thing, centres[number], float(opacity[number]))
        yield np.clip(canvas + 0.5, 0, 255).astype(np.uint8)


def drift_shift(scene: Scene, seconds: np.ndarray) -> np.ndarray:
    """How far the picture has moved because the camera drifts: [n, 2] frame edges, nothing mid-clip."""
    return (seconds - scene.duration / 2)[:, None] * np.array([scene.drift])


def _field_at(scene: Scene, fields: list[np.ndarray], second: float, shift: np.ndarray) -> np.ndarray:
    x, y = (PAD - np.rint(shift * FRAME)).astype(int)
    window = np.s_[y : y + FRAME, x : x + FRAME]
    share = min(max((second - scene.background_changes) / FADE, 0.0), 1.0) if len(fields) > 1 else 0.0
    if share in (0.0, 1.0):
        return fields[int(share)][window].copy()
    return fields[0][window] * (1 - share) + fields[1][window] * share


class Placement(NamedTuple):
    """Where a sprite falls on the frame: the sprite, and the matching slices of frame and sprite."""

    sprite: Sprite
    frame: tuple[slice, slice]
    part: tuple[slice, slice]


def place(thing: Thing, centre: np.ndarray) -> Placement:
    """The sprite of a thing with its centre (x, y in frame edges) put on the frame, cut at the frame's edges."""
    diameter = thing.diameter * FRAME
    corner = centre * FRAME - (math.ceil(diameter) + 2 * SHADOW + 2) / 2
    whole = np.floor(corner * SUPERSAMPLING + 0.5).astype(int)
    (left, phase_x), (top, phase_y) = (divmod(int(v), SUPERSAMPLING) for v in whole)
    picture = sprite(thing.shape, thing.colour, thing.texture, diameter, phase_x, phase_y)
    edge = picture.shape.shape[0]
    frame = tuple(slice(min(max(v, 0), FRAME), min(max(v + edge, 0), FRAME)) for v in (top, left))
    part = tuple(slice(cut.start - v, cut.stop - v) for cut, v in zip(frame, (top, left), strict=True))
    return Placement(picture, frame, part)


def _put(canvas: np.ndarray, thing: Thing, centre: np.ndarray, opacity: float) -> None:
    picture, frame, part = place(thing, centre)
    canvas[frame] = canvas[frame] * (1 - opacity * picture.alpha[part]) + opacity * picture.colour[part]
