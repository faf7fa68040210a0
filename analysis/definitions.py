"""What each figure is, read from docs/statistics.md, so that a report and the docs say the same."""

import re
from pathlib import Path
from typing import NamedTuple

STATISTICS = Path(__file__).parents[1] / "docs" / "statistics.md"
CELL = re.compile(r"(?<!\\)\|")  # a bar that is no part of the text


class Definitions(NamedTuple):
    """One heading of the document with its table: names and what they mean."""

    heading: str
    rows: tuple[tuple[str, str], ...]

    @property
    def anchor(self) -> str:
        return anchor(self.heading)


def anchor(heading: str) -> str:
    """The place of a heading's definitions in a report."""
    return "def-" + re.sub(r"\W+", "-", heading.lower()).strip("-")


def read_definitions(path: Path = STATISTICS) -> list[Definitions]:
    """The headings that have a table of figures; none where the document did not come along (an installed copy)."""
    if not path.is_file():
        return []
    found: dict[str, list[tuple[str, str]]] = {}
    heading = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").strip()
        elif line.startswith("|") and not set(line) <= set("|- "):
            cells = [cell.strip().replace("\\|", "|") for cell in CELL.split(line)[1:-1]]
            if len(cells) == 2 and cells[0] != "figure":
                found.setdefault(heading, []).append((cells[0], cells[1]))
    return [Definitions(name, tuple(rows)) for name, rows in found.items()]
