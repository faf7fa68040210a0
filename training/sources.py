"""Rows of any folder that holds items.jsonl and judgments.jsonl: exported datasets, runs, worlds; none silently lost."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from training.recipes import DataOptions
from training.rows import Example, read_records
from workbench.errors import InputError
from workbench.schema import Item, Judgment, Video, content_id

TRAIN, VALIDATION = "train", "validation"


@dataclass
class LeftOut:
    """What is not trained on, row by row, with the reason."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def add(self, item: str, reason: str, **more: Any) -> None:
        self.lines.append({"item": item, "reason": reason, **more})

    @property
    def counts(self) -> dict[str, int]:
        """By reason, without what is peculiar to a row."""
        return dict(Counter(line["reason"].partition(":")[0] for line in self.lines))


def split_folders(folders: Sequence[Path], split: str) -> list[Path]:
    """The folders that hold a split's rows: SPLIT/ inside a dataset; a folder of rows by itself is all for training."""
    found = []
    for folder in folders:
        if (folder / split / "items.jsonl").is_file():
            found.append(folder / split)
        elif (folder / "items.jsonl").is_file():
            found += [folder] if split == TRAIN else []
        elif split == TRAIN:
            raise InputError(
                f"data: got {folder}, which has neither train/items.jsonl nor items.jsonl; give a dataset of "
                "`python -m bootstrap export`, a run folder, or a world folder."
            )
    return found


def read_folders(folders: Iterable[Path], options: DataOptions, left_out: LeftOut) -> list[Example]:
    """The scored judgments with their items, in the folders' order, once each."""
    seen: set[str] = set()
    examples = []
    for folder in folders:
        items = {item.id: item for item in read_records(folder / "items.jsonl", Item)}
        for judgment in _last_of_each_key(read_records(folder / "judgments.jsonl", Judgment)):
            problem = _problem(items.get(judgment.item), judgment, folder, options)
            mark = content_id([judgment.item, judgment.judge, judgment.score, judgment.choice, judgment.ranking])
            if problem:
                left_out.add(judgment.item, problem)
            elif mark not in seen:
                seen.add(mark)
                examples.append(Example(_with_path(items[judgment.item], folder), judgment))
    return examples


def _last_of_each_key(judgments: Iterable[Judgment]) -> list[Judgment]:
    return list({judgment.key: judgment for judgment in judgments}.values())


def _problem(item: Item | None, judgment: Judgment, folder: Path, options: DataOptions) -> str | None:
    """Why a judgment makes no row; None for one that does."""
    if not judgment.judge.startswith(options.judges):
        return f"not a judge to learn from: {judgment.judge}"
    if judgment.status != "scored":
        return f"not scored: {judgment.status}"
    if item is None:
        return "no such item"
    if not options.negatives and "negative" in item.tags:
        return "a temporal negative"
    if item.video is None:
        return "no video"
    if _path(item.video, folder) is None:
        return f"video not found: {item.video.path}"
    return None


def _path(video: Video, folder: Path) -> Path | None:
    """Where the file is: beside the rows (as in a world), above them (a split of one), or where the path leads."""
    for place in (folder / (video.path or ""), folder.parent / (video.path or ""), Path(video.path or "")):
        if video.path and place.exists():
            return place
    return None


def _with_path(item: Item, folder: Path) -> Item:
    assert item.video is not None
    return replace(item, video=Video(item.video.sha256, str(_path(item.video, folder))))
