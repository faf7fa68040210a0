"""Labels of a run's own items: each row of the table is found again among them by its texts, and where several items have
the same, by the name of its video. Videos are not opened."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from analysis.benchmarks.entries import SHOWN_CHARACTERS, Entry
from workbench.columns import SYNONYMS
from workbench.schema import Item
from workbench.store import Run
from workbench.tables import Rejected

Texts = tuple[str, tuple[str, ...]]


def of_run(entries: Iterable[Entry], folder: Path, rejected: list[Rejected]) -> list[Entry]:
    """The entries with the run's items in the place of theirs, their judgments moved along; rows that are of no item of the
    run, or of several, are put among the rejected. Raises StoreError where the folder is no run."""
    by_texts: dict[Texts, list[Item]] = defaultdict(list)
    for item in Run.open(folder).items().values():
        by_texts[_texts(item)].append(item)
    found = []
    for entry in entries:
        items = _same_video(by_texts.get(_texts(entry.item), ()), entry.item)
        if len(items) == 1:
            found.append(_moved(entry, items[0]))
        else:
            rejected.append(
                Rejected(int(entry.item.tags["row"]), None, _why_not(folder, len(items)), _shown(entry.item))
            )
    return found


def _texts(item: Item) -> Texts:
    return " ".join(item.instruction.split()), tuple(" ".join(response.split()) for response in item.responses)


def _same_video(items: Sequence[Item], row: Item) -> Sequence[Item]:
    """Of several items, those whose video has the name that the row gives."""
    names = set(filter(None, map(_name, _said(row.tags))))
    if len(items) < 2 or not names:
        return items
    return [item for item in items if names & set(map(_name, [_path(item), *_said(item.tags)])) - {""}]


def _said(tags: Mapping[str, str]) -> list[str]:
    """What the columns say that videos are usually called by."""
    return [text for name, text in tags.items() if name.strip().casefold().replace(" ", "_") in SYNONYMS["video"]]


def _path(item: Item) -> str:
    return (item.video.path or "") if item.video else ""


def _name(path: str) -> str:
    return Path(path.replace("\\", "/")).stem


def _moved(entry: Entry, item: Item) -> Entry:
    item = replace(item, tags={**item.tags, "row": entry.item.tags["row"]})
    return Entry(item, tuple(replace(judgment, item=item.id) for judgment in entry.judgments))


def _why_not(folder: Path, count: int) -> str:
    if not count:
        return f"no item of the run {folder.name} has this instruction and these responses; label the table that was judged."
    return f"{count} items of the run {folder.name} have these texts; give the name of the video in a column “video”."


def _shown(item: Item) -> str:
    return f"{item.instruction} {' | '.join(item.responses)}"[:SHOWN_CHARACTERS]
