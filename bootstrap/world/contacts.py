"""Asking about collisions and occlusion: whether two things meet, and whether one is ever hidden behind another.

Only what is plain is asked: two things that collide, or that never come near each other; a thing that is mostly covered
for a while, or never by another's outline. What is wanted is drawn first, and the more frequent answer is passed over
now and then (the setting's share of collisions does so for the other), so that both are as likely and the text alone
tells nothing. The evidence is colour, texture and background, which have no part in how things meet.
"""

import itertools

import numpy as np

from bootstrap.world import wording
from bootstrap.world.drawing import drift_shift
from bootstrap.world.facts import visible_shares
from bootstrap.world.questions import Fact, Question, attribute_fact, background_facts
from bootstrap.world.scene import Scene
from bootstrap.world.words import CONTACTS, COVERS

APART = 0.05  # frame edges between two outlines' circles, at the least, for things that never touch
HIDDEN_SECONDS = 0.5  # for which more than half of a thing is covered, before it counts as hidden for a while
KEPT_CLEAR = 0.31  # of the questions about a thing that is always clear, of which there are more


def contact_question(scene: Scene, rng: np.random.Generator) -> Question | None:
    """Do two things collide? Half of the time of two that do, where there are such; else of two that never touch."""
    if rng.random() < 0.5:
        pairs = [(0, 1)] if scene.collision is not None else []
    else:
        pairs = [pair for pair in itertools.combinations(range(len(scene.things)), 2) if _apart(scene, pair)]
    if not pairs:
        return None
    chosen = [int(i) for i in rng.permutation(pairs[int(rng.integers(len(pairs)))])]
    shapes = tuple(scene.things[i].shape for i in chosen)
    collide = scene.collision is not None and set(chosen) == {0, 1}
    lead = Fact("contact", CONTACTS[0] if collide else CONTACTS[1], CONTACTS)
    facts = [lead] + [attribute_fact(scene, n, scene.things[i], "colour") for n, i in enumerate(chosen)]
    facts += [attribute_fact(scene, n, scene.things[i], "texture") for n, i in enumerate(chosen)]
    facts += background_facts(scene)
    fields = tuple(fact.field for fact in facts)
    return Question(
        "contact",
        wording.instruction(rng, scene.split, "contact", *(f"the {shape}" for shape in shapes)),
        "whether the two collide",
        tuple(facts),
        tuple(chosen),
        lambda generator: wording.about_two(generator, scene.split, "contact", fields, shapes),
        ("contact", CONTACTS[0]),
    )


def _apart(scene: Scene, pair: tuple[int, int]) -> bool:
    one, other = (scene.things[i] for i in pair)
    distance = np.linalg.norm(one.centres(scene.frame_seconds) - other.centres(scene.frame_seconds), axis=1)
    return bool(distance.min() > (one.diameter + other.diameter) / 2 + APART)


def cover_question(scene: Scene, rng: np.random.Generator) -> Question | None:
    """Is a thing ever hidden? Half of the time of one that is, where there is such; else of one that is always clear."""
    hidden, clear = _covered(scene)
    wanted = hidden if rng.random() < 0.5 else clear if rng.random() < KEPT_CLEAR else []
    if not wanted or len(scene.things) < 2:
        return None
    pick = wanted[int(rng.integers(len(wanted)))]
    thing = scene.things[pick]
    given = ("shape", thing.shape)
    lead = Fact("cover", COVERS[0] if pick in hidden else COVERS[1], COVERS)
    facts = [lead, *(attribute_fact(scene, 0, thing, name) for name in ("colour", "texture")), *background_facts(scene)]
    names = tuple(fact.name for fact in facts)
    return Question(
        "cover",
        wording.instruction(rng, scene.split, "cover", f"the {thing.shape}"),
        "whether it is ever hidden",
        tuple(facts),
        (pick,),
        lambda generator: wording.about_one(generator, scene.split, "cover", names, 1, given, ""),
        ("cover", COVERS[0]),
    )


def _covered(scene: Scene) -> tuple[list[int], list[int]]:
    """The positions of things that others hide for a while but not always, and of those that others never cover."""
    seconds = scene.frame_seconds
    centres = [thing.centres(seconds) + drift_shift(scene, seconds) for thing in scene.things]
    _, uncovered = visible_shares(scene, centres)
    hidden, clear = [], []
    for position, thing in enumerate(scene.things):
        free = uncovered[position][thing.opacity(seconds) > 0.5]
        if (free < 0.5).sum() >= HIDDEN_SECONDS * scene.fps and (free > 0.8).sum() >= HIDDEN_SECONDS * scene.fps:
            hidden.append(position)
        elif len(free) and free.min() > 0.97:
            clear.append(position)
    return hidden, clear
