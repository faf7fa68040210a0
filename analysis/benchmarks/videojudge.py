"""The paper's own sets (arXiv 2509.21451, section 4): MetaEval (responses and ratings), Pairwise and its hard part.

    videojudge-metaeval      a row: video, instruction, response, rating (1 to 5): judge "target", for the ratings are
                             those that the pipeline made the responses for, not people's
    videojudge-pairwise      a row: video, instruction, two responses, which is better: judge "target", as above
    videojudge-pairwise-h    the same, where two people agreed: judge "human:agreed"

The field names of the published files are not documented where we could look: roles are found by usual names, or named
at import (--column rating=FIELD). A set that you bootstrapped yourself is a run folder already and needs no import.
"""

from collections.abc import Iterator, Mapping

from analysis.benchmarks.columns import Role, map_columns, renamed
from analysis.benchmarks.entries import Entry, Source, Videos, entries, number_in, preferred, scored, text_in
from analysis.benchmarks.pairs import choice_in
from workbench.rows import Row
from workbench.schema import Item
from workbench.tables import Rejected

SCALE = (1, 5)
SHARED = (
    Role("video", "name or path of the video", ("video", "video_path", "video_id", "video_name", "path"), False),
    Role("instruction", "what was asked", ("instruction", "question", "prompt", "query")),
    Role("reference", "the gold response", ("reference", "gold_response", "gold", "gold_answer"), False),
)
POINTWISE = (
    *SHARED,
    Role("response", "what is rated", ("response", "candidate", "answer", "candidate_response", "output")),
    Role("rating", "1 to 5", ("rating", "score", "target_rating", "gold_rating", "label", "target", "gold_score")),
)
PAIRWISE = (
    *SHARED,
    Role("response_a", "the first response", ("response_a", "answer_a", "response_1", "response1", "answer1")),
    Role("response_b", "the second response", ("response_b", "answer_b", "response_2", "response2", "answer2")),
    Role("choice", "A or B", ("choice", "answer", "preference", "label", "winner", "gold", "preferred", "target")),
)


def read(source: Source) -> Iterator[Entry | Rejected]:
    """An item a row with one judgment, by "target" or "human:agreed"."""
    pointwise = source.name == "videojudge-metaeval"
    mapped, videos = map_columns(source, POINTWISE if pointwise else PAIRWISE), source.finder()
    make = _rated if pointwise else _compared
    return entries(mapped.rows, lambda row: [make(source, row, renamed(row, mapped.fields), videos)])


def _rated(source: Source, row: Row, values: Mapping[str, object], videos: Videos) -> Entry:
    item = _item(row, values, videos, text_in(values, "response"))
    return Entry(item, (scored(source, item, "target", number_in(values, "rating", *SCALE), SCALE),))


def _compared(source: Source, row: Row, values: Mapping[str, object], videos: Videos) -> Entry:
    item = _item(row, values, videos, text_in(values, "response_a"), text_in(values, "response_b"))
    judge = "human:agreed" if source.name.endswith("-h") else "target"
    return Entry(item, (preferred(source, item, judge, choice_in(text_in(values, "choice"), "choice")),))


def _item(row: Row, values: Mapping[str, object], videos: Videos, *responses: str) -> Item:
    name = text_in(values, "video") if values.get("video") else None
    tags = {"row": str(row.number)} | ({"video": name} if name else {})
    reference = text_in(values, "reference") if values.get("reference") else None
    return Item(videos.find(name) if name else None, text_in(values, "instruction"), responses, reference, tags=tags)
