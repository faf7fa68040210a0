"""Items from a table: each row becomes an Item, or a rejection with its reason."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from workbench.columns import Columns, choose_columns
from workbench.errors import InputError, WorkbenchError
from workbench.permissions import may_read_video
from workbench.rows import Row, read_rows
from workbench.schema import Item, Video
from workbench.video import VideoLimits, sha256_of

MISSING = {"nan", "<na>", "#n/a", "#name?", "#ref!", "#value!"}  # how pandas and spreadsheets write what is not there
NO_TEXT = re.compile("[\ud800-\udfff]")  # halves of surrogate pairs, among them what stands for undecodable bytes
HEAD_ROWS = 1_000  # rows whose names are looked at before columns are chosen
HEAD_CHARACTERS = 32_000_000  # in them, more or less
SHOWN_CHARACTERS = 2_000  # of a rejected row


class Rejected(NamedTuple):
    """A row that cannot be judged, and why. `content` is the row as JSON or as it stood, cut to 2,000 characters."""

    row: int
    line: int | None
    reason: str
    content: str


class Table(NamedTuple):
    """A table that is ready to be read once: its columns, and its rows in order."""

    columns: Columns
    rows: Iterator[Item | Rejected]


def open_table(
    path: str | Path,
    *,
    columns: Mapping[str, Sequence[str]] | None = None,
    videos: str | Path | None = None,
    encoding: str | None = None,
    instruction: str | None = None,
    no_video: bool = False,
    limits: VideoLimits | None = None,
) -> Table:
    """Items from a CSV, TSV, JSON Lines, JSON or Parquet file, read as they are asked for.

    Args:
        columns: role -> names of its columns; roles left out are found by their usual names.
        videos: folder that relative video paths start from; by default the table's own.
        encoding: as `read_rows` takes it.
        instruction: for every row of a table that has no column for it.
        no_video: whether a row may lack the video that the table has a column for.
        limits: what a video may weigh; by default VideoLimits().

    Columns that play no role become tags; each Item also carries the tag "row". Every distinct video is hashed once.
    Raises InputError when the table cannot be read or a needed column is not found.
    """
    if videos and not Path(videos).is_dir():
        raise InputError(
            f"videos: got {str(videos)!r}, which is no folder; give the one that relative paths start from."
        )
    rows = read_rows(path, encoding)
    head = _head(rows)
    if not head:
        raise InputError(f"{Path(path).name}: it has no rows; expected at least one.")
    names = list(dict.fromkeys(name for row in head for name in row.values))
    if not names:
        raise InputError(f"{Path(path).name}: no row can be read; the first says: {head[0].problem}.")
    found = choose_columns(names, columns or {}, instruction=instruction)
    finder = VideoFinder(Path(videos) if videos else Path(path).parent, limits or VideoLimits())
    need_video = bool(found.video) and not no_video
    return Table(found, (_item_or_rejected(row, found, finder, instruction, need_video) for row in chain(head, rows)))


def _head(rows: Iterator[Row]) -> list[Row]:
    """The first rows, as many as are looked at before columns are chosen; fewer where they are long."""
    head: list[Row] = []
    room = HEAD_CHARACTERS
    for row in islice(rows, HEAD_ROWS):
        head.append(row)
        room -= len(row.text) + sum(len(value) for value in row.values.values() if isinstance(value, str))
        if room < 0:
            break
    return head


def _item_or_rejected(
    row: Row, columns: Columns, finder: "VideoFinder", instruction: str | None, need_video: bool
) -> Item | Rejected:
    if row.problem:
        return _rejected(row, row.problem)
    try:
        path = _video_path(row.values, columns.video, required=need_video)
        return Item(
            video=finder.find(path) if path else None,
            instruction=instruction or _text(row.values, columns.instruction) or "",
            responses=_responses(row.values, columns),
            reference=_text(row.values, columns.reference, required=False),
            description=_text(row.values, columns.description, required=False),
            tags={"row": str(row.number), **_tags(row.values, columns)},
        )
    except WorkbenchError as error:
        return _rejected(row, str(error))


def _video_path(values: Mapping[str, Any], column: str | None, required: bool) -> str | None:
    """The path in a cell, or in the record of a video that items.jsonl of a run or a world has there."""
    value = values.get(column) if column else None
    if column and isinstance(value, Mapping) and "path" in value:
        values = {column: value["path"]}
    path = _text(values, column, required=False)
    if required and path is None:
        raise InputError(
            f"{column}: got nothing, expected a video's path; fill it in, drop the row, or allow rows without (--no-video)."
        )
    return path


def _rejected(row: Row, reason: str) -> Rejected:
    content = row.text or json.dumps(dict(row.values), default=str)
    return Rejected(row.number, row.line, reason, content[:SHOWN_CHARACTERS])


def _text(values: Mapping[str, Any], column: str | None, required: bool = True) -> str | None:
    """The text of a cell; None for a missing one that is not required. Numbers are written out.

    Raises InputError for a missing one that is required, and for what is no text in any case.
    """
    value = values.get(column) if column else None
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return _nothing(column, value, required)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InputError(f"{column}: got {type(value).__name__} {value!r:.80}, expected text.")
    return _checked_text(str(value), column, required)


def _checked_text(text: str, column: str | None, required: bool) -> str | None:
    if NO_TEXT.search(text):
        raise InputError(
            f"{column}: its bytes are not text in the file's encoding. Name the right one with the encoding option "
            "(latin-1, cp1252, utf-16 ..), or repair the row."
        )
    if not any(character.isprintable() and not character.isspace() for character in text):
        return _nothing(column, text, required)
    return _nothing(column, text, required) if text.strip().casefold() in MISSING else text


def _nothing(column: str | None, value: Any, required: bool) -> None:
    if required:
        got = "nothing" if value is None or value == "" else repr(value)
        raise InputError(f"{column}: got {got}, expected text; fill it in or drop the row.")


def _responses(values: Mapping[str, Any], columns: Columns) -> tuple[str, ...]:
    if not columns.response_list:
        return tuple(_text(values, name) or "" for name in columns.responses)
    column, value = columns.response_list, values.get(columns.response_list)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise InputError(f'{column}: got {value!r:.80}, expected a JSON list such as ["one", "two"].') from None
    if not isinstance(value, list) or not value:
        raise InputError(f"{column}: got {value!r:.80}, expected a list of at least one text.")
    named = {f"{column}[{number}]": response for number, response in enumerate(value, 1)}
    return tuple(_text(named, name) or "" for name in named)


def _tags(values: Mapping[str, Any], columns: Columns) -> dict[str, str]:
    """What plays no role, as text: numbers and texts as they are, lists and objects as JSON, without empty cells."""
    tags = {}
    for name, value in values.items():
        if name in columns.used() or value is None or value == "" or (isinstance(value, float) and not isfinite(value)):
            continue
        text = json.dumps(value, default=str) if isinstance(value, (dict, list, bool)) else str(value)
        tags[str(name)] = text.encode("utf-8", "replace").decode()
    return tags


class VideoFinder:
    """Videos by the path in a cell. Every distinct path is looked for and hashed once, and refused once."""

    def __init__(self, folder: Path, limits: VideoLimits):
        self.folder = folder
        self.limits = limits
        self._known: dict[str, Video | str] = {}

    def find(self, text: str) -> Video:
        """The video that `text` names, from the folder if relative. Raises InputError where there is none."""
        if text not in self._known:
            try:
                self._known[text] = self._look(text)
            except WorkbenchError as error:
                self._known[text] = str(error)
        found = self._known[text]
        if isinstance(found, str):
            raise InputError(found)
        return found

    def _look(self, text: str) -> Video:
        if "://" in text:
            raise InputError(f"video: got the address {text!r:.200}, expected a local file; download it first.")
        path = Path(os.path.abspath(self.folder / text.strip()))
        if not may_read_video(path):  # whether it is there is not told
            raise InputError(
                f"video: got {text!r:.200}, expected an upload or a run of your own; this page reads no other files."
            )
        try:
            known = path.is_dir() or path.is_file()
            exists = path.exists()
        except OSError as error:  # a name too long, a folder that may not be entered
            raise InputError(f"video: {text!r:.200} cannot be opened: {error.strerror}.") from error
        if not known:
            what = "is neither a file nor a folder of frames" if exists else "does not exist"
            raise InputError(f"video: {path} {what}; correct the path, or say which folder paths start from.")
        return _hashed(path, self.limits)


def _hashed(path: Path, limits: VideoLimits) -> Video:
    size = path.stat().st_size
    if size > limits.bytes:
        raise InputError(f"video: {path} has {size:,} bytes, more than the {limits.bytes:,} that are allowed.")
    try:
        return Video(sha256_of(path), str(path))
    except OSError as error:
        raise InputError(f"video: {path} cannot be read: {error.strerror}.") from error
