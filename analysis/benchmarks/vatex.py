"""VATEX-EVAL (EMScore, arXiv 2111.08919): captions of videos, each rated 1 to 5 by three people.

File: a JSON object, key -> {"vid": name, "cands": [6 captions], "scores": "[[r, r, r], ..]" (a list in JSON text, or the
list itself; null for a missing rating), "refs": [[9 captions]]}. The videos are not part of it.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from analysis.benchmarks.entries import Entry, Source, Videos, entries, number_in, rows_of, scored, text_in
from workbench.errors import InputError
from workbench.rows import Row
from workbench.schema import Item
from workbench.tables import Rejected

INSTRUCTION = "Describe the video in one sentence."
SCALE = (1, 5)


class Captions(NamedTuple):
    """One video's captions with their ratings [captions][annotators], None for a missing one, and its references."""

    video: str
    captions: tuple[str, ...]
    ratings: tuple[tuple[float | None, ...], ...]
    references: tuple[str, ...]


def read(source: Source) -> Iterator[Entry | Rejected]:
    """An item a caption, the first reference its reference, all of them in the tag "references" as a JSON list; a
    judgment by each annotator, "human:ann1" and so on. A caption that a video has twice is one item, rated twice."""
    videos = source.finder()
    return entries(rows_of(source), lambda row: _entries(captions_of(row.values), source, row, videos))


def captions_of(values: Mapping[str, Any]) -> Captions:
    """One object of the file. Raises InputError for fields that are missing or do not fit together."""
    video = text_in(values, "vid")
    captions, references = _texts(values, "cands"), _texts(values, "refs")
    ratings = _listed(values, "scores")
    if len(ratings) != len(captions):
        raise InputError(f"scores: got {len(ratings)} for {len(captions)} captions, expected as many.")
    return Captions(video, captions, tuple(_ratings(each) for each in ratings), references)


def _texts(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    listed = _listed(values, name)
    if name == "refs" and len(listed) == 1 and isinstance(listed[0], list):  # [[9 references]]
        listed = listed[0]
    return tuple(text_in({f"{name}[{place}]": text}, f"{name}[{place}]") for place, text in enumerate(listed, 1))


def _listed(values: Mapping[str, Any], name: str) -> list:
    value = values.get(name)
    if isinstance(value, str):
        with contextlib.suppress(ValueError):  # then it is no list, and said so below
            value = json.loads(value)
    if not isinstance(value, list) or not value:
        raise InputError(f"{name}: got {value!r:.80}, expected a list.")
    return value


def _ratings(given: Any) -> tuple[float | None, ...]:
    if not isinstance(given, list) or not given:
        raise InputError(f"scores: got {given!r:.80} for a caption, expected the list of its ratings.")
    return tuple(None if one is None else number_in({"scores": one}, "scores", *SCALE) for one in given)


def _entries(found: Captions, source: Source, row: Row, videos: Videos) -> Iterator[Entry]:
    video, told = videos.find(found.video), json.dumps(found.references)
    for slot, (caption, ratings) in enumerate(zip(found.captions, found.ratings, strict=True), 1):
        tags = {"row": str(row.number), "video": found.video, "slot": str(slot), "references": told}
        item = Item(video, INSTRUCTION, (caption,), found.references[0], tags=tags)
        before = found.captions[: slot - 1].count(caption)
        named = [(number, rating) for number, rating in enumerate(ratings, 1) if rating is not None]
        given = (scored(source, item, f"human:ann{n}", rating, SCALE, sample=before) for n, rating in named)
        yield Entry(item, tuple(given))
