"""A case in full: its item and every judgment of it, read from the runs when it is opened."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from workbench.errors import InputError
from workbench.schema import Item, Judgment, Video


class CaseTexts(NamedTuple):
    """The item, with the path of its video as seen from here, and its judgments: the last line of a key."""

    item: Item
    judgments: tuple[Judgment, ...]


def read_case(folders: Sequence[str | Path], item: str) -> CaseTexts:
    """Raises InputError where no run has the item."""
    found = read_texts(folders, [item])
    if not found:
        raise InputError(f"item: got {item!r:.60}, which is in none of these runs.")
    return found[0]


def read_texts(folders: Sequence[str | Path], wanted: Sequence[str]) -> list[CaseTexts]:
    """Several, in the order wanted; items that no run has are left out. Lines about other items are passed over unread."""
    names = set(wanted)
    items: dict[str, Item] = {}
    judgments: dict[str, dict[str, Judgment]] = {}
    for folder in map(Path, folders):
        for line in _lines(folder / "items.jsonl"):
            item = Item.from_dict(line)
            if item.id in names:
                items.setdefault(item.id, with_found_video(item, folder))
        for line in _lines(folder / "judgments.jsonl", names):
            if line.get("item") in names:
                judgment = Judgment.from_dict(line)
                judgments.setdefault(judgment.item, {})[judgment.key] = judgment
    return [CaseTexts(items[name], tuple(judgments.get(name, {}).values())) for name in wanted if name in items]


def _lines(path: Path, names: set[str] | None = None) -> Iterator[dict]:
    """The lines of a file, or those that may name one of some items: the id stands near the front."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n") and (names is None or _id_of(line) in names):
                yield json.loads(line)


def _id_of(line: str) -> str:
    """The item of a judgment's line, which our own writer puts first; of any other line by reading it."""
    if line.startswith('{"item": "'):
        return line[10 : line.index('"', 10)]
    return str(json.loads(line).get("item"))


def with_found_video(item: Item, folder: Path) -> Item:
    """The item with its video's path as seen from here: as written, beside the rows, or above them."""
    if item.video is None or not item.video.path:
        return item
    path = Path(item.video.path)
    places = (path, folder / path, folder.parent / path)
    found = next((place for place in places if place.exists()), None)
    return item if found is None else replace(item, video=Video(item.video.sha256, str(found.resolve())))
