"""Seeds: (video, instruction, gold response) as Items whose one response, and reference, is the gold response.

    OUT/items.jsonl     the seeds
        dropped.jsonl   rows that became none, with the reason; not those that were passed over or not sampled
        report.json     settings, and how many rows were read, kept, and dropped for which reason, by source

From the sources' rows in order: those that hold no exchange are dropped, then those whose video is not there, then
near-duplicate instructions about the same video, across sources; of the rest a seeded sample is taken.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from bootstrap.chats import make_seed
from bootstrap.near_duplicates import PERMUTATIONS, THRESHOLD, near_duplicates
from bootstrap.sources import Dropped, Exchange, read_source
from workbench.errors import InputError
from workbench.permissions import may_read_video
from workbench.schema import Item, content_id
from workbench.tables import VideoFinder
from workbench.video import VideoLimits

UNLISTED = ("not sampled", "not a gold response")


class SeedSet(NamedTuple):
    """The seeds, the rows that became none, and the number of rows read by source."""

    seeds: list[Item]
    dropped: list[Dropped]
    read: Counter


def collect_seeds(
    sources: Sequence[str],
    *,
    videos: Path | None = None,
    count: int | None = None,
    seed: int = 0,
    threshold: float = THRESHOLD,
) -> SeedSet:
    """Seeds from the sources' rows.

    Args:
        sources: as `bootstrap.sources` reads them.
        videos: the folder with the videos; only sources that name their files by path can do without.
        count: sample so many at most; None keeps all. Which are taken depends on `seed` and on each row's own content,
            not on the order of the rows.
        threshold: Jaccard similarity from which an instruction repeats another one about the same video.

    Raises InputError for a source that cannot be read, and when videos are looked for by name and no folder is given.
    """
    read: Counter = Counter()
    dropped: list[Dropped] = []
    found: list[tuple[Exchange, Path]] = []
    for spec in sources:
        index = VideoIndex(_start(spec, videos), anywhere=videos is None)
        for row in read_source(spec):
            read[row.source] += 1
            path = None if isinstance(row, Dropped) else index.find(row.video)
            if isinstance(row, Dropped):
                dropped.append(row)
            elif path is None:
                dropped.append(Dropped(row.source, row.row, "no video file", row.video))
            else:
                found.append((row, path))
    found = list(_different(found, threshold, dropped))
    found = list(_sampled(found, count, seed, dropped))
    return SeedSet(list(_hashed(found, dropped)), dropped, read)


def write_seeds(out: Path, seed_set: SeedSet, settings: dict[str, Any]) -> dict[str, Any]:
    """Write the seeds and the report. Returns the report. Raises InputError where the folder holds seeds already."""
    if (out / "items.jsonl").exists():
        raise InputError(f"{out} holds items already; name a new folder.")
    out.mkdir(parents=True, exist_ok=True)
    report = {**settings, **_counts(seed_set)}
    listed = [row._asdict() for row in seed_set.dropped if row.reason not in UNLISTED]
    _write_lines(out / "dropped.jsonl", listed)
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    write_items(out / "items.jsonl", seed_set.seeds)
    return report


def read_seeds(path: Path) -> SeedSet:
    """The seeds of an items.jsonl file, or of the folder it is in; any workbench Items with gold responses will do.

    The videos' content is taken as the Items tell it, and not looked at. Raises InputError where there is none, and in a
    job of somebody's where one is not theirs.
    """
    file = path / "items.jsonl" if path.is_dir() else path
    rows = list(read_source(f"items={file}"))
    dropped = [row for row in rows if isinstance(row, Dropped)]
    seeds = [_seed(row) for row in rows if isinstance(row, Exchange)]
    seeds = [_at(seed, file.parent) for seed in seeds]
    for seed in seeds:
        if seed.video and seed.video.path and not may_read_video(seed.video.path):
            raise InputError(
                f"{file}: got a video that is no upload or run of your own; this page reads no other files."
            )
    if not seeds:
        raise InputError(f"{file}: none of its {len(rows)} rows holds a video and a gold response; make seeds first.")
    return SeedSet(seeds, dropped, Counter(items=len(rows)))


def write_items(path: Path, items: Iterable[Item]) -> None:
    """Write Items as JSON Lines; the file appears when it is complete."""
    partial = path.with_name(path.name + ".partial")
    _write_lines(partial, (item.to_dict() for item in items))
    partial.replace(path)


# -- videos


class VideoIndex:
    """The videos of a folder by path, or by name with or without an ending; nothing outside of it is found.

    With `anywhere` the names are paths that may lead anywhere: those of the user's own file.
    """

    ENDINGS = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".gif")

    def __init__(self, folder: Path, anywhere: bool = False):
        self.folder, self.anywhere = folder.resolve(), anywhere
        if not anywhere and not folder.is_dir():
            raise InputError(f"videos: {folder} is no folder; give the folder that the videos are in.")

    def find(self, name: str) -> Path | None:
        """The file of this name; None where there is none."""
        path = (self.folder / name).resolve()
        if path.is_file() and (self.anywhere or path.is_relative_to(self.folder)):
            return path
        if self.anywhere:
            return None
        return self._by_stem.get(Path(name).name) or self._by_stem.get(Path(name).stem)

    @cached_property
    def _by_stem(self) -> dict[str, Path]:
        files = sorted(path for path in self.folder.rglob("*") if path.suffix.lower() in self.ENDINGS)
        return {path.stem: path for path in reversed(files)}


def _start(spec: str, videos: Path | None) -> Path:
    """Where the paths of a source start: the folder given, else the source's own."""
    name, _, file = spec.partition("=")
    if videos is None and name not in ("items", "table"):
        raise InputError(f"{name}: it names videos, but they are not part of it; give their folder with --videos.")
    return videos if videos is not None else Path(file).parent


# -- from exchanges to seeds


def _different(
    found: list[tuple[Exchange, Path]], threshold: float, dropped: list[Dropped]
) -> Iterator[tuple[Exchange, Path]]:
    by_video: dict[Path, list[int]] = defaultdict(list)
    for place, (_, path) in enumerate(found):
        by_video[path].append(place)
    repeated: dict[int, int] = {}
    for places in by_video.values():
        same = near_duplicates([found[place][0].instruction for place in places], threshold)
        repeated |= {places[one]: places[other] for one, other in same.items()}
    for place, (exchange, path) in enumerate(found):
        if place not in repeated:
            yield exchange, path
            continue
        kept = found[repeated[place]][0]
        detail = f"row {kept.row} of {kept.source} asks {kept.instruction!r:.200}"
        dropped.append(Dropped(exchange.source, exchange.row, "near-duplicate instruction", detail))


def _sampled(
    found: list[tuple[Exchange, Path]], count: int | None, seed: int, dropped: list[Dropped]
) -> Iterator[tuple[Exchange, Path]]:
    if count is None or count >= len(found):
        yield from found
        return
    ranks = [content_id([seed, path.name, one.instruction, one.gold]) for one, path in found]
    taken = set(sorted(range(len(found)), key=ranks.__getitem__)[:count])
    for place, (exchange, path) in enumerate(found):
        if place in taken:
            yield exchange, path
        else:
            dropped.append(Dropped(exchange.source, exchange.row, "not sampled"))


def _hashed(found: list[tuple[Exchange, Path]], dropped: list[Dropped]) -> Iterator[Item]:
    finder = VideoFinder(Path(), VideoLimits())
    for exchange, path in found:
        try:
            video = finder.find(str(path))
        except InputError as error:
            dropped.append(Dropped(exchange.source, exchange.row, "video refused", str(error)))
            continue
        yield replace(_seed(exchange), video=video)


def _seed(exchange: Exchange) -> Item:
    """The seed of an exchange; an Item's description and tags are kept."""
    item = exchange.item or Item(None, exchange.instruction, (exchange.gold,))
    tags = {"source": exchange.source, "row": str(exchange.row), **item.tags}
    return make_seed(replace(item, tags=tags), exchange.gold)


def _at(seed: Item, folder: Path) -> Item:
    """The seed with its video's path as seen from anywhere."""
    assert seed.video is not None and seed.video.path is not None
    path = (folder / seed.video.path).resolve()
    return replace(seed, video=replace(seed.video, path=str(path)))


def _counts(seed_set: SeedSet) -> dict[str, Any]:
    by_source: dict[str, Counter] = defaultdict(Counter)
    for row in seed_set.dropped:
        by_source[row.source][row.reason] += 1
    return {
        "read": sum(seed_set.read.values()),
        "kept": len(seed_set.seeds),
        "videos": len({seed.video.sha256 for seed in seed_set.seeds if seed.video}),
        "dropped": dict(sum(by_source.values(), Counter())),
        "by_source": {name: {"read": seed_set.read[name], **by_source[name]} for name in seed_set.read},
        "permutations": PERMUTATIONS,
    }


def _write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
