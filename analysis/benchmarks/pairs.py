"""Pairs of which one is better: which stands first is drawn from the content, so that a place tells nothing."""

from collections.abc import Mapping

from analysis.benchmarks.entries import Entry, Source, preferred
from workbench.errors import InputError
from workbench.schema import Choice, Item, Video, content_id


def better_and_worse(
    source: Source, video: Video | None, instruction: str, better: str, worse: str, judge: str, tags: Mapping[str, str]
) -> Entry:
    """A pair and the preference for `better`; the two are swapped for about half of all pairs, always the same ones."""
    if better == worse:
        raise InputError("the better and the worse response are the same text; nothing can tell them apart.")
    swapped = int(content_id([source.name, instruction, better, worse], 8), 16) % 2 == 1
    responses = (worse, better) if swapped else (better, worse)
    item = Item(video, instruction, responses, tags=tags)
    choice: Choice = "B" if swapped else "A"
    return Entry(item, (preferred(source, item, judge, choice),))


def choice_in(text: str, name: str) -> Choice:
    """A, B or tie, as files write it: also 1 and 2, "response a", "C" and "=" for a tie. Raises InputError for others."""
    plain = text.strip().casefold().removeprefix("response").removeprefix("answer").removeprefix("model").strip(" _-.")
    known: Mapping[str, Choice] = {"a": "A", "1": "A", "b": "B", "2": "B", "c": "tie", "tie": "tie", "=": "tie"}
    if plain not in known:
        raise InputError(f"{name}: got {text!r:.80}, expected A, B or tie.")
    return known[plain]
