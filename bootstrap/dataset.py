"""The dataset of a run: rows of its complete sets, split by video.

    DIR/README.md                        the dataset card
        dataset.json                     settings and counts
        {train,validation,test}/
            items.jsonl                  workbench Items: one response, or a pair
            judgments.jsonl              the target Judgment (judge "target") of every item, in the same order
            facts.jsonl, world.json      where the seeds are of a world folder: its facts about this split's videos
        parquet/{pointwise,pairwise}/{train,validation,test}.parquet     the same rows as a table

A video is in one split whatever the number of sets: its place depends on its content and the seed alone, so a run that
goes on adds rows and moves none. Pointwise rows are balanced: each set gives one row for each of the five ratings.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from bootstrap.attempts import RatedSet
from bootstrap.rows import Row, set_problem, set_rows
from workbench.errors import InputError
from workbench.schema import Item, content_id
from workbench.store import read_lines

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
PAIR_SHARE = 0.5  # paper, section 1
MARKED_WRONG = "marked as wrong by people"  # why a set makes no rows
SHARES = (0.8, 0.1, 0.1)  # the paper states none


@dataclass(frozen=True)
class DatasetSettings:
    """pair_share: of the ten pairs of a set; seed: of the pairs, their order and the splits; shares: of the videos that
    go to train, validation and test."""

    pair_share: float = PAIR_SHARE
    seed: int = 0
    shares: tuple[float, ...] = SHARES

    def __post_init__(self):
        if not 0 <= self.pair_share <= 1:
            raise InputError(f"pair-share: got {self.pair_share}, expected 0 (no pairs) to 1 (all of them).")
        if len(self.shares) != len(SPLITS) or min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-6:
            got = ", ".join(f"{share:g}" for share in self.shares)
            raise InputError(
                f"split: got the shares {got}, expected three from 0 that sum to 1, such as 0.8, 0.1, 0.1."
            )


class Dataset(NamedTuple):
    """Rows by split; how many sets made them, and why the others made none."""

    settings: DatasetSettings
    rows: Mapping[Split, list[Row]]
    sets: int
    left_out: Counter


def build_dataset(
    sets: Iterable[RatedSet], settings: DatasetSettings, rubrics: Mapping[str, str], wrong: Collection[str] = ()
) -> Dataset:
    """The rows of all sets that make some; `rubrics` by the id of the seed, `wrong` the ids of seeds whose sets are left
    out because people marked them as wrong. Raises InputError where none makes any."""
    rows: dict[Split, list[Row]] = {split: [] for split in SPLITS}
    used, left_out = 0, Counter()
    for rated_set in sets:
        if problem := set_problem(rated_set) or (MARKED_WRONG if rated_set.seed.id in wrong else None):
            left_out[problem] += 1
            continue
        split, rubric = split_of(rated_set.seed, settings), rubrics.get(rated_set.seed.id)
        rows[split] += set_rows(rated_set, split, rubric, settings.pair_share, settings.seed)
        used += 1
    if not used:
        told = ", ".join(f"{reason}: {count}" for reason, count in left_out.items()) or "none finished"
        raise InputError(f"dataset: got no complete set ({told}), expected at least one; let the run go on.")
    return Dataset(settings, rows, used, left_out)


def split_of(seed: Item, settings: DatasetSettings) -> Split:
    """The split of a seed's video; a seed without a video counts as one of its own."""
    video = seed.video.sha256 if seed.video else seed.id
    place = int(content_id([settings.seed, "split", video]), 16) / 16**16
    for split, share in zip(SPLITS, settings.shares, strict=True):
        if place < share:
            return split
        place -= share
    return SPLITS[settings.shares.index(max(settings.shares))]  # rounding in the sum of the shares


def dataset_counts(dataset: Dataset) -> dict[str, Any]:
    """What is in the dataset: by split, kind and rating; pairs by rating; rationales, rubrics."""
    every = [row for split in SPLITS for row in dataset.rows[split]]
    pairs = [row for row in every if row.item.kind == "pairwise"]
    return {
        "sets": dataset.sets,
        "left_out": dict(dataset.left_out),
        "splits": {split: _split_counts(dataset.rows[split]) for split in SPLITS},
        "pairs": dict(sorted(Counter("-".join(sorted(row.item.tags["rating"].split(","))) for row in pairs).items())),
        "a_is_better": sum(row.judgment.choice == "A" for row in pairs),
        "hard_pairs": sum(row.item.tags["hard"] == "yes" for row in pairs),
        "rationales": dict(Counter(row.judgment.settings["rationale"] for row in every if row.item.kind == "pointwise")),
        "rubrics": len({row.item.tags["seed"] for row in every if row.judgment.rubric}),
        "given_otherwise": sum(row.judgment.settings.get("given", row.judgment.score) != row.judgment.score for row in every),
    }  # fmt: skip


def _split_counts(rows: list[Row]) -> dict[str, Any]:
    pointwise = [row for row in rows if row.item.kind == "pointwise"]
    return {
        "videos": len({row.item.video.sha256 for row in rows if row.item.video}),
        "instructions": len({row.item.tags["seed"] for row in rows}),
        "pointwise": len(pointwise),
        "by_rating": dict(sorted(Counter(row.item.tags["rating"] for row in pointwise).items())),
        "pairwise": len(rows) - len(pointwise),
    }


# -- writing


def claim_folder(folder: Path, record: Mapping[str, Any]) -> None:
    """Take a new or empty folder for this dataset, or the one that was made with the same settings.

    Raises InputError for a folder with anything else in it.
    """
    path = folder / "dataset.json"
    if path.is_file():
        there = json.loads(path.read_text(encoding="utf-8")).get("made_by")
        if there != json.loads(json.dumps(record)):
            raise InputError(f"{folder} holds a dataset with other settings; name another folder, or delete that one.")
        return
    if folder.exists() and (not folder.is_dir() or any(one.name != "rubrics.jsonl" for one in folder.iterdir())):
        raise InputError(f"{folder} is there already and is no dataset; name a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    write_record(folder, record, {})


def write_record(folder: Path, record: Mapping[str, Any], counts: Mapping[str, Any]) -> None:
    """Write dataset.json: what the dataset is made by, and what is in it."""
    text = json.dumps({"made_by": dict(record), "counts": dict(counts)}, indent=2)
    (folder / "dataset.json").write_text(text + "\n", encoding="utf-8")


def write_workbench(folder: Path, dataset: Dataset) -> None:
    """Write the folders of the splits: what `training` reads, and any tool of the workbench."""
    worlds = sorted({world for rows in dataset.rows.values() for row in rows if (world := world_of(row.item))})
    for split, rows in dataset.rows.items():
        place = folder / split
        place.mkdir(exist_ok=True)
        write_lines(place / "items.jsonl", (row.item.to_dict() for row in rows))
        write_lines(place / "judgments.jsonl", (row.judgment.to_dict() for row in rows))
        if worlds:
            videos = {row.item.video.sha256 for row in rows if row.item.video}
            facts = (line for world in worlds for line in read_lines(world / "facts.jsonl") if line["sha256"] in videos)
            write_lines(place / "facts.jsonl", facts)
            (place / "world.json").write_bytes((worlds[0] / "world.json").read_bytes())


def world_of(item: Item) -> Path | None:
    """The world folder that an item's clip is of; None for any other video."""
    path = item.video.path if item.video else None
    folder = Path(path).parent.parent if path else None
    return folder if folder and (folder / "world.json").is_file() else None


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> int:
    """Write JSON Lines; the file appears when it is complete. Returns the number of lines."""
    draft, count = path.with_name(path.name + ".partial"), 0
    with draft.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, allow_nan=False) + "\n")
            count += 1
    draft.replace(path)
    return count


def settings_record(settings: DatasetSettings) -> dict[str, Any]:
    """The settings as dataset.json keeps them."""
    return {**asdict(settings), "shares": list(settings.shares)}


def rows_of_kind(rows: Iterable[Row], kind: str) -> Iterator[Row]:
    """The rows with one response ("pointwise") or two ("pairwise")."""
    return (row for row in rows if row.item.kind == kind)
