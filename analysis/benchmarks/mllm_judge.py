"""MLLM-as-a-Judge (arXiv 2402.04788): answers about pictures, rated, compared in pairs or ranked in batches by people.

Files, one object a line; all have "id", "image_path", "original_dataset" and "instruction":
    score.jsonl    "name" (who answered), "answer", "human": 1 to 5, a number or its text
    pair.jsonl     "answer1" and "answer2": {"name", "answer"}, "human_answer": A, B, or C for a tie
    batch.jsonl    "answers": [{"name", "answer"}, ..], "human_answer": the letters, best first ("CBAD")
--videos names the folder of the pictures; a picture is a video of one frame.
"""

from collections.abc import Iterator, Mapping
from string import ascii_uppercase
from typing import Any

from analysis.benchmarks.entries import (
    Entry,
    Source,
    Videos,
    entries,
    number_in,
    preferred,
    rows_of,
    scored,
    text_in,
)
from analysis.benchmarks.pairs import choice_in
from workbench.errors import InputError
from workbench.rows import Row
from workbench.schema import Item, Judgment, Video
from workbench.tables import Rejected

PEOPLE = "human:annotators"
SCALE = (1, 5)


def read(source: Source) -> Iterator[Entry | Rejected]:
    """An item a line, who answered in the tags "model_a", "model_b" .., and a judgment by "human:annotators"."""
    videos = source.finder()
    entry = {"score": _score, "pair": _pair, "batch": _batch}[source.name.removeprefix("mllm-judge-")]
    return entries(rows_of(source), lambda row: [entry(source, row.values, _picture(row, videos), _tags(row))])


def _picture(row: Row, videos: Videos) -> Video | None:
    name = text_in(row.values, "image_path")
    folder = videos.folder
    if folder and not (folder / name).exists() and (folder / name.rpartition("/")[2]).exists():
        name = name.rpartition("/")[2]  # some files say "image/7.jpg", others "7.jpg"
    return videos.find(name)


def _tags(row: Row) -> dict[str, str]:
    tags = {"row": str(row.number), "video": text_in(row.values, "image_path")}
    return tags | ({"dataset": str(row.values["original_dataset"])} if row.values.get("original_dataset") else {})


def _score(source: Source, values: Mapping[str, Any], video: Video | None, tags: dict[str, str]) -> Entry:
    tags |= {"model_a": str(values["name"])} if values.get("name") else {}
    item = Item(video, text_in(values, "instruction"), (text_in(values, "answer"),), tags=tags)
    return Entry(item, (scored(source, item, PEOPLE, number_in(values, "human", *SCALE), SCALE),))


def _pair(source: Source, values: Mapping[str, Any], video: Video | None, tags: dict[str, str]) -> Entry:
    item = _several(values, [values.get("answer1"), values.get("answer2")], video, tags)
    choice = choice_in(text_in(values, "human_answer"), "human_answer")
    return Entry(item, (preferred(source, item, PEOPLE, choice),))


def _batch(source: Source, values: Mapping[str, Any], video: Video | None, tags: dict[str, str]) -> Entry:
    listed = values.get("answers")
    if not isinstance(listed, list) or len(listed) < 3:
        raise InputError(f"answers: got {listed!r:.80}, expected a list of at least three.")
    item = _several(values, listed, video, tags)
    letters, written = ascii_uppercase[: len(listed)], text_in(values, "human_answer").strip().upper()
    if sorted(written) != sorted(letters):
        raise InputError(f"human_answer: got {written!r:.80}, expected each of {letters} once, best first.")
    ranking = tuple(letters.index(letter) for letter in written)
    order = {"order": list(range(len(listed)))}
    return Entry(item, (Judgment(item.id, PEOPLE, source.name, "scored", ranking=ranking, settings=order),))


def _several(values: Mapping[str, Any], given: list, video: Video | None, tags: dict[str, str]) -> Item:
    texts = []
    for letter, one in zip(ascii_uppercase, given, strict=False):
        if not isinstance(one, dict):
            raise InputError(f'answer {letter}: got {one!r:.80}, expected {{"name": .., "answer": ..}}.')
        texts.append(text_in(one, "answer"))
        tags |= {f"model_{letter.lower()}": str(one["name"])} if one.get("name") else {}
    return Item(video, text_in(values, "instruction"), tuple(texts), tags=tags)
