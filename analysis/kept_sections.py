"""A report's sections as sections.json of its folder: what a page shows of a report that another process made."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from analysis.plain_values import write_json
from analysis.sections import Drawn, Section
from workbench.json_files import read_json

NAME = "sections.json"


class Kept(NamedTuple):
    """Sections of a report, how many judges are in them, and beside whose labels."""

    sections: list[Section]
    judges: int
    gold: str


def keep_sections(folder: Path, kept: Kept) -> None:
    """Write sections.json, each figure as it is drawn."""
    records = [{**one._asdict(), "drawn": [_drawn_record(drawn) for drawn in one.drawn]} for one in kept.sections]
    write_json(folder / NAME, {"judges": kept.judges, "gold": kept.gold, "sections": records})


def _drawn_record(drawn: Drawn) -> dict[str, Any]:
    figure = json.loads(drawn.draw(drawn.info).to_json())
    return {"judge": drawn.judge, "figure": figure, "reading": drawn.reading, "of": drawn.of}


def kept_sections(folder: Path) -> Kept | None:
    """What was kept in a folder; None where no report was finished."""
    record = read_json(folder / NAME)
    return Kept([_section(one) for one in record["sections"]], record["judges"], record["gold"]) if record else None


def _section(record: dict[str, Any]) -> Section:
    rows, drawn = map(tuple, record.pop("rows")), map(_drawn, record.pop("drawn"))
    notes, header = tuple(record.pop("notes")), tuple(record.pop("header"))
    return Section(**record, notes=notes, header=header, rows=tuple(rows), drawn=tuple(drawn))


def _drawn(record: dict[str, Any]) -> Drawn:
    from plotly.graph_objects import Figure

    return Drawn(record["judge"], record["figure"], Figure, record["reading"], record["of"])
