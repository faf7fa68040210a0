"""Estimates on the terminal: grids of figures by judge, with n, coverage and the reason where a figure is none."""

from collections.abc import Iterable, Mapping, Sequence

from analysis.estimate import Estimate
from workbench.terminal import cells, one_line, plain, width

NOTE = "[from, to]: 95 % interval that draws whole videos. n: rows measured; left out: rows that have no verdict."
MIN_COLUMN = 3
LONG = 26  # cells of a name that is not written above its column


def grid(header: str, columns: Mapping[str, Mapping[str, str]], rows: Sequence[str]) -> str:
    """Aligned text: one line a row, one column a judge; judges that find no room follow in further blocks."""
    first = max(cells(name) for name in (header, *rows))
    names = list(columns)
    blocks, taken = [[]], first
    for name in names:
        title = cells(plain(name))
        room = max(MIN_COLUMN, title if title <= LONG else 0, *(cells(columns[name].get(row, "")) for row in rows))
        if blocks[-1] and taken + 2 + room > width():
            blocks.append([])
            taken = first
        blocks[-1].append((name, room))
        taken += 2 + room
    return "\n\n".join(_block(header, block, first, columns, rows) for block in blocks if block)


def _block(header: str, block: list[tuple[str, int]], first: int, columns: Mapping, rows: Sequence[str]) -> str:
    lines = []
    if any(cells(plain(name)) > room for name, room in block):  # long names stand above the block, numbered
        lines += [f"  ({number}) {one_line(name, width() - 8)}" for number, (name, _) in enumerate(block, 1)]
        shown = [(f"({number})", name, room) for number, (name, room) in enumerate(block, 1)]
    else:
        shown = [(plain(name), name, room) for name, room in block]
    titles = "  ".join([_padded(header, first), *(_padded(title, room) for title, _, room in shown)]).rstrip()
    lines += [titles] if titles else []
    for row in rows:
        values = [_padded(columns[name].get(row, ""), room) for _, name, room in shown]
        lines.append("  ".join([_padded(row, first), *values]).rstrip())
    return "\n".join(lines)


def _padded(text: str, room: int) -> str:
    return text + " " * (room - cells(text))


def figures_grid(
    header: str, judges: Mapping[str, Mapping[str, Estimate]], coverage: Mapping[str, object] | None = None
) -> str:
    """Figures by judge. n stands in a row of its own where all figures of a judge have one n, else beside each figure."""
    names = list(dict.fromkeys(name for figures in judges.values() for name in figures))
    one_n = all(len({(e.n, e.left_out) for e in figures.values()}) == 1 for figures in judges.values())
    columns = {}
    for judge, figures in judges.items():
        counts = next(iter(figures.values()))
        column = {"n": str(counts.n), "left out": str(counts.left_out), "videos": str(counts.videos)} if one_n else {}
        if coverage and judge in coverage:
            column["coverage"] = share(getattr(coverage[judge], "share", None))
        columns[judge] = column | {words(name): told(one, with_n=not one_n) for name, one in figures.items()}
    head = (["n", "left out", "videos"] if one_n else []) + (["coverage"] if coverage else [])
    return grid(header, columns, [*head, *map(words, names)])


def told(one: Estimate, with_n: bool = False) -> str:
    """An estimate in a cell: value and interval, "none" where there is no value."""
    counts = f" n {one.n}" + (f" ({one.left_out} out)" if one.left_out else "") if with_n else ""
    return f"{one}{counts}"


def words(name: str) -> str:
    """A figure's name as it is shown."""
    return name.replace("_", " ")


def share(value: float | None) -> str:
    """A share as a percentage."""
    return "none" if value is None else f"{value:.1%}"


def reasons(judges: Mapping[str, Mapping[str, Estimate]]) -> Iterable[str]:
    """Why figures are none or have no interval: one line a reason, naming figures and, where they differ, judges."""
    found: dict[str, dict[str, list[str]]] = {}
    for judge, figures in judges.items():
        for name, one in figures.items():
            if one.reason:
                found.setdefault(one.reason, {}).setdefault(judge, []).append(words(name))
    for reason, by_judge in found.items():
        names = list(dict.fromkeys(name for some in by_judge.values() for name in some))
        whose = "" if len(by_judge) == len(judges) else f" of {', '.join(plain(judge) for judge in by_judge)}"
        yield f"{', '.join(names)}{whose}: {reason}"
