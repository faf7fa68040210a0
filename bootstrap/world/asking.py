"""Asking about a scene: one function a kind of question, and `ask_all` that chooses among them."""

from collections.abc import Callable

import numpy as np

from bootstrap.world import wording
from bootstrap.world.contacts import contact_question, cover_question
from bootstrap.world.questions import (
    ATTRIBUTES,
    Fact,
    Question,
    QuestionKind,
    attribute_fact,
    background_facts,
    event_fact,
    motion_facts,
)
from bootstrap.world.scene import Scene, Thing
from bootstrap.world.words import (
    COUNTS,
    EVENT_ORDER,
    MOTION_PHRASES,
    SIZE_ORDER,
    SPANS,
    SPEED_ORDER,
    TIMES,
    lexicon,
)


def ask_all(scene: Scene, rng: np.random.Generator, count: int) -> list[Question]:
    """At least one question and at most `count`, of different kinds.

    The first is of a kind that fits every scene; others that do not fit are left out, not replaced: were they replaced,
    how often a kind is asked would depend on what is true, and the text alone would tell something.
    """
    several = scene.objects_max > 1
    always = [kind for kind in ("caption", "attribute", "yesno", "count") if several or kind != "count"]
    first = always[int(rng.integers(len(always)))]
    kinds_here = [*ASKERS, *CONTACT_ASKERS] if scene.setting == "contacts" else [*ASKERS]
    others = [kind for kind in kinds_here if kind != first]
    kinds = [first] + [others[i] for i in rng.permutation(len(others))[: count - 1]]
    asked = [ask(scene, rng, kind) for kind in kinds]
    return [question for question in asked if question]


def ask(scene: Scene, rng: np.random.Generator, kind: QuestionKind) -> Question | None:
    """A question of this kind about the scene, or None where the scene gives rise to none."""
    return (ASKERS | CONTACT_ASKERS)[kind](scene, rng)


def _extra(scene: Scene, rng, slot: int, thing: Thing, taken: set[str], least: int, most: int) -> list[Fact]:
    """Between `least` and `most` further facts of one thing and its scene, in random choice."""
    pool = [[attribute_fact(scene, slot, thing, name)] for name in ATTRIBUTES if name not in taken]
    pool.append(background_facts(scene))
    if thing.behaviour == "eventful" and "event" not in taken:
        pool.append([event_fact(scene, slot, thing)])
    count = min(len(pool), int(rng.integers(least, most + 1)))
    return [fact for i in sorted(rng.permutation(len(pool))[:count]) for fact in pool[i]]


def _given(scene: Scene, rng, thing: Thing, hidden: tuple[str, ...] = ()) -> tuple[str, str] | None:
    """What an instruction calls the thing by, (name, value), not one of `hidden`; a lone thing may need nothing."""
    names = [name for name in ("shape", "colour") if name not in hidden]
    if len(scene.things) == 1 and rng.random() < 0.5:
        return None
    name = names[int(rng.integers(len(names)))]
    return name, getattr(thing, name)


def called(given: tuple[str, str] | None) -> str:
    """ "the star", "the red object" or "the object"."""
    if given is None:
        return "the object"
    return f"the {given[1]}" if given[0] == "shape" else f"the {given[1]} object"


def _one(scene: Scene, rng, kind, instruction, about, lead: list[Fact], pick: int, given, asked=None) -> Question:
    """A question about one thing: the asked facts lead, its motion and further facts are the evidence."""
    thing = scene.things[pick]
    facts = list(lead)
    if not any(fact.name.startswith("motion") for fact in facts):
        facts += motion_facts(scene, 0, thing)
    taken = {fact.name for fact in facts} | ({given[0]} if given else set()) | ({"event"} if kind == "when" else set())
    facts += _extra(scene, rng, 0, thing, taken, max(1, 4 - len(facts)), max(1, 5 - len(facts)))
    names = tuple(fact.name for fact in facts)

    def forms(generator: np.random.Generator) -> str:
        return wording.about_one(generator, scene.split, kind, names, len(lead), given, thing.event.split()[0])

    return Question(kind, instruction, about, tuple(facts), (pick,), forms, asked)


def _pick(scene: Scene, rng, behaviours=("steady", "turning", "eventful", "colliding")) -> int | None:
    """The position of a random thing that behaves in one of these ways."""
    fitting = [i for i, thing in enumerate(scene.things) if thing.behaviour in behaviours]
    return fitting[int(rng.integers(len(fitting)))] if fitting else None


def _caption(scene: Scene, rng) -> Question:
    instruction = wording.instruction(rng, scene.split, "caption")
    order = rng.permutation(len(scene.things)).tolist()
    if len(order) == 1:
        thing = scene.things[0]
        facts = [attribute_fact(scene, 0, thing, name) for name in ("colour", "shape")] + motion_facts(scene, 0, thing)
        if thing.behaviour == "eventful":
            facts.append(event_fact(scene, 0, thing))
        taken = {fact.name for fact in facts}
        facts += _extra(scene, rng, 0, thing, taken, max(1, 4 - len(facts)), max(1, 6 - len(facts)))
    else:
        facts = []
        for slot, i in enumerate(order):
            facts += [attribute_fact(scene, slot, scene.things[i], name) for name in ("colour", "shape")]
            if len(order) == 2:
                moves = motion_facts(scene, slot, scene.things[i])
                facts += moves or [attribute_fact(scene, slot, scene.things[i], "texture")]
        facts += background_facts(scene)
    fields = tuple(fact.field for fact in facts)
    return Question(
        "caption",
        instruction,
        "every object",
        tuple(facts),
        tuple(order),
        lambda generator: wording.caption(generator, scene.split, fields),
    )


def _attribute(scene: Scene, rng) -> Question:
    pick = _pick(scene, rng)
    thing, name = scene.things[pick], str(rng.choice(list(ATTRIBUTES)))
    given = _given(scene, rng, thing, (name,))
    instruction = wording.instruction(rng, scene.split, f"attribute {name}", called(given))
    return _one(
        scene, rng, "attribute", instruction, f"the {name}", [attribute_fact(scene, 0, thing, name)], pick, given
    )


def _count(scene: Scene, rng) -> Question | None:
    if scene.objects_max < 2:
        return None
    pick = _pick(scene, rng)
    given = _given(scene, rng, scene.things[pick])
    instruction = wording.instruction(rng, scene.split, "count", called(given))
    lead = [Fact("count", COUNTS[len(scene.things) - 1], COUNTS[: scene.objects_max])]
    return _one(scene, rng, "count", instruction, "the number of objects", lead, pick, given)


def _motion(scene: Scene, rng) -> Question | None:
    pick = _pick(scene, rng, ("steady", "eventful"))
    if pick is None:
        return None
    thing = scene.things[pick]
    given = _given(scene, rng, thing)
    instruction = wording.instruction(rng, scene.split, "motion", called(given))
    return _one(scene, rng, "motion", instruction, "the motion", motion_facts(scene, 0, thing), pick, given)


def _order(scene: Scene, rng) -> Question | None:
    """What one turning thing does first and then, or which of two things appears first."""
    appearing = [i for i, thing in enumerate(scene.things) if thing.event.startswith("appears")]
    pick = _pick(scene, rng, ("turning",))
    if len(appearing) >= 2 and (pick is None or rng.random() < 0.5):
        chosen = [appearing[i] for i in rng.permutation(len(appearing))[:2]]
        first, second = (scene.things[i] for i in chosen)
        if abs(first.enters - second.enters) > 0.12 * scene.duration:
            value = EVENT_ORDER[0] if first.enters < second.enters else EVENT_ORDER[1]
            return _two(scene, rng, "order", "which object appears first", chosen, Fact("order", value, EVENT_ORDER))
    if pick is None:
        return None
    thing = scene.things[pick]
    given = _given(scene, rng, thing)
    instruction = wording.instruction(rng, scene.split, "order", called(given))
    return _one(scene, rng, "order", instruction, "the order of motions", motion_facts(scene, 0, thing), pick, given)


def _when(scene: Scene, rng) -> Question | None:
    """When a thing appears or vanishes, or how long it is in view."""
    fitting = [i for i, thing in enumerate(scene.things) if thing.event.split()[0] in ("appears", "vanishes")]
    if not fitting:
        return None
    pick = fitting[int(rng.integers(len(fitting)))]
    thing = scene.things[pick]
    verb, time = thing.event.split()
    given = _given(scene, rng, thing)
    if rng.random() < 0.4:
        # What appears early is in view for most of the clip, what vanishes early only for a short time.
        spans = SPANS if verb == "vanishes" else SPANS[::-1]
        instruction = wording.instruction(rng, scene.split, "duration", called(given))
        lead = Fact("span", spans[TIMES.index(time)], SPANS)
        return _one(scene, rng, "when", instruction, "how long it is in view", [lead], pick, given)
    instruction = wording.instruction(rng, scene.split, f"when {verb}", called(given))
    return _one(scene, rng, "when", instruction, "the time", [Fact("time", time, TIMES)], pick, given)


def _comparison(scene: Scene, rng) -> Question | None:
    """Which of two things is larger, or moves faster, where they clearly differ."""
    if len(scene.things) < 2:
        return None
    chosen = rng.permutation(len(scene.things))[:2].tolist()
    one, other = (scene.things[i] for i in chosen)
    lines = lexicon(scene.setting).simple_motions[1:]
    straight = all(t.behaviour == "steady" and t.segments[0].motion in lines for t in (one, other))
    slow, fast = sorted(t.segments[0].speed for t in (one, other))
    if straight and fast > 1.4 * slow and rng.random() < 0.5:
        value = SPEED_ORDER[0] if one.segments[0].speed == fast else SPEED_ORDER[1]
        return _two(scene, rng, "comparison", "which object is faster", chosen, Fact("speed", value, SPEED_ORDER))
    if one.size == other.size:
        return None
    value = SIZE_ORDER[0] if one.size == "large" else SIZE_ORDER[1]
    return _two(scene, rng, "comparison", "which object is larger", chosen, Fact("larger", value, SIZE_ORDER))


def _two(scene: Scene, rng, kind, about, chosen: list[int], lead: Fact) -> Question:
    """A question that sets two things side by side, called by their shapes."""
    shapes = tuple(scene.things[i].shape for i in chosen)
    key = "appearing" if lead.name == "order" else lead.name
    instruction = wording.instruction(rng, scene.split, key, *(f"the {shape}" for shape in shapes))
    facts = [lead] + [attribute_fact(scene, slot, scene.things[i], "colour") for slot, i in enumerate(chosen)]
    motions = [motion_facts(scene, slot, scene.things[i]) for slot, i in enumerate(chosen)]
    if all(len(motion) == 1 for motion in motions) and lead.name != "speed" and rng.random() < 0.6:
        facts += [fact for motion in motions for fact in motion]
    else:
        facts += [attribute_fact(scene, slot, scene.things[i], "texture") for slot, i in enumerate(chosen)]
    facts += background_facts(scene) if len(facts) < 5 or rng.random() < 0.5 else []
    fields = tuple(fact.field for fact in facts)
    return Question(
        kind,
        instruction,
        about,
        tuple(facts),
        tuple(chosen),
        lambda generator: wording.about_two(generator, scene.split, lead.name, fields, shapes),
    )


def _yesno(scene: Scene, rng) -> Question | None:
    """Is it so? Half of the questions ask about the truth, the others about another value, evenly."""
    pick = _pick(scene, rng)
    thing = scene.things[pick]
    options = [attribute_fact(scene, 0, thing, name) for name in ATTRIBUTES]
    options += [fact for fact in motion_facts(scene, 0, thing) if fact.name == "motion"] * 2
    fact = options[int(rng.integers(len(options)))]
    others = [value for value in fact.values if value != fact.true]
    asked = fact.true if rng.random() < 0.5 else str(rng.choice(others))
    given = _given(scene, rng, thing, (fact.name,))
    said = MOTION_PHRASES[asked].asked if fact.name == "motion" else asked
    instruction = wording.instruction(rng, scene.split, f"yesno {fact.name}", called(given), said)
    lead = [fact._replace(favoured=asked, mass=0.5)]
    return _one(scene, rng, "yesno", instruction, f"the {fact.name}", lead, pick, given, (fact.field, asked))


ASKERS: dict[QuestionKind, Callable] = {
    "caption": _caption,
    "attribute": _attribute,
    "count": _count,
    "motion": _motion,
    "order": _order,
    "when": _when,
    "comparison": _comparison,
    "yesno": _yesno,
}
CONTACT_ASKERS: dict[QuestionKind, Callable] = {"contact": contact_question, "cover": cover_question}
