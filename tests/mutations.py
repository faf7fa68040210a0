"""Real clips, spoilt by seed: bits, cuts, splices, headers, absurd sizes, times and counts, wrong extensions."""

import random
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from clips import CLIPS, numbered_picture
from PIL import Image

# Where containers keep what a decoder believes: marker, distance from its start to the number, bytes, byte order.
SIZES = [
    *((codec, 28 + 2 * edge, 2, "big") for codec in (b"avc1", b"hvc1", b"hev1", b"vp09", b"av01", b"mp4v") for edge in (0, 1)),
    (b"tkhd", 80, 4, "big"), (b"tkhd", 84, 4, "big"),
    (b"\xb0\x81", 2, 1, "big"), (b"\xb0\x82", 2, 2, "big"), (b"\xba\x81", 2, 1, "big"), (b"\xba\x82", 2, 2, "big"),
    (b"avih", 40, 4, "little"), (b"avih", 44, 4, "little"), (b"strf", 12, 4, "little"), (b"strf", 16, 4, "little"),
    (b"GIF8", 6, 2, "little"), (b"GIF8", 8, 2, "little"), (b"\x2c\x00\x00\x00\x00", 5, 2, "little"),
    (b"IHDR", 4, 4, "big"), (b"IHDR", 8, 4, "big"), (b"VP8 ", 14, 2, "little"), (b"\xff\xc0", 5, 2, "big"),
]  # fmt: skip
TIMES = [
    (b"mvhd", 16, 4, "big"), (b"mvhd", 20, 4, "big"), (b"mdhd", 16, 4, "big"), (b"mdhd", 20, 4, "big"), (b"stts", 16, 4, "big"),
    (b"elst", 12, 4, "big"), (b"elst", 16, 4, "big"), (b"ctts", 16, 4, "big"), (b"tfdt", 8, 4, "big"),
    (b"\x2a\xd7\xb1\x83", 4, 3, "big"), (b"\x44\x89\x88", 3, 8, "big"), (b"\x44\x89\x84", 3, 4, "big"), (b"\xe7\x82", 2, 2, "big"),
    (b"avih", 8, 4, "little"), (b"strh", 28, 4, "little"), (b"strh", 32, 4, "little"), (b"\x21\xf9\x04", 4, 2, "little"),
]  # fmt: skip
COUNTS = [
    (b"stts", 8, 4, "big"), (b"stsz", 12, 4, "big"), (b"stsc", 8, 4, "big"), (b"stco", 8, 4, "big"), (b"stss", 8, 4, "big"),
    (b"stsz", 8, 4, "big"), (b"trun", 8, 4, "big"), (b"moov", -4, 4, "big"), (b"mdat", -4, 4, "big"), (b"avcC", -4, 4, "big"),
    (b"stco", 12, 4, "big"), (b"LIST", 4, 4, "little"), (b"idx1", 4, 4, "little"), (b"\x1f\x43\xb6\x75", 4, 4, "big"),
    (b"avih", 24, 4, "little"), (b"\xa3", 1, 2, "big"),
]  # fmt: skip
FIELDS = {"absurd size": SIZES, "absurd time": TIMES, "absurd count": COUNTS}
KINDS = ("bits", "noise", "cut", "zeros", "shuffle", "insert", "header", "splice", "concatenate", "extension", *FIELDS)
ENDINGS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".gif", ".m4v", ".png", ".jpg", ".webp", ".mp3", "")
PICTURES = ("picture.png", "picture.jpg", "picture.webp")


def write_victims(folder: Path, names) -> dict[str, bytes]:
    """Content of good files by name: clips of every codec and container, and pictures."""
    found = {}
    for name in names:
        if name in PICTURES:
            Image.fromarray(np.ascontiguousarray(numbered_picture(7, 128, 64))).save(folder / name)
        else:
            CLIPS[name].write(folder / name)
        found[name] = (folder / name).read_bytes()
    return found


def mutant(victims: Mapping[str, bytes], seed: int) -> tuple[str, bytes, tuple[str, ...]]:
    """File name, content, and what was done to it: the victims and kinds in turn, sometimes two kinds at once."""
    choice = random.Random(seed)
    names = sorted(victims)
    name = names[seed % len(names)]
    kinds = (KINDS[seed // len(names) % len(KINDS)], *([choice.choice(KINDS)] if choice.random() < 0.3 else []))
    data = victims[name]
    for kind in kinds:
        if kind == "extension":
            name = Path(name).stem + choice.choice([one for one in ENDINGS if not name.endswith(one) or not one])
        elif kind in FIELDS:
            data = _with_absurd(data, FIELDS[kind], choice)
        elif kind in ("splice", "concatenate"):
            data = _joined(data, victims[choice.choice(names)], kind, choice)
        else:
            data = _damaged(data, kind, choice)
    return f"{seed}_{name}", data, kinds


def _damaged(data: bytes, kind: str, choice: random.Random) -> bytes:
    spoilt, size = bytearray(data), max(1, len(data))
    at = choice.randrange(size)
    if kind == "cut":
        del spoilt[at:]
    elif kind == "zeros":
        spoilt[at : at + 300] = bytes(len(spoilt[at : at + 300]))
    elif kind == "shuffle":
        spoilt = spoilt[at:] + spoilt[:at]
    elif kind == "insert":
        spoilt[at:at] = choice.randbytes(choice.randrange(1, 500))
    else:  # bits, noise, header
        for _ in range(choice.choice([1, 10, 200]) if spoilt else 0):
            place = choice.randrange(min(size, 600) if kind == "header" else len(spoilt))
            spoilt[place] = (
                spoilt[place] ^ 1 << choice.randrange(8)
                if kind == "bits"
                else choice.choice([0, 127, 255, choice.randrange(256)])
            )
    return bytes(spoilt)


def _with_absurd(data: bytes, fields, choice: random.Random) -> bytes:
    """Some of the numbers that are there made absurd; a file that has none of them gets noise."""
    there = [field for field in fields if field[0] in data]
    if not there:
        return _damaged(data, "header", choice)
    spoilt = bytearray(data)
    for marker, distance, size, order in choice.sample(there, min(len(there), choice.choice([1, 2, 4]))):
        at = choice.choice(_places(data, marker)) + distance
        top = 256**size - 1
        value = choice.choice([0, 1, top, top // 2, top // 2 + 1, choice.randrange(top + 1)])
        if size == 8:
            value = int.from_bytes(
                struct.pack(">d", choice.choice([1e300, -1.0, float("nan"), float("inf"), 0.0])), "big"
            )
        if 0 <= at <= len(spoilt) - size:
            spoilt[at : at + size] = value.to_bytes(size, order)
    return bytes(spoilt)


def _places(data: bytes, marker: bytes) -> list[int]:
    places, at = [], data.find(marker)
    while at >= 0 and len(places) < 50:
        places.append(at)
        at = data.find(marker, at + 1)
    return places


def _joined(data: bytes, other: bytes, kind: str, choice: random.Random) -> bytes:
    """One file's head on another's body, or one behind the other."""
    if kind == "concatenate":
        return data + other
    return other[: choice.randrange(1, 2000)] + data[choice.randrange(min(len(data), 2000)) :]
