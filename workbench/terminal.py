"""What the terminal shows: paragraphs, tables, bars. Judged and model text is made harmless first."""

import re
import shutil
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

# Escape sequences with their arguments: operating-system commands and the like up to their end, cursor and colour ones.
ESCAPES = re.compile(
    r"\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # commands with a text: window titles, links
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # cursor and colour
    r"|\x1b[ -/]*[0-~]?"
)
BIDI = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
BAR_CELLS = 20
MAX_WIDTH = 110


def plain(text: str) -> str:
    """`text` without what steers a terminal: escape sequences, control characters but newline and tab, bidi overrides.

    Halves of surrogate pairs become question marks, so that the result can always be encoded.
    """
    text = ESCAPES.sub("", text.replace("\r\n", "\n")).translate(BIDI)
    text = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")
    return text.encode("utf-8", "replace").decode()


def one_line(text: str, width: int) -> str:
    """`plain` text on one line of at most `width` terminal cells, cut with an ellipsis."""
    text = " ".join(plain(text).split())
    if cells(text) <= width:
        return text
    while text and cells(text) > width - 1:
        text = text[: max(0, min(len(text) - 1, width - 1))]
    return text + "…"


def cells(text: str) -> int:
    """Terminal cells that `text` takes: two for wide (East Asian) characters, none for combining marks."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def width() -> int:
    """Columns to write in."""
    return min(MAX_WIDTH, shutil.get_terminal_size((MAX_WIDTH, 24)).columns)


def paragraph(label: str, text: str) -> str:
    """A label, and under it the plain text wrapped and indented by four, its own line breaks kept."""
    wrapper = textwrap.TextWrapper(width(), initial_indent="    ", subsequent_indent="    ")
    lines = [wrapper.fill(line) if line.strip() else "" for line in plain(text).strip().split("\n")]
    return "\n".join([f"  {label}", *lines])


def bars(shares: Mapping[str, float], mark: str | None = None) -> list[str]:
    """A horizontal bar for each share (0 to 1) with its percentage; the line of `mark` gets a "<"."""
    room = max(map(len, shares), default=0)
    return [
        f"    {label:>{room}} {'█' * round(share * BAR_CELLS):<{BAR_CELLS}} {share:6.1%}{' <' * (label == mark)}"
        for label, share in shares.items()
    ]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, whole: bool = False) -> str:
    """Aligned columns under a header; the last takes what is left of the width: cut there, or `whole` over more lines."""
    lines = [tuple(header), *(tuple(map(str, row)) for row in rows)]
    lines = [tuple(" ".join(plain(cell).split()) for cell in line) for line in lines]
    widths = [max(cells(line[column]) for line in lines) for column in range(len(header))]
    widths[-1] = max(12, width() - sum(widths[:-1]) - 2 * (len(widths) - 1))
    rows = [row for line in lines for row in (_wrapped(line, widths[-1]) if whole else [line])]
    return "\n".join("  ".join(map(_cell, row, widths)).rstrip() for row in rows)


def _wrapped(line: tuple[str, ...], room: int) -> list[tuple[str, ...]]:
    """The line with its last cell wrapped, continued under itself."""
    first, *rest = textwrap.wrap(line[-1], room) or [""]
    return [(*line[:-1], first), *((*("",) * (len(line) - 1), each) for each in rest)]


def _cell(text: str, room: int) -> str:
    text = one_line(text, room)
    return text + " " * (room - cells(text))
