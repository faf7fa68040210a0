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
    """What is not trained on, row by row, with the reason; rows that were not drawn stand in one line a prompt.

    The lines of the validation set stand among those of the training set and name it.
    """

    lines: list[dict[str, Any]] = field(default_factory=list)
    part: str = TRAIN

    @property
    def validation(self) -> "LeftOut":
        """The same list, for rows of the validation set."""
        return LeftOut(self.lines, VALIDATION)

    def add(self, item: str, reason: str, **more: Any) -> None:
        self._note({"item": item, "reason": reason, **more})

    def add_not_drawn(self, prompt: str, rows: int, of: int, why: str) -> None:
        """Rows that could have been taken."""
        self._note({"prompt": prompt, "rows": rows, "of": of, "reason": f"not drawn: {why}"})

    def _note(self, line: dict[str, Any]) -> None:
        self.lines.append(line if self.part == TRAIN else {"set": self.part, **line})

    @property
    def _mine(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("set", TRAIN) == self.part]

    @property
    def counts(self) -> dict[str, int]:
        """By reason, without what is peculiar to a row."""
        found: Counter[str] = Counter()
        for line in self._mine:
            found[line["reason"].partition(":")[0]] += line.get("rows", 1)
        return dict(found)

    def sentences(self) -> list[str]:
        """What to say of it: a line a reason, and one a prompt for the rows that were not drawn."""
        of = "" if self.part == TRAIN else f" of {self.part}"
        drawn = [line for line in self._mine if "rows" in line]
        said = [f"{count} rows, {reason}" for reason, count in self.counts.items() if reason != "not drawn"]
        said += [f"{line['rows']} of {line['of']} rows of {line['prompt']!r}, {line['reason']}" for line in drawn]
        return [f"left out{of}: {each}" for each in said]


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
    """The scored judgments with their items, in the folders' order, once each verdict: the one with most beside it."""
    found: dict[str, Example] = {}
    for folder in folders:
        items = {item.id: item for item in read_records(folder / "items.jsonl", Item)}
        for judgment in _last_of_each_key(read_records(folder / "judgments.jsonl", Judgment)):
            problem = _problem(items.get(judgment.item), judgment, folder, options)
            if problem:
                left_out.add(judgment.item, problem)
                continue
            verdict = [judgment.score, judgment.choice, judgment.ranking, dict(judgment.criteria or {})]
            mark = content_id([judgment.item, judgment.judge, verdict])
            if mark in found:
                left_out.add(judgment.item, "duplicate: the same verdict by the same judge, with no more beside it")
            if mark not in found or _beside(judgment) > _beside(found[mark].target):
                found[mark] = Example(_with_path(items[judgment.item], folder), judgment)
    return list(found.values())


def _beside(judgment: Judgment) -> int:
    """How much a verdict has beside it: a rubric, a rationale."""
    return sum(bool((text or "").strip()) for text in (judgment.rubric, judgment.reasoning))


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
