"""Questions about a scene, and the facts of it that responses state; asking.py makes them.

A template is a text with fields such as <0.colour> (thing 0's colour), <background> or <count>; the order of the fields
in the chosen template is the order in which a response states its facts. What an instruction gives away is never a
fact of the responses, so no false statement can clash with it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from bootstrap.world.scene import Scene, Thing
from bootstrap.world.words import EVENTS, FLASHES, HOME, STAYS, lexicon

QuestionKind = Literal[
    "caption", "attribute", "count", "motion", "order", "when", "comparison", "yesno", "contact", "cover"
]
ATTRIBUTES = tuple(HOME.attributes)


class Fact(NamedTuple):
    """One checkable statement. `values` are what it may say; `favoured` is a value more (or less) likely than the rest.

    `mass` is the share of questions of this form in which the favoured value is the truth; the others are even.
    """

    field: str  # "0.colour", "background", ...
    true: str
    values: tuple[str, ...]
    favoured: str | None = None
    mass: float = 0.0

    @property
    def name(self) -> str:
        """The field without the number of its thing: "colour", "motion1", ..."""
        return self.field.split(".")[-1]

    @property
    def thing(self) -> str:
        """The number of its thing, or "" for a fact of the whole scene."""
        return self.field.split(".")[0] if "." in self.field else ""


@dataclass(frozen=True)
class Question:
    """`about` names what the rubric asks for; `asked` is the yes/no question's field and the value it asks about."""

    kind: QuestionKind
    instruction: str
    about: str
    facts: tuple[Fact, ...]
    things: tuple[int, ...]  # scene positions of things 0, 1, ... of the fields
    forms: Callable[[np.random.Generator], str]  # a template in one of the wordings of the split
    asked: tuple[str, str] | None = None


def motion_facts(scene: Scene, slot: int, thing: Thing) -> list[Fact]:
    """How a thing moves: one fact, two for a turning one, none for a colliding one (its motions are tied)."""
    if thing.behaviour == "colliding":
        return []
    words = lexicon(scene.setting)
    if thing.behaviour == "turning":
        return [
            Fact(f"{slot}.motion{n}", segment.motion, words.simple_motions)
            for n, segment in enumerate(thing.segments, 1)
        ]
    values = words.simple_motions if thing.behaviour == "eventful" else words.motions
    return [Fact(f"{slot}.motion", thing.segments[0].motion, values)]


def event_fact(scene: Scene, slot: int, thing: Thing) -> Fact:
    """Whether and when an eventful thing appears or vanishes; STAYS is favoured, as `sample_scene` draws it."""
    if scene.setting != "core":
        return Fact(f"{slot}.event", thing.event, EVENTS + FLASHES, STAYS, 0.25)
    return Fact(f"{slot}.event", thing.event, EVENTS, STAYS, 1 / 3)


def attribute_fact(scene: Scene, slot: int, thing: Thing, name: str) -> Fact:
    return Fact(f"{slot}.{name}", getattr(thing, name), lexicon(scene.setting).attributes[name])


def background_facts(scene: Scene) -> list[Fact]:
    """The background's colour, or the two that it turns from and to."""
    colours = tuple(lexicon(scene.setting).backgrounds)
    if scene.background_after is None:
        return [Fact("background", scene.background, colours)]
    both = (scene.background, scene.background_after)
    return [Fact(f"background{n}", colour, colours) for n, colour in enumerate(both, 1)]


FIELD = re.compile(r"<([\w.]+)>")


def fields_of(template: str, question: Question) -> list[Fact]:
    """The question's facts in the order in which the template states them."""
    by_field = {fact.field: fact for fact in question.facts}
    return [by_field[field] for field in FIELD.findall(template) if field in by_field]
