"""LongVideoBench (arXiv 2407.15754) as VideoJudge uses it: every option of a question is a response, rated alone.

File: lvb_val.json, a list of {"id", "video_id", "video_path", "question", "candidates": [options], "correct_choice": its
place from 0, "question_category", "topic_category", "duration_group"}. The test file has no answers, so its rows are
rejected. The judge's rating of the correct option against the others gives PSup and delta(C-D) (VideoJudge, section 4).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.benchmarks.entries import Entry, Source, Videos, entries, rows_of, scored, text_in
from workbench.errors import InputError
from workbench.rows import Row
from workbench.schema import Item
from workbench.tables import Rejected

KEY = "human:key"  # the questions and their answers were written by people
CORRECT, DISTRACTOR = 1.0, 0.0
KEPT = ("question_category", "topic_category", "duration_group")


def read(source: Source) -> Iterator[Entry | Rejected]:
    """An item an option, with tags "question", "option" (its place from 0) and "correct" (yes or no), and a judgment by
    "human:key" of 1 for the correct option and 0 for the others."""
    videos = source.finder()
    return entries(rows_of(source), lambda row: _entries(row, source, videos))


def _entries(row: Row, source: Source, videos: Videos) -> Iterator[Entry]:
    values = row.values
    question, options = text_in(values, "question"), _options(values)
    correct = _correct(values, len(options))
    name = text_in(values, "video_path" if values.get("video_path") else "video_id")
    video = videos.find(name)
    tags = {"row": str(row.number), "video": text_in(values, "video_id") if values.get("video_id") else name}
    tags |= {"question": str(values.get("id", row.number))}
    tags |= {kept: str(values[kept]) for kept in KEPT if values.get(kept) is not None}
    for place, option in enumerate(options):
        is_correct = place == correct
        told = {"option": str(place), "correct": "yes" if is_correct else "no"}
        item = Item(video, question, (option,), tags={**tags, **told})
        score = CORRECT if is_correct else DISTRACTOR
        yield Entry(item, (scored(source, item, KEY, score, (DISTRACTOR, CORRECT)),))


def _options(values: Mapping[str, Any]) -> list[str]:
    """The options; those of the Hub's Parquet files are in columns option0 to option4, "N/A" where there is none."""
    listed = values.get("candidates")
    if listed is None:
        listed = [values[f"option{place}"] for place in range(10) if values.get(f"option{place}") not in (None, "N/A")]
    if not isinstance(listed, list) or len(listed) < 2:
        raise InputError(f"candidates: got {listed!r:.80}, expected a list of at least two options.")
    options = [text_in({"candidates": option}, "candidates") for option in listed]
    if len(set(options)) < len(options):
        raise InputError("candidates: two options are the same text; nothing can tell them apart.")
    return options


def _correct(values: Mapping[str, Any], count: int) -> int:
    place = values.get("correct_choice")
    if isinstance(place, str) and len(place) == 1 and "A" <= place < chr(ord("A") + count):
        place = ord(place) - ord("A")
    if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < count:
        what = "the test file has no answers; take lvb_val.json" if place in (None, -1, "@") else f"got {place!r}"
        raise InputError(f"correct_choice: expected the place of one of {count} options, from 0; {what}.")
    return place
