"""A benchmark's file becomes a run folder: items.jsonl, the gold judgments, and rejected.jsonl with every row that could
not be used. `python -m workbench judge --items RUN` judges the items into the same folder."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from analysis.benchmarks import Benchmark, read_benchmark
from analysis.benchmarks.entries import Entry, Source
from workbench.errors import InputError
from workbench.schema import Judgment
from workbench.store import Run
from workbench.tables import Rejected
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
    command: str = "",
) -> Imported:
    """Read `data` into the run folder `out`; the same import again adds nothing twice.

    Raises InputError when no row can be used, StoreError when the folder holds another run.
    """
    source = Source(benchmark.name, data, videos, columns or {}, encoding, no_video)
    rejected: list[Rejected] = []
    read = _keeping(read_benchmark(benchmark, source), rejected)
    head = list(islice(read, 1))
    if not head:
        first = f"row {rejected[0].row}: {rejected[0].reason}" if rejected else "it has no rows"
        raise InputError(f"{data.name}: no row can be used; {first}")
    run = Run.create_or_resume(out, config=_config(source), command=command)
    with run.writing():
        known = {judgment.key for judgment in run.judgments()}
        judges: Counter[str] = Counter()
        items = {}
        for entry in _chained(head, read):
            items.setdefault(entry.item.id, entry.item)
            for judgment in entry.judgments:
                judges[judgment.judge] += 1
                _append(run, judgment, known)
        run.add_items(items.values())
        run.add_rejected(one._asdict() for one in rejected)
        run.finish()
    has_videos = any(item.video for item in items.values())
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


def _append(run: Run, judgment: Judgment, known: set[str]) -> None:
    if judgment.key not in known:
        known.add(judgment.key)
        run.append(judgment)


def _keeping(read: Iterable[Entry | Rejected], rejected: list[Rejected]) -> Iterator[Entry]:
    for one in read:
        if isinstance(one, Rejected):
            rejected.append(one)
        else:
            yield one


def _chained(head: list[Entry], rest: Iterator[Entry]) -> Iterator[Entry]:
    yield from head
    yield from rest
