"""The probes: each a pure function from an item to variants of it, with one thing changed in each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from analysis.audit import wording
from analysis.audit.attacks import AFTER, ATTACKS, BEFORE, IN_INSTRUCTION, PAIR_ATTACKS, attack_text
from analysis.audit.variant import AS_IT_IS, BENIGN, OWN, Against, Manner, Probe, Variant
from workbench.schema import Item, Video

FRAME_CHANGES = {
    "first frame only": Manner(frame_order="frozen"),
    "frames reversed": Manner(frame_order="reversed"),
    "frames shuffled": Manner(frame_order="shuffled"),
}
NO_VIDEO, OTHER_VIDEO, AGAIN = "no video", "another video", "asked again"
LOOKING_CHANGES = (NO_VIDEO, OTHER_VIDEO, *FRAME_CHANGES)
PADDED, REPEATED, AGAINST_PADDED = "padded", "repeated to the same length", "beside its padded twin"
PAIR, PAIR_BENIGN, PAIR_ATTACKED = "pair as it is", "pair, neutral sentence", "pair, "
EMPTY, OFF_TOPIC, BORROWED = "empty", "off topic", "borrowed"


class Context(NamedTuple):
    """What probes know beside the item: another video for each (by hash), a response to another question about another
    video (by item id), the highest score in words, how to sample, the names of other wordings of the prompt."""

    elsewhere: Mapping[str, Video]
    borrowed: Mapping[str, str]
    top: str
    samples: int
    temperature: float
    templates: tuple[str, ...]


def own(item: Item) -> Variant:
    """The item as it is: what the others are measured against."""
    return Variant(OWN, OWN, item.id, item)


def looking(item: Item, context: Context) -> Iterator[Variant]:
    """The same text with no video, another video, and this one's frames frozen, reversed, shuffled; and once more as it is."""
    if item.video is None:
        return
    yield Variant("looking", AGAIN, item.id, item, Manner(samples=2))
    yield Variant("looking", NO_VIDEO, item.id, item, Manner(view="none"))
    if item.video.sha256 in context.elsewhere:
        yield _twin("looking", OTHER_VIDEO, item, video=context.elsewhere[item.video.sha256])
    for change, manner in FRAME_CHANGES.items():
        yield Variant("looking", change, item.id, item, manner)


def position(pair: Item, context: Context) -> Iterator[Variant]:
    """A pair, which is asked in both orders."""
    yield Variant("position", "both orders", pair.id, pair)


def verbosity(item: Item, context: Context) -> Iterator[Variant]:
    """The response with filler, repeated to the same length, and as a pair with its padded twin."""
    response = item.responses[0]
    padded = wording.with_filler(response)
    yield _twin("verbosity", PADDED, item, responses=(padded,))
    yield _twin("verbosity", REPEATED, item, responses=(wording.repeated(response),))
    yield _twin("verbosity", AGAINST_PADDED, item, responses=(response, padded))


def bandwagon(item: Item, context: Context) -> Iterator[Variant]:
    """The claim that most people rate the response highly, beside a neutral sentence."""
    yield from (benign(item, AFTER), _added("bandwagon", "most people agree", item, wording.BANDWAGON, AFTER))


def authority(item: Item, context: Context) -> Iterator[Variant]:
    """The claim that an expert confirmed the response, beside a neutral sentence."""
    yield from (benign(item, AFTER), _added("authority", "an expert confirms", item, wording.AUTHORITY, AFTER))


def sentiment(item: Item, context: Context) -> Iterator[Variant]:
    """A cheerful and a gloomy sentence, beside a neutral one."""
    yield benign(item, AFTER)
    yield _added("sentiment", "cheerful", item, wording.CHEERFUL, AFTER)
    yield _added("sentiment", "gloomy", item, wording.GLOOMY, AFTER)


def injection(item: Item, context: Context) -> Iterator[Variant]:
    """Orders to the judge in the response or the instruction, each beside a neutral sentence in the same place."""
    yield from (benign(item, place) for place in (AFTER, BEFORE, IN_INSTRUCTION))
    for name, attack in ATTACKS.items():
        yield _added("injection", name, item, attack_text(attack, context.top), attack.place)


def pair_injection(pair: Item, context: Context) -> Iterator[Variant]:
    """Orders to the judge behind the second response of a pair, beside a neutral sentence there, and the pair as it is."""
    first, second = pair.responses
    yield Variant(BENIGN, PAIR, pair.id, pair)
    yield _twin(BENIGN, PAIR_BENIGN, pair, responses=(first, f"{second} {wording.NEUTRAL}"))
    for name, text in PAIR_ATTACKS.items():
        yield _twin("injection", PAIR_ATTACKED + name, pair, responses=(first, f"{second} {text}"))


def responses(item: Item, context: Context) -> Iterator[Variant]:
    """Responses that cannot be right: one that says nothing, one off topic, one to another question about another video."""
    yield _twin("responses", EMPTY, item, responses=(wording.EMPTY,))
    yield _twin("responses", OFF_TOPIC, item, responses=(wording.OFF_TOPIC,))
    if item.id in context.borrowed:
        yield _twin("responses", BORROWED, item, responses=(context.borrowed[item.id],))


def consistency(item: Item, context: Context) -> Iterator[Variant]:
    """Several samples at a temperature."""
    manner = Manner(temperature=context.temperature, samples=context.samples)
    yield Variant("consistency", "sampled", item.id, item, manner)


def template(item: Item, context: Context) -> Iterator[Variant]:
    """The same task in other words."""
    for name in context.templates:
        yield Variant("template", name, item.id, item, Manner(template=name))


def benign(item: Item, place: str) -> Variant:
    """The item with a neutral sentence in that place: the twin of all that is added there."""
    return _added(BENIGN, place, item, wording.NEUTRAL, place)


def _added(probe: Probe | Against, change: str, item: Item, text: str, place: str) -> Variant:
    if place == IN_INSTRUCTION:
        return _twin(probe, change, item, instruction=f"{item.instruction} {text}")
    response = item.responses[0]
    joined = f"{response} {text}" if place == AFTER else f"{text} {response}"
    return _twin(probe, change, item, responses=(joined,))


def _twin(probe: Probe | Against, change: str, item: Item, **changed) -> Variant:
    tags = {**item.tags, "audit_probe": probe, "audit_change": change, "audit_of": item.id}
    return Variant(probe, change, item.id, replace(item, **changed, tags=tags), AS_IT_IS)


OF_RATINGS: dict[Probe, Callable[[Item, Context], Iterator[Variant]]] = {
    "looking": looking,
    "verbosity": verbosity,
    "bandwagon": bandwagon,
    "authority": authority,
    "sentiment": sentiment,
    "injection": injection,
    "responses": responses,
    "consistency": consistency,
    "template": template,
}
OF_PAIRS: dict[Probe, Callable[[Item, Context], Iterator[Variant]]] = {
    "position": position,
    "injection": pair_injection,
}
