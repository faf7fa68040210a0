"""A benchmark's file becomes a run folder: items.jsonl, the gold judgments, and rejected.jsonl with every row that could
not be used. `python -m workbench judge --items RUN` judges the items into the same folder."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from analysis.benchmarks import Benchmark, read_benchmark
from analysis.benchmarks.beside import of_run
from analysis.benchmarks.entries import SHOWN_CHARACTERS, Entry, Source
from analysis.records import named_video
from workbench.errors import InputError
from workbench.schema import Item, Judgment
from workbench.store import Run
from workbench.tables import Rejected
from workbench.verdict_text import verdict
from workbench.video import sha256_of

LISTED = 10  # rejected rows that are shown
LONGEST = 200  # characters of a reason that are shown


class Imported(NamedTuple):
    """What came of an import."""

    run: Run
    benchmark: Benchmark
    items: int
    judges: Mapping[str, int]  # judgments by gold judge
    rejected: list[Rejected]
    has_videos: bool

    def lines(self) -> list[str]:
        """What the command shows."""
        told = ", ".join(f"{count} by {judge}" for judge, count in self.judges.items())
        lines = [f"{self.benchmark.name}: {self.items} items; gold judgments: {told or 'none'}"]
        lines += [f"  {_place(one)}: {one.reason[:LONGEST]}" for one in self.rejected[:LISTED]]
        if self.rejected:
            lines.append(
                f"  {len(self.rejected)} rows rejected; the reasons are in {self.run.folder / 'rejected.jsonl'}"
            )
        if not self.has_videos:
            lines.append("  no videos: judges that read text or references can judge it; for others name --videos DIR")
        lines.append(f"  licence: {self.benchmark.licence}")
        return [*lines, f"run folder: {self.run.folder}",
                f"judge it:   python -m workbench judge --items {self.run.folder} --judge SPEC"]  # fmt: skip


def _place(one: Rejected) -> str:
    return f"row {one.row}" + (f" (line {one.line})" if one.line else "")


def import_run(
    benchmark: Benchmark,
    data: Path,
    out: Path,
    *,
    videos: Path | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
    encoding: str | None = None,
    no_video: bool = False,
    beside: Path | None = None,
    command: str = "",
) -> Imported:
    """Read `data` into the run folder `out`; the same import again adds nothing twice.

    Items of equal texts about differently named videos are told apart by the names, where there are no files. Of two labels
    that one judge gives one item the first is kept, and the row of the other rejected. With `beside`, a run folder, the
    labels are of that run's items (see `of_run`).

    Raises InputError when no row can be used, StoreError when the folder holds another run.
    """
    source = Source(benchmark.name, data, videos, columns or {}, encoding, no_video)
    rejected: list[Rejected] = []
    read = list(_keeping(read_benchmark(benchmark, source), rejected))
    entries = of_run(read, beside, rejected) if beside else _told_apart(read)
    if not entries:
        first = f"row {rejected[0].row}: {rejected[0].reason}" if rejected else "it has no rows"
        raise InputError(f"{data.name}: no row can be used; {first}")
    run = Run.create_or_resume(
        out, config=_config(source) | ({"beside": beside.name} if beside else {}), command=command
    )
    with run.writing():
        items: dict[str, Item] = {}
        for item, _ in entries:
            items.setdefault(item.id, item)
        judgments = _first_said(entries, rejected)
        known = {judgment.key for judgment in run.judgments()}
        for judgment in judgments:
            if judgment.key not in known:
                run.append(judgment)
        run.add_items(items.values())
        run.add_rejected(one._asdict() for one in rejected)
        run.finish()
    judges = Counter(judgment.judge for judgment in judgments)
    has_videos = any(item.video and item.video.path for item in items.values())
    return Imported(run, benchmark, len(items), dict(sorted(judges.items())), rejected, has_videos)


def _config(source: Source) -> dict[str, object]:
    """What run.json keeps: `imported` marks a run that any judge may judge into."""
    return {
        "imported": source.name,
        "file": source.path.name,
        "sha256": sha256_of(source.path),
        "columns": {role: list(names) for role, names in source.columns.items()},
        "videos": str(source.videos) if source.videos else None,
    }


def _told_apart(entries: list[Entry]) -> list[Entry]:
    """The entries; of those with one item and several names of videos, each with the stand-in of its video."""
    names: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        names[entry.item.id].add(entry.item.tags.get("video", ""))
    return [_with_stand_in(entry) if len(names[entry.item.id]) > 1 else entry for entry in entries]


def _with_stand_in(entry: Entry) -> Entry:
    name = entry.item.tags.get("video")
    if entry.item.video or not name:
        return entry
    item = replace(entry.item, video=named_video(name))
    return Entry(item, tuple(replace(judgment, item=item.id) for judgment in entry.judgments))


def _first_said(entries: Iterable[Entry], rejected: list[Rejected]) -> list[Judgment]:
    """Every judge's first label of an item; rows with another one are put among the rejected."""
    found: dict[str, tuple[Judgment, str]] = {}
    for item, judgments in entries:
        for judgment in judgments:
            first, row = found.setdefault(judgment.key, (judgment, item.tags["row"]))
            if verdict(first) != verdict(judgment):
                reason = (
                    f"{judgment.judge} says {verdict(judgment)} here and {verdict(first)} of the same item in row {row}: the "
                    "first counts; if it is another video or annotator, name the column that says so"
                )
                rejected.append(Rejected(int(item.tags["row"]), None, reason, _shown(item)))
    return [judgment for judgment, _ in found.values()]


def _shown(item: Item) -> str:
    return json.dumps(item.to_dict(), ensure_ascii=False)[:SHOWN_CHARACTERS]


def _keeping(read: Iterable[Entry | Rejected], rejected: list[Rejected]) -> Iterator[Entry]:
    for one in read:
        if isinstance(one, Rejected):
            rejected.append(one)
        else:
            yield one
