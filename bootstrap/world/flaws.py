"""Rated responses: the truth with a known number of flaws, and the rating that follows from it.

The rule: a response's rating is 5 less its number of flaws, never under 1; an off-topic response is rated 1.

    flaw            where it shows   what it is
    contradicted    video            a fact replaced by another value
    swapped         video            the other value belongs to another object, or to the other half of the clip
    hallucinated    video            an event that never happens, or an object wrong in both colour and shape
    omitted         text             a fact replaced by something vague
    ungrammatical   text             words of a sentence out of order (one flaw, whatever the number of words)
    irrelevant      text             the whole response is about something else

Wrong values come from the distribution of true ones: for every fact, what a flawed response says is distributed as
what a true one says, so that the text alone tells nothing about the rating. Sets with flaws that show in the text are a
minority, tagged as such. Combinations of two or more flaws that a hash puts aside are kept for the test split.
"""

import itertools
import zlib
from typing import NamedTuple

import numpy as np

from bootstrap.world.questions import FIELD, Fact, Question, fields_of
from bootstrap.world.scene import Scene, Split
from bootstrap.world.wording import with_articles
from bootstrap.world.words import OFF_TOPIC, STAYS, VAGUE, spoken

RATINGS = (5, 4, 3, 2, 1)
MOST_FLAWS = 6
HELD_OUT_SHARE = 4  # one in this many combinations of flaws is kept for the test split


class Flaw(NamedTuple):
    """One thing wrong with a response; `fact` is the field it concerns, or "" for the whole text."""

    kind: str
    fact: str = ""


class Claim(NamedTuple):
    """What a response says of one fact; None where it leaves the fact out."""

    fact: Fact
    said: str | None


class Response(NamedTuple):
    """A response with its true rating; claims are in the order of the text, empty when it is off topic."""

    text: str
    rating: int
    claims: tuple[Claim, ...]
    flaws: tuple[Flaw, ...]

    @property
    def in_text(self) -> bool:
        """Whether a flaw shows without the video."""
        return any(flaw.kind in ("omitted", "ungrammatical", "irrelevant") for flaw in self.flaws)


def rating_of(flaws: tuple[Flaw, ...]) -> int:
    """The rule that gives a response's true rating."""
    if any(flaw.kind == "irrelevant" for flaw in flaws):
        return 1
    return max(1, 5 - len(flaws))


def rated_set(scene: Scene, question: Question, rng: np.random.Generator, text_visible: bool) -> list[Response]:
    """Five responses, one for each rating from 5 to 1. With `text_visible`, every flawed one has a flaw that shows."""
    return [rated_response(scene, question, rng, rating, text_visible) for rating in RATINGS]


def rated_response(
    scene: Scene, question: Question, rng: np.random.Generator, rating: int, text_visible: bool = False
) -> Response:
    """One response with the flaws that give it this rating."""
    if text_visible and rating == 1 and rng.random() < 0.5:
        return Response(_off_topic(rng), 1, (), (Flaw("irrelevant"),))
    wanted = 5 - rating if rating > 1 else int(rng.integers(4, min(_most_wrong(question), MOST_FLAWS) + 1))
    garbled = bool(text_visible and wanted and rng.random() < 0.5)
    wrong = _wrong_fields(question, rng, wanted - garbled, scene.split)
    said = _false_values(scene, question, rng, wrong)
    flaws = [_flaw(scene, question, field, said, wrong) for field in wrong]
    if text_visible and wanted and not garbled:
        flaws, said = _leave_one_out(question, rng, flaws, said)
    template = question.forms(rng)
    text = write(question, template, said, way=int(rng.integers(3)))
    if garbled:
        text, flaws = _garble(rng, text), [*flaws, Flaw("ungrammatical")]
    claims = tuple(Claim(fact, said[fact.field]) for fact in fields_of(template, question))
    return Response(text, rating_of(tuple(flaws)), claims, tuple(flaws))


def other_wording(scene: Scene, question: Question, rng: np.random.Generator, text: str) -> str:
    """A flawless response that is not word for word `text`: the reference beside a gold response."""
    while (other := rated_response(scene, question, rng, 5).text) == text:
        pass
    return other


def write(question: Question, template: str, said: dict[str, str | None], way: int) -> str:
    """The template with its fields filled in; `way` picks among the phrases for a value."""
    names = {fact.field: fact.name for fact in question.facts}

    def fill(match) -> str:
        field = match[1]
        if field == "yes":
            asked, value = question.asked
            return "yes" if said[asked] == value else "no"
        return VAGUE[names[field]] if said[field] is None else spoken(names[field], said[field], way)

    return with_articles(FIELD.sub(fill, template))


def wrong_value(rng: np.random.Generator, fact: Fact) -> str:
    """A value other than the truth, such that wrong values are distributed as true ones over all questions.

    With the truth being `favoured` with probability m and any other value evenly: from the favoured value go to any
    other evenly; from another go to the favoured one with probability m / (1 - m), else evenly to the rest.
    """
    others = [value for value in fact.values if value not in (fact.true, fact.favoured)]
    if fact.favoured in (None, fact.true):
        return others[int(rng.integers(len(others)))]
    if not others or rng.random() < fact.mass / (1 - fact.mass):
        return fact.favoured
    return others[int(rng.integers(len(others)))]


def held_out(kind: str, names: list[str]) -> bool:
    """Whether this combination of wrong facts in this kind of question is kept for the test split; no single one is."""
    key = f"{kind}:{'+'.join(sorted(names))}"
    return len(names) > 1 and zlib.crc32(key.encode()) % HELD_OUT_SHARE == 0


def _combinations(question: Question, count: int) -> list[tuple[str, ...]]:
    """Any `count` fields; where several objects are described, each keeps its colour or its shape, to be known by."""
    fields = [fact.field for fact in question.facts]
    slots = range(len(question.things) if len(question.things) > 1 else 0)
    pairs = [{f"{slot}.colour", f"{slot}.shape"} for slot in slots]
    return [some for some in itertools.combinations(fields, count) if not any(pair <= set(some) for pair in pairs)]


def _most_wrong(question: Question) -> int:
    return max(count for count in range(len(question.facts) + 1) if _combinations(question, count))


def _wrong_fields(question: Question, rng, count: int, split: Split) -> tuple[str, ...]:
    """Which facts are wrong: a combination that belongs to the split, where there is one."""
    options = _combinations(question, count)
    names = {fact.field: fact.name for fact in question.facts}
    fitting = [some for some in options if held_out(question.kind, [names[f] for f in some]) == (split == "test")]
    chosen = fitting or options
    return chosen[int(rng.integers(len(chosen)))]


def _false_values(scene: Scene, question: Question, rng, wrong: tuple[str, ...]) -> dict[str, str | None]:
    """What the response says of each fact; false for just the `wrong` ones, and possible in a scene of this world."""
    while True:
        said = {fact.field: wrong_value(rng, fact) if fact.field in wrong else fact.true for fact in question.facts}
        if _possible(said) and not _fits_better(question, said):
            return said


def _possible(said: dict[str, str | None]) -> bool:
    """Objects differ in colour and shape; the two motions of one that turns, and the colours of a change, differ."""
    for name in ("colour", "shape"):
        values = [value for field, value in said.items() if field.endswith(f".{name}")]
        if len(set(values)) < len(values):
            return False
    pairs = [(field, field[:-1] + "2") for field in said if field[-1] == "1"]
    return all(said[first] != said[second] for first, second in pairs)


def _fits_better(question: Question, said: dict[str, str | None]) -> bool:
    """Whether the statements would have fewer errors if meant of the objects in another order."""
    if question.kind != "caption" or len(question.things) == 1:
        return False
    facts = {fact.field: fact.true for fact in question.facts}
    slots = range(len(question.things))
    errors = np.zeros((len(slots), len(slots)))
    for i, j in itertools.product(slots, slots):
        mine = {field.split(".")[1]: value for field, value in said.items() if field.startswith(f"{i}.")}
        errors[i, j] = sum(facts.get(f"{j}.{name}") != value for name, value in mine.items())
    straight = sum(errors[i, i] for i in slots)
    return any(sum(errors[i, j] for i, j in enumerate(order)) < straight for order in itertools.permutations(slots))


def _flaw(scene: Scene, question: Question, field: str, said: dict[str, str | None], wrong: tuple[str, ...]) -> Flaw:
    name, value = field.split(".")[-1], said[field]
    alone = {"0.colour", "0.shape"}
    if (name == "event" and value != STAYS) or (field in alone and alone <= set(wrong)):
        return Flaw("hallucinated", field)
    if name in ("colour", "shape", "texture", "size"):
        own = question.things[int(field.split(".")[0])]
        others = {getattr(thing, name) for i, thing in enumerate(scene.things) if i != own}
    else:
        stem = name.rstrip("12")
        others = {fact.true for fact in question.facts if fact.name.rstrip("12") == stem and fact.field != field}
    return Flaw("swapped" if value in others else "contradicted", field)


def _leave_one_out(question: Question, rng, flaws: list[Flaw], said: dict[str, str | None]):
    """One of the flaws becomes an omission, where there is a vague way to put its fact and it is not what was asked."""
    kept = {question.asked[0]} if question.asked else set()
    fitting = [i for i, flaw in enumerate(flaws) if flaw.fact.split(".")[-1] in VAGUE and flaw.fact not in kept]
    if not fitting:
        return flaws, said
    chosen = fitting[int(rng.integers(len(fitting)))]
    field = flaws[chosen].fact
    return [*flaws[:chosen], Flaw("omitted", field), *flaws[chosen + 1 :]], {**said, field: None}


def _garble(rng, text: str) -> str:
    """Three neighbouring words (or two) that no punctuation parts, turned around."""
    words = text.split(" ")
    for length in (3, 2):
        for start in rng.permutation(len(words) - length + 1).tolist():
            piece = words[start : start + length]
            if not any(word.endswith((".", ",")) for word in piece):
                return " ".join([*words[:start], *piece[::-1], *words[start + length :]])
    return " ".join(reversed(words))


def _off_topic(rng) -> str:
    one, other = rng.permutation(len(OFF_TOPIC))[:2]
    return f"{OFF_TOPIC[one]}. {OFF_TOPIC[other]}."
