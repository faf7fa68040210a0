"""The grid of a sweep: which judges, temperatures, frame counts and samples, and what of it a clip can give."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from workbench.errors import InputError
from workbench.prompts import Prompt
from workbench.schema import Record, Sampling, VideoPolicy

MOST_VALUES = 200  # temperatures, or frame counts, of one grid


class Cell(NamedTuple):
    """One judge at one temperature with one number of frames, as it was asked for."""

    judge: str
    temperature: float
    frames: int

    def __str__(self) -> str:
        return f"{self.judge}, temperature {self.temperature:g}, {self.frames} frames"


@dataclass(frozen=True)
class Sweep(Record):
    """What a sweep asks of its judges. A run goes on only with the same one.

    `sampling` and `video` hold what the user settled beside temperature and frames (fields of Sampling and
    VideoPolicy); the rest is the judge's own. Pairs are asked in both orders.
    """

    judges: tuple[str, ...]
    temperatures: tuple[float, ...]
    frames: tuple[int, ...]
    samples: int = 1
    sampling: Mapping[str, Any] = field(default_factory=dict)
    video: Mapping[str, Any] = field(default_factory=dict)
    judge_options: Mapping[str, Any] = field(default_factory=dict)  # for load_backend

    def __post_init__(self):
        object.__setattr__(self, "judges", tuple(dict.fromkeys(self.judges)))
        object.__setattr__(self, "temperatures", tuple(sorted({float(value) for value in self.temperatures})))
        object.__setattr__(self, "frames", tuple(sorted({int(value) for value in self.frames})))
        for name in ("judges", "temperatures", "frames"):
            if not getattr(self, name):
                raise InputError(f"{name}: got none, expected at least one.")
        for temperature in self.temperatures:  # what cannot be is refused before a judge is loaded
            Sampling(**{**self.sampling, "temperature": temperature})
        for frames in self.frames:
            VideoPolicy(frames=frames, nested=self.video.get("nested", False))
        if self.samples < 1:
            raise InputError(f"samples: got {self.samples}, expected at least 1.")

    def samples_at(self, temperature: float) -> int:
        """Verdicts for each request: one where the judge is greedy and would only say the same again."""
        return self.samples if temperature > 0 else 1

    @property
    def samples_of_all(self) -> int:
        """Verdicts for each request over all temperatures."""
        return sum(map(self.samples_at, self.temperatures))

    @property
    def cells(self) -> list[Cell]:
        """Every cell, judge by judge, from few frames to many."""
        return [Cell(j, t, f) for j in self.judges for f in self.frames for t in self.temperatures]

    def config(self, prompt: Prompt) -> dict[str, Any]:
        """What run.json keeps, and what must be equal for a run to go on."""
        return {"sweep": self.to_dict(), "prompt": prompt.id}


class Clip(NamedTuple):
    """What a video's header says."""

    frames: int
    width: int
    height: int
    seconds: float


def given_frames(asked: int, clip: Clip | None) -> int:
    """How many frames a clip gives when so many are asked for: no more than it has. `clip` is None when not known."""
    return asked if clip is None else min(asked, clip.frames)


def read_values(text: str, name: str, whole: bool) -> tuple[float, ...]:
    """Numbers of a list such as "0,0.2,..,1" or "8,16,..,180".

    ".." goes on as the two values before it do, up to the value after it, which is always among them: temperatures by
    the same step, frame counts (`whole`) by the same factor. Raises InputError.
    """
    parts = [part.strip() for part in text.split(",")]
    found: list[float] = []
    for place, part in enumerate(parts):
        if part in ("..", "..."):
            if len(found) < 2 or place != len(parts) - 2:
                raise InputError(f"{name}: got {text!r:.80}; '..' stands after two values and before the last.")
            found += _between(found[-2], found[-1], _number(parts[-1], name, whole), whole, name)
        else:
            found.append(_number(part, name, whole))
    if any(after <= before for before, after in pairwise(found)):
        raise InputError(f"{name}: got {text!r:.80}, expected ascending values.")
    return tuple(found)


def _number(text: str, name: str, whole: bool) -> float:
    if not re.fullmatch(r"\d+" if whole else r"\d*\.?\d+", text):
        kind = "whole numbers" if whole else "numbers"
        raise InputError(f"{name}: got {text!r:.40}, expected {kind} with commas between, such as "
                         f"{'8,16,..,180' if whole else '0,0.2,..,1'}.")  # fmt: skip
    return int(text) if whole else float(text)


def _between(first: float, second: float, last: float, whole: bool, name: str) -> list[float]:
    """The values between the second and the last one."""
    if second <= first or (whole and first <= 0):
        raise InputError(f"{name}: got {first:g}, {second:g} before '..', expected ascending values above 0.")
    found, value = [], second
    while len(found) <= MOST_VALUES:
        value = round(value * second / first) if whole else round(value + second - first, 6)
        if value >= last - 1e-9:
            return found
        found.append(value)
    raise InputError(f"{name}: more than {MOST_VALUES} values; take a wider step.")
