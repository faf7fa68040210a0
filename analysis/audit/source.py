"""What an audit starts from: a run, a folder with items.jsonl, or a table; its items, and what was said of them before."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from analysis.audit.plan import chosen, pairs_of_ratings
from workbench.errors import InputError
from workbench.judge import one_response_each
from workbench.schema import Item, Judgment, Video
from workbench.store import Run, read_lines
from workbench.tables import Rejected, open_table

TARGET, HUMAN = "target", "human"


class Source(NamedTuple):
    """Items rated alone and pairs, gold labels by people or targets, and the verdicts of judges by key.

    `rejected` counts rows of a table that could not be read.
    """

    items: list[Item]
    pairs: list[Item]
    labels: list[Judgment]
    verdicts: dict[str, Judgment]
    rejected: int = 0


def open_source(path: str | Path) -> Source:
    """Read a run folder, any folder with items.jsonl (a world, a dataset), or a table that `judge --items` takes.

    Raises InputError for what is none of these or holds no item.
    """
    path = Path(path)
    rejected = 0
    judgments: list[Judgment] = []
    if (path / "run.json").is_file():
        run = Run.open(path)
        items, judgments = list(run.items().values()), run.judgments()
    elif (path / "items.jsonl").is_file():
        items = [_with_path(Item.from_dict(line), path) for line in read_lines(path / "items.jsonl")]
        judgments = [Judgment.from_dict(line) for line in read_lines(path / "judgments.jsonl")]
    elif path.is_dir():
        raise InputError(f"{path}: got a folder without run.json or items.jsonl, expected a run, a world or a table.")
    else:
        rows = list(open_table(path).rows)
        rejected = sum(isinstance(row, Rejected) for row in rows)
        items = [row for row in rows if isinstance(row, Item)]
    if not items:
        raise InputError(f"{path}: it has no item to audit a judge with; give a set with at least one.")
    return _source(items, judgments, rejected)


def _source(items: list[Item], judgments: Iterable[Judgment], rejected: int) -> Source:
    items = [item for item in items if "audit_probe" not in item.tags]  # twins of an earlier audit
    alone = [item for item in items if item.kind == "pointwise"] or list(one_response_each(items))
    pairs = [item for item in items if item.kind == "pairwise"] or pairs_of_ratings(alone)
    scored = [one for one in judgments if one.status == "scored"]
    return Source(
        _distinct(alone), _distinct(pairs), [one for one in scored if is_gold(one.judge)],
        {one.key: one for one in scored if not is_gold(one.judge)}, rejected,
    )  # fmt: skip


def is_gold(judge: str) -> bool:
    """Whether a judge's word is a label: a person's, or a bootstrap target."""
    return judge in (TARGET, HUMAN) or judge.startswith(f"{HUMAN}:")


def drawn(source: Source, count: int, seed: int) -> Source:
    """`count` items and pairs of it, labelled ones first, with their labels."""
    labelled = {one.item for one in source.labels}
    items, pairs = (chosen([item for item in some if item.id in labelled] or some, count, seed)
                    for some in (source.items, source.pairs))  # fmt: skip
    ids = {item.id for item in (*items, *pairs)}
    return source._replace(items=items, pairs=pairs, labels=[one for one in source.labels if one.item in ids])


def gold_name(labels: Iterable[Judgment]) -> str | None:
    """Whose labels count: people's where there are any, else the targets', else nobody's."""
    judges = {one.judge for one in labels}
    return HUMAN if judges - {TARGET} else TARGET if judges else None


def _distinct(items: Iterable[Item]) -> list[Item]:
    return list({item.id: item for item in items}.values())


def _with_path(item: Item, folder: Path) -> Item:
    """The item with its video's path from the folder, where it is a relative one."""
    if item.video is None or not item.video.path or Path(item.video.path).is_absolute():
        return item
    return replace(item, video=Video(item.video.sha256, str((folder / item.video.path).resolve())))
