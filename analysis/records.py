"""Run folders read for measuring: of every judgment what statistics need, of every item what it is about.

Replies, reasonings and frames stay on the disk: a line is read, checked, shortened and let go.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import InputError
from workbench.judge import PairOutcome
from workbench.schema import Item, Judgment, Kind, Status, Video, content_id
from workbench.store import Run, read_lines

# Settings that say which request it was, and not how the judge was set: orders, and the places of a bootstrap run.
OF_ONE_REQUEST = ("order", "seed", "target", "round", "position")


class ItemFacts(NamedTuple):
    """What an item is about. `video` is what intervals draw: the video's hash, else what stands in for it (its name in the
    tag "video", else the description that is read in its place), else the question.

    `question` stands for video and instruction, `responses` for each response to it: equal across items, whatever else
    they hold, so that a response rated alone is found again in a pair.
    """

    kind: Kind
    video: str
    question: str
    responses: tuple[str, ...]
    tags: Mapping[str, str]


class Column(NamedTuple):
    """One judge as measured: a judge's name with a prompt and settings (all but the order of the responses)."""

    judge: str
    prompt: str
    settings: Mapping[str, Any]


class Verdict(NamedTuple):
    """One judgment, shortened. `column` is its place in Records.columns."""

    item: str
    column: int
    sample: int
    status: Status
    score: float | None
    choice: PairOutcome | None
    ranking: tuple[int, ...] | None
    order: tuple[int, ...] | None
    probs: Mapping[str, float] | None


class Records(NamedTuple):
    """Everything that the runs hold: items by id, verdicts (the last line of a key), the judges they are of.

    `scales` are lowest and highest rating by prompt, of the prompts that the runs keep.
    """

    items: dict[str, ItemFacts]
    verdicts: list[Verdict]
    columns: list[Column]
    scales: Mapping[str, tuple[float, float]] = {}

    def of(self, columns: Iterable[int]) -> list[Verdict]:
        """The verdicts of some columns."""
        wanted = set(columns)
        return [verdict for verdict in self.verdicts if verdict.column in wanted]


def read_runs(folders: Sequence[str | Path]) -> Records:
    """Read run folders as one set. Of equal judgments (same key) the last one read counts.

    Raises StoreError for a folder that is no run, InputError for a line that is no record, naming file and line.
    """
    runs = [Run.open(folder) for folder in folders]
    items = {item.id: item_facts(item) for run in runs for item in _items(run)}
    found = records_of(items, (judgment for run in runs for judgment in _judgments(run)))
    return found._replace(scales={name: scale for run in runs for name, scale in _prompt_scales(run)})


def _prompt_scales(run: Run) -> Iterator[tuple[str, tuple[float, float]]]:
    for prompt in run.head()["prompts"]:
        form = prompt.get("form", {})
        if "low" in form and "high" in form:
            yield prompt["id"], (float(form["low"]), float(form["high"]))


def records_of(items: Mapping[str, ItemFacts], judgments: Iterable[Judgment]) -> Records:
    """Records of judgments in the order they were made."""
    columns: dict[str, int] = {}
    known: list[Column] = []
    last: dict[tuple, Verdict] = {}
    for judgment in judgments:
        settings = {name: value for name, value in judgment.settings.items() if name not in OF_ONE_REQUEST}
        mark = json.dumps([judgment.judge, judgment.prompt, settings], sort_keys=True)
        if mark not in columns:
            columns[mark] = len(known)
            known.append(Column(judgment.judge, judgment.prompt, settings))
        verdict = _shortened(judgment, columns[mark])
        key = verdict.item, verdict.column, verdict.order, verdict.sample  # as Judgment.key, without the hash
        last.pop(key, None)  # its place is that of its last line: whoever labels again after all else, says that last
        last[key] = verdict
    return Records(dict(items), list(last.values()), known)


def item_facts(item: Item) -> ItemFacts:
    """What statistics need of an item."""
    video = _identity(item)
    question = content_id([video, item.instruction])
    responses = tuple(content_id([question, response]) for response in item.responses)
    return ItemFacts(item.kind, video or question, question, responses, item.tags)


def _identity(item: Item) -> str | None:
    if item.video:
        return item.video.sha256
    if name := item.tags.get("video"):  # a benchmark without its files names them
        return named_video(name).sha256
    return content_id(["description", item.description]) if item.description else None


def named_video(name: str) -> Video:
    """What stands in for a video of which only the name is known: equal names, equal videos."""
    return Video(content_id(["named", name], 64))


def _shortened(judgment: Judgment, column: int) -> Verdict:
    order = judgment.settings.get("order")
    return Verdict(judgment.item, column, judgment.sample, judgment.status, judgment.score, judgment.choice,
                   judgment.ranking, tuple(order) if order else None, judgment.probs)  # fmt: skip


def _items(run: Run) -> Iterator[Item]:
    yield from _checked(run, "items.jsonl", Item.from_dict)


def _judgments(run: Run) -> Iterator[Judgment]:
    yield from _checked(run, "judgments.jsonl", Judgment.from_dict)


def _checked(run: Run, name: str, read: Any) -> Iterator[Any]:
    path = run.folder / name
    for number, line in enumerate(read_lines(path), 1):
        try:
            yield read(line)
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from error


# -- names of judges


def labels(records: Records) -> list[str]:
    """A name for every column: the judge's, with whatever tells its columns apart in brackets."""
    by_judge: dict[str, list[int]] = {}
    for place, column in enumerate(records.columns):
        by_judge.setdefault(column.judge, []).append(place)
    names = [column.judge for column in records.columns]
    for judge, places in by_judge.items():
        if len(places) > 1:
            flat = [_flat(records.columns[place]) for place in places]
            differing = [name for name in dict.fromkeys(n for one in flat for n in one)
                         if len({one.get(name) for one in flat}) > 1]  # fmt: skip
            for place, one in zip(places, flat, strict=True):
                told = ", ".join(_told(name, one.get(name)) for name in differing)
                names[place] = f"{judge} [{told}]"
    return names


def _told(name: str, value: str | None) -> str:
    return str(value) if name == "prompt" else f"{name.rpartition('.')[2]}={value}"


def _flat(column: Column) -> dict[str, str]:
    found = {"prompt": column.prompt}

    def add(prefix: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                add(f"{prefix}.{name}" if prefix else name, inner)
        else:
            found[prefix] = json.dumps(value)

    add("", column.settings)
    return found


def gold_columns(records: Records, gold: str) -> dict[str, list[int]]:
    """The columns of the gold labels, by judge: `gold` is "human" (all people), "target", or a judge's name or label.

    Raises InputError, naming the judges there are, where nobody is called that.
    """
    names = labels(records)
    found: dict[str, list[int]] = {}
    for place, column in enumerate(records.columns):
        if gold in (column.judge, names[place]) or (gold == "human" and column.judge.startswith("human:")):
            found.setdefault(names[place] if gold == names[place] else column.judge, []).append(place)
    if not found:
        there = ", ".join(dict.fromkeys(names)) or "none"
        raise InputError(f"--gold: got {gold!r}, expected human, target or a judge of these runs; there are: {there}.")
    return dict(sorted(found.items()))


def judge_columns(records: Records, gold: str) -> dict[str, int]:
    """The columns to be measured, by label: all that are not the gold."""
    taken = {place for places in gold_columns(records, gold).values() for place in places}
    names = labels(records)
    return {names[place]: place for place in range(len(names)) if place not in taken}
