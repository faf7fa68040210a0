"""What readers share: where they read from, what they yield, and how a row becomes one or the other."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import InputError, WorkbenchError
from workbench.rows import Row, read_rows
from workbench.schema import Choice, Item, Judgment, Video
from workbench.tables import Rejected, VideoFinder
from workbench.video import VideoLimits

VIDEO_ENDINGS = (".mp4", ".webm", ".mkv", ".avi", ".mov", ".m4v")
SHOWN_CHARACTERS = 2_000  # of a rejected row


class Entry(NamedTuple):
    """An item and what people, or the answer key, say of it."""

    item: Item
    judgments: tuple[Judgment, ...]


@dataclass(frozen=True)
class Source:
    """What a reader reads. `columns` maps a role to the file's own names for it, as the user gave them."""

    name: str  # the benchmark's; stands as the prompt of its gold judgments
    path: Path
    videos: Path | None = None  # folder of the video files; None: items without videos, for judges that read
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    encoding: str | None = None
    no_video: bool = False  # own labels: rows may lack the video that the table has a column for

    def finder(self) -> "Videos":
        return Videos(self.videos)


class Videos:
    """The video files of a benchmark by name, with or without ending; each is hashed once."""

    def __init__(self, folder: Path | None):
        if folder is not None and not folder.is_dir():
            raise InputError(f"videos: got {str(folder)!r}, which is no folder; give the one that holds the videos.")
        self.folder = folder
        self._finder = VideoFinder(folder or Path(), VideoLimits())

    def find(self, name: str) -> Video | None:
        """The video, or None where no folder was given. Raises InputError where the folder does not have it."""
        if self.folder is None:
            return None
        endings = ("", *VIDEO_ENDINGS)
        known = next((name + ending for ending in endings if (self.folder / (name + ending)).exists()), name)
        return self._finder.find(known)


def entries(rows: Iterable[Row], make: Callable[[Row], Iterable[Entry]]) -> Iterator[Entry | Rejected]:
    """What `make` makes of each row; a row that has a problem, or of which it raises, is rejected as a whole."""
    for row in rows:
        try:
            if row.problem:
                raise InputError(row.problem)
            made = list(make(row))
        except WorkbenchError as error:
            content = row.text or json.dumps(dict(row.values), default=str)
            yield Rejected(row.number, row.line, str(error), content[:SHOWN_CHARACTERS])
        else:
            yield from made


# -- rows


def rows_of(source: Source) -> Iterator[Row]:
    """The rows of a benchmark's file: as `workbench.rows` reads them, and a JSON object of objects by its keys.

    In the latter, a row has its key in the field "key". Raises InputError for a file that cannot be read.
    """
    if source.path.is_dir():
        names = ", ".join(sorted(path.name for path in source.path.iterdir())[:8]) or "nothing"
        raise InputError(f"data: {source.path} is a folder with {names} in it; name the file to read.")
    if source.path.suffix.lower() != ".json" or not source.path.is_file():
        return read_rows(source.path, source.encoding)
    return iter(_json_rows(source))


def _json_rows(source: Source) -> list[Row]:
    name = source.path.name
    try:
        loaded = json.loads(source.path.read_text(encoding=source.encoding or "utf-8-sig"))
    except json.JSONDecodeError as error:
        raise InputError(f"{name}, line {error.lineno}: not JSON ({error.msg}); restore the file.") from error
    except (UnicodeError, LookupError) as error:
        raise InputError(f"{name}: not text in this encoding ({error}); name the one it has.") from error
    if not isinstance(loaded, (dict, list)):
        raise InputError(f"{name}: got a JSON {type(loaded).__name__}, expected objects, in a list or by key.")
    if isinstance(loaded, list):
        pairs = [({}, value) for value in loaded]
    else:
        pairs = [({"key": key}, value) for key, value in loaded.items()]
    return [_object_row(number, named, value) for number, (named, value) in enumerate(pairs, 1)]


def _object_row(number: int, named: Mapping[str, str], value: Any) -> Row:
    if isinstance(value, dict):
        return Row(number, None, {**named, **value})
    problem = f"got a JSON {type(value).__name__}, expected an object with named fields"
    return Row(number, None, {}, problem, json.dumps(value))


# -- cells


def text_in(values: Mapping[str, Any], name: str) -> str:
    """The text of a field; a number is written out. Raises InputError where there is none."""
    value = values.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{name}: got {_got(value)}, expected text.")
    return value


def number_in(values: Mapping[str, Any], name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """The number of a field, which may be written as text. Raises InputError for none, or one not from low to high."""
    value = values.get(name)
    try:
        number = float(value) if not isinstance(value, bool) else math.nan  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not low <= number <= high or not math.isfinite(number):
        wanted = "a number" if math.isinf(low) else f"a number from {low:g} to {high:g}"
        raise InputError(f"{name}: got {_got(value)}, expected {wanted}.")
    return number


def _got(value: Any) -> str:
    return "nothing" if value is None or value == "" else f"{value!r:.80}"


# -- gold judgments


def scored(
    source: Source, item: Item, judge: str, score: float, scale: tuple[float, float] | None = None, **more: Any
) -> Judgment:
    """A gold rating. `scale` are the lowest and the highest one where they are known; `more` may hold criteria and sample."""
    settings = {"scale": list(scale)} if scale else {}
    return Judgment(item.id, judge, source.name, "scored", score=score, settings=settings, **more)


def preferred(source: Source, item: Item, judge: str, choice: Choice, **more: Any) -> Judgment:
    """A gold preference between an item's two responses, in the order in which they stand."""
    return Judgment(item.id, judge, source.name, "scored", choice=choice, settings={"order": [0, 1]}, **more)
