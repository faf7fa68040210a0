"""Probabilities over the menu at the verdict slot, from the most probable tokens that a chat server tells of each place.

A server tells some twenty tokens a place, as text and without its vocabulary. A label's probability is that of the tokens
with which it can go on from the slot; where labels begin with the same token, what followed is looked at.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from workbench.backends.slots import closing, slot_end

UNCLEAR = 0.01  # share of the menu's probability that may belong to several labels and is left out


class Place(NamedTuple):
    """One token of a reply, and the most probable ones in its place, itself among them, each with its probability."""

    token: bytes
    likely: Mapping[bytes, float]


def menu_probabilities(told: Any, slot: str, menu: Sequence[str]) -> Mapping[str, float] | None:
    """Menu label -> probability, adding up to 1; a label that is not among the most probable tokens has 0.

    `told` is `choices[0].logprobs` of a chat completion (OpenAI API reference). None when that is missing or of another
    form, when the reply has no slot, or when more than UNCLEAR could belong to several labels.
    """
    places = _places(told)
    if not places or not slot or len(menu) < 2:
        return None
    text = b"".join(place.token for place in places).decode("utf-8", "surrogateescape")
    end = slot_end(text, slot)
    if end is None:
        return None
    number, stem = _place_at(places, len(text[:end].encode("utf-8", "surrogateescape")))
    if number == len(places):  # cut off right at the slot
        return None
    shares, unclear = _shares(places[number:], b"", {label: stem + (label + closing(slot)).encode() for label in menu})
    total = sum(shares.values())
    if not total or unclear > UNCLEAR * (total + unclear):
        return None
    return {label: share / total for label, share in shares.items()}


def _places(told: Any) -> list[Place]:
    """What was told, token by token; empty where it is not of the form that it should have."""
    try:
        return [_place(entry) for entry in told["content"]]
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
        return []


def _place(entry: Mapping[str, Any]) -> Place:
    token = _bytes(entry)
    return Place(
        token, {token: _probability(entry)} | {_bytes(one): _probability(one) for one in entry["top_logprobs"]}
    )


def _bytes(entry: Mapping[str, Any]) -> bytes:
    """A token's text; its own bytes where they are told, for a token may be half a character."""
    told = entry.get("bytes")
    return entry["token"].encode("utf-8", "surrogatepass") if told is None else bytes(told)


def _probability(entry: Mapping[str, Any]) -> float:
    log = float(entry["logprob"])
    return math.exp(min(log, 0.0)) if log == log else 0.0


def _place_at(places: Sequence[Place], start: int) -> tuple[int, bytes]:
    """The number of the token that holds byte `start`, and what it holds before that (">" of ">A")."""
    for number, place in enumerate(places):
        if start < len(place.token):
            return number, place.token[:start]
        start -= len(place.token)
    return len(places), b""


def _shares(places: Sequence[Place], said: bytes, wanted: Mapping[str, bytes]) -> tuple[dict[str, float], float]:
    """The probability of each label, whose whole text `wanted` tells, after `said`; and that which may be several's."""
    shares, unclear = dict.fromkeys(wanted, 0.0), 0.0
    for token, probability in places[0].likely.items():
        text = said + token
        fits = {label: whole for label, whole in wanted.items() if whole.startswith(text) or text.startswith(whole)}
        if not token or not fits:
            continue
        if len(fits) == 1:
            shares[next(iter(fits))] += probability
        elif token == places[0].token and len(places) > 1:
            after, left = _shares(places[1:], text, fits)
            unclear += probability * left
            for label, share in after.items():
                shares[label] += probability * share
        else:
            unclear += probability
    return shares, unclear
