"""Video quality with mean opinion scores: MaxWell (arXiv 2305.12726), and tables of the same kind.

    a table (CSV, JSONL, ..)     a video, its mean opinion score, and a column of numbers for each dimension, any names
    MaxWell_val.csv              columns O (overall), A-1 .. A-5, A-all, T-1 .. T-8, T-all; the videos' names stand in a
                                 labels file beside it, in the same order, and their overall scores must agree
    *labels.txt                  lines "name.mp4, -1, -1, 3.983": the last number is the mean opinion score

Scores stay on their own scale; correlations do not mind.
"""

from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from analysis.benchmarks.columns import Role, map_columns, renamed
from analysis.benchmarks.entries import Entry, Source, Videos, entries, number_in, scored, text_in
from workbench.errors import InputError
from workbench.quality import DIMENSIONS as KNOWN
from workbench.quality import ITSELF, OVERALL
from workbench.rows import Row
from workbench.schema import Item
from workbench.tables import Rejected

PEOPLE = "human:mos"
ROLES = (
    Role("video", "name of the video", ("video", "name", "video_name", "video_path", "filename", "file"), False),
    Role("mos", "mean opinion score", ("mos", "o", "overall", "score", "mean_opinion_score", "quality")),
)
DIMENSIONS = {  # column of MaxWell -> dimension, by the order of its authors' demo; higher is better in all of them
    "A-1": "content", "A-2": "composition", "A-3": "colour", "A-4": "lighting", "A-5": "camera path",
    "T-1": "sharpness", "T-2": "focus", "T-3": "cleanness", "T-4": "motion clarity", "T-5": "camera stability",
    "T-6": "exposure", "T-7": "intactness", "T-8": "smoothness", "A-all": "aesthetic", "T-all": "distortion",
}  # fmt: skip
ROUNDING = 0.0006  # the labels have three decimals


def read(source: Source) -> Iterator[Entry | Rejected]:
    """An item a video, its response "The video itself.", and a judgment by "human:mos" with every dimension in its
    criteria; and an item for each dimension that `workbench.quality` defines, with its own score. Tag "dimension"."""
    videos = source.finder()
    if source.path.suffix.lower() == ".txt":
        return entries(_label_rows(source.path), lambda row: _entries(source, row, row.values, {}, videos))
    mapped = map_columns(source, ROLES)
    rows, fields = list(mapped.rows), dict(mapped.fields)
    names = {} if "video" in fields else _names(source, rows, fields["mos"])

    def entry(row: Row) -> Iterator[Entry]:
        values = {**renamed(row, fields), **({"video": names[row.number]} if names else {})}
        return _entries(source, row, values, _dimensions(row.values, set(fields.values())), videos)

    return entries(rows, entry)


def _entries(
    source: Source, row: Row, values: Mapping[str, Any], scores: dict[str, float], videos: Videos
) -> Iterator[Entry]:
    name = text_in(values, "video")
    video, tags = videos.find(name), {"row": str(row.number), "video": name}
    mos = number_in(values, "mos")
    whole = Item(video, OVERALL, (ITSELF,), tags=tags | {"dimension": "overall"})
    yield Entry(whole, (scored(source, whole, PEOPLE, mos, criteria=scores or None),))
    for one in KNOWN:
        if one.name in scores:
            item = Item(video, one.instruction, (ITSELF,), tags=tags | {"dimension": one.name})
            yield Entry(item, (scored(source, item, PEOPLE, scores[one.name]),))


def _dimensions(values: Mapping[str, Any], used: set[str]) -> dict[str, float]:
    """Every other column that holds a number."""
    found = {}
    for name, value in values.items():
        try:
            number = float(value) if name not in used and not isinstance(value, bool) else None
        except (TypeError, ValueError):
            continue
        if number is not None and isfinite(number):
            found[DIMENSIONS.get(name, name)] = number
    return found


def _label_rows(path: Path) -> Iterator[Row]:
    """Lines "name, number, number, number" of a labels file. Raises InputError where it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a labels file ({error}).") from error
    kept = [(line, text) for line, text in enumerate(lines, 1) if text.strip()]
    return (_label_row(number, line, text) for number, (line, text) in enumerate(kept, 1))


def _label_row(number: int, line: int, text: str) -> Row:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) < 2 or not parts[0]:
        return Row(number, line, {}, 'expected "name.mp4, -1, -1, 3.983": a name and, last, its score', text)
    return Row(number, line, {"video": parts[0], "mos": parts[-1]})


def _names(source: Source, rows: list[Row], field: str) -> dict[int, str]:
    """The name of each row's video, from the labels file beside the table whose scores are the table's own.

    Raises InputError where none fits.
    """
    tried = []
    for path in sorted(source.path.parent.glob("*labels*.txt")):
        labels = list(_label_rows(path))
        if len(labels) == len(rows) and all(map(_same, rows, labels, [field] * len(rows))):
            return {row.number: str(label.values["video"]) for row, label in zip(rows, labels, strict=True)}
        tried.append(f"{path.name} has {len(labels)} videos or other scores")
    there = "; ".join(tried) or "there is none"
    raise InputError(
        f"{source.path.name}: no column names the videos, so a labels file beside it has to, with {len(rows)} lines in the "
        f"same order; {there}. Put the right one there, or name the column with --column video=COLUMN."
    )


def _same(row: Row, label: Row, field: str) -> bool:
    try:
        return abs(number_in(row.values, field) - number_in(label.values, "mos")) < ROUNDING
    except InputError:
        return False
