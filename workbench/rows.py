"""Rows of a CSV, JSON Lines, JSON or Parquet file, one at a time; a row that cannot be read carries its reason.

Reading streams: a CSV of a gigabyte needs the memory of its longest row, and a line longer than LONGEST_LINE is passed over
unread, as a rejected row. A JSON list is read whole, and refused where it is large. A broken row never swallows its neighbours.
"""

import codecs
import contextlib
import csv
import json
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import InputError

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
PARQUET_BATCH = 1_000  # rows in memory at a time
LONGEST_LINE = 1 << 20  # characters; a response is never so long
SHOWN = 4_000  # characters that are kept of a line that is too long
LARGEST_JSON = 200_000_000  # bytes of a file that is one JSON list
BAD_BYTE = "\udcff"  # stands where bytes are not in the encoding; no valid text holds it

codecs.register_error("workbench.mark", lambda error: (BAD_BYTE, error.end))  # type: ignore[attr-defined]


class Row(NamedTuple):
    """One row of data. `problem` is empty, or says why `values` is; `text` then holds what was there."""

    number: int  # 1 for the first row of data, whatever lines it takes
    line: int | None  # where it starts in the file; None for Parquet and JSON
    values: Mapping[str, Any]
    problem: str = ""
    text: str = ""


def read_rows(path: str | Path, encoding: str | None = None) -> Iterator[Row]:
    """The rows of a table, by the ending of its name.

    Args:
        encoding: of a text file; by default its byte-order mark tells, else UTF-8. It is never guessed: bytes that are
            not in the encoding stay in the values as `BAD_BYTE`.

    Raises InputError for a file that cannot be read at all: missing, another ending, no header, not Parquet.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"{path.name}: got the ending {path.suffix!r}, expected one of {', '.join(ENDINGS)}.")
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give the path of a table.")
    if ending == ".parquet":
        return _parquet_rows(path)
    encoding = encoding or detect_encoding(path)
    _check_encoding(encoding)
    readers = {".json": _json_rows, ".jsonl": _jsonl_rows, ".ndjson": _jsonl_rows}
    return _in_encoding(path, encoding, readers.get(ending, _csv_rows)(path, encoding))


def _in_encoding(path: Path, encoding: str, rows: Iterator[Row]) -> Iterator[Row]:
    """The rows as they come. Raises InputError where the whole file is not in the encoding, as utf-16 without its mark."""
    try:
        yield from rows
    except UnicodeError as error:
        advice = "name the one it has, such as utf-8, utf-16-le or latin-1"
        raise InputError(f"{path.name}: cannot be read as {encoding} ({error}); {advice}.") from error


def detect_encoding(path: Path) -> str:
    """The encoding that the file's byte-order mark names; UTF-8 without one."""
    with path.open("rb") as file:
        head = file.read(4)
    return next((name for mark, name in BYTE_ORDER_MARKS.items() if head.startswith(mark)), "utf-8")


def _check_encoding(encoding: str) -> None:
    try:
        "".encode(encoding)
    except LookupError:
        raise InputError(f"encoding: got {encoding!r}, expected a name such as utf-8, utf-16 or latin-1.") from None


class _TooLong(str):
    """The beginning of a line that is longer than LONGEST_LINE."""


TOO_LONG = f"a line of more than {LONGEST_LINE:,} characters; no judge reads so much, shorten or split it"


def _lines(path: Path, encoding: str) -> Iterator[str]:
    """The lines of a text file with their endings. Of one that is too long the rest is passed over."""
    with path.open(encoding=encoding, errors="workbench.mark", newline="") as file:
        while line := file.readline(LONGEST_LINE):
            whole = line
            while not line.endswith(("\n", "\r")) and (line := file.readline(LONGEST_LINE)):
                whole = whole if isinstance(whole, _TooLong) else _TooLong(whole[:SHOWN])
            yield whole


def _csv_rows(path: Path, encoding: str) -> Iterator[Row]:
    with contextlib.closing(_lines(path, encoding)) as lines:  # the header's commonest separator is the file's
        header_line = next((line for line in lines if line.strip()), "")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=header_line.count)
    records = _csv_records(_lines(path, encoding), delimiter)
    _, names, problem = next(records, (1, [], "the file is empty"))
    header = _header(path, names, problem)
    width = f"the header names {len(header)} columns"
    for number, (line, fields, problem) in enumerate(records, 1):
        if problem:
            yield Row(number, line, {}, problem, fields[0])
        elif len(fields) != len(header):
            problem = f"got {len(fields)} fields, {width}; put quotation marks around a text that holds {delimiter!r}"
            yield Row(number, line, {}, problem, delimiter.join(fields))
        else:
            yield Row(number, line, {name: value for name, value in zip(header, fields, strict=True) if name})


def _header(path: Path, names: list[str], problem: str) -> list[str]:
    """Column names without blanks around them; an unnamed column (an index that was written along) stays ''."""
    names = [name.strip() for name in names]
    if problem or not any(names):
        why = problem or "its first line is empty"
        raise InputError(f"{path.name}: no header could be read ({why}); expected a line of column names.")
    if any("\0" in name or BAD_BYTE in name for name in names):
        raise InputError(f"{path.name}: its header is not text in this encoding; name the one it has, e.g. utf-16-le.")
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice:
        raise InputError(f"{path.name}: two columns are named {twice!r}; rename one.")
    return names


def _csv_records(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """(line, fields, problem) for each record; a broken one gives its first line as the only field, and its reason.

    After a broken record reading goes on with the line after its first, so that a quotation mark that is never closed
    costs one row and not the rest of the file. A field ends at csv's limit of 131,072 characters.
    """
    waiting: deque[str] = deque()  # lines that a broken record had read ahead
    taken: list[str] = []  # lines of the record that is being read

    def feed() -> Iterator[str]:
        while (line := waiting.popleft() if waiting else next(lines, None)) is not None:
            taken.append(line)
            if isinstance(line, _TooLong):
                raise csv.Error(TOO_LONG)
            yield line

    reader, number = csv.reader(feed(), delimiter=delimiter, strict=True), 1
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, [taken[0]], f"not a CSV row: {_csv_problem(error)}"
            waiting.extendleft(reversed(taken[1:]))
            del taken[1:]
            reader = csv.reader(feed(), delimiter=delimiter, strict=True)
        else:
            if len(fields) > 1 or "".join(fields).strip():  # else a blank line
                yield number, fields, ""
        number += len(taken)
        taken.clear()


def _csv_problem(error: csv.Error) -> str:
    if str(error) == TOO_LONG:
        return TOO_LONG
    if "unexpected end" in str(error) or "field limit" in str(error):
        return f"a quotation mark is opened and not closed within {csv.field_size_limit():,} characters"
    return f"{error}; double a quotation mark that is part of a text"


def _jsonl_rows(path: Path, encoding: str) -> Iterator[Row]:
    number = 0
    for line, text in enumerate(_lines(path, encoding), 1):
        if text.strip():
            number += 1
            yield Row(number, line, {}, TOO_LONG, text) if isinstance(text, _TooLong) else _json_row(number, line, text)


def _json_row(number: int, line: int, text: str) -> Row:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        return Row(number, line, {}, f"not JSON: {error.msg} at character {error.pos + 1}", text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets nested as deep
        return Row(number, line, {}, f"not JSON that can be read: {error}", text)
    return _object_row(number, line, value)


def _object_row(number: int, line: int | None, value: Any) -> Row:
    if isinstance(value, dict):
        return Row(number, line, value)
    problem = f"got a JSON {type(value).__name__}, expected an object with named fields"
    return Row(number, line, {}, problem, json.dumps(value))


def _json_rows(path: Path, encoding: str) -> Iterator[Row]:
    if (size := path.stat().st_size) > LARGEST_JSON:
        advice = "a list is read whole; write one object a line, as .jsonl, which is not"
        raise InputError(f"{path.name}: got {size:,} bytes of JSON, expected at most {LARGEST_JSON:,}: {advice}.")
    try:
        values = json.loads(path.read_text(encoding=encoding, errors="workbench.mark"))
    except (ValueError, RecursionError) as error:
        advice = "expected a list of objects; a file of one object a line is named .jsonl"
        raise InputError(f"{path.name}: not JSON ({error}); {advice}.") from error
    if not isinstance(values, list):
        raise InputError(f"{path.name}: got a JSON {type(values).__name__}, expected a list of objects.")
    for number, value in enumerate(values, 1):
        yield _object_row(number, None, value)


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        batches = pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=PARQUET_BATCH)
        rows = (values for batch in batches for values in batch.to_pylist())
        yield from (Row(number, None, values) for number, values in enumerate(rows, 1))
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path.name}: cannot be read as Parquet ({error}); write it again.") from error
