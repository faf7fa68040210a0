"""What a sweep judges: items of a table, a run or the bundled examples, with the labels they have and their clips."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from analysis.sweep_grid import Clip
from workbench.errors import InputError, VideoError
from workbench.judge import one_response_each
from workbench.judge_command import run_items
from workbench.page.examples import Example, load_examples
from workbench.prompts import Prompt
from workbench.schema import Choice, Item, Judgment, Video
from workbench.store import Run
from workbench.tables import Rejected, open_table
from workbench.video import VideoLimits, probe, sha256_of

EXAMPLES = "examples"  # the word for the bundled ones; examples:2 are the first two
CLIPS = "clips.json"


class Source(NamedTuple):
    """Items that fit the prompt, the labels that are there for them, and rows that could not become items."""

    items: list[Item]
    labels: list[Judgment]
    rejected: list[Rejected]


def read_source(name: str, prompt: Prompt, *, videos: str | None = None, limit: int | None = None) -> Source:
    """The items of a run folder, of a table, or of the bundled examples. Raises InputError where none fits the prompt."""
    if (Path(name) / "run.json").is_file():
        items = run_items(Path(name), prompt, limit)
        return Source(items, _labels(Path(name), items), [])
    if name.partition(":")[0] == EXAMPLES and not Path(name).exists():
        return _bundled(name, prompt, limit)
    rejected: list[Rejected] = []
    rows = [row for row in open_table(name, videos=videos).rows if isinstance(row, Item) or rejected.append(row)]
    return Source(_fitting(rows, prompt, limit, name, rejected), [], rejected)


def _fitting(
    rows: Iterable[Item], prompt: Prompt, limit: int | None, name: str, rejected: list[Rejected]
) -> list[Item]:
    each = one_response_each(rows) if prompt.kind == "pointwise" else rows
    items = list({item.id: item for item in each if item.kind == prompt.kind}.values())[:limit]
    if not items:
        why = f" The first rejected row: {rejected[0].reason}" if rejected else ""
        raise InputError(f"{name} has no items for the {prompt.kind} prompt {prompt.name!r}; choose another mode.{why}")
    return items


def _labels(folder: Path, items: list[Item]) -> list[Judgment]:
    """What people and targets say of these items."""
    wanted = {item.id for item in items}
    return [one for one in Run.open(folder).judgments() if one.item in wanted and is_label(one.judge)]


def is_label(judge: str) -> bool:
    """Whether a judge is a person, or the rating that somebody meant."""
    return judge == "target" or judge.partition(":")[0] == "human"


# -- bundled examples


def _bundled(name: str, prompt: Prompt, limit: int | None) -> Source:
    count = name.partition(":")[2]
    if count and not count.isdecimal():
        raise InputError(f"items: got {name!r}, expected {EXAMPLES}, or {EXAMPLES}:2 for the first two of them.")
    chosen = load_examples()[: int(count) if count else None]
    items: list[Item] = []
    labels: list[Judgment] = []
    for example in chosen:
        video = Video(sha256_of(example.video), example.video)
        item = Item(video, example.instruction, example.responses, tags={"title": example.title})
        each = list(one_response_each([item])) if prompt.kind == "pointwise" else [item]
        items += each
        labels += _known(example, each)
    fitting = _fitting(items, prompt, limit, name, [])
    kept = {item.id for item in fitting}
    return Source(fitting, [label for label in labels if label.item in kept], [])


def _known(example: Example, items: list[Item]) -> list[Judgment]:
    """The ratings that an example's responses are known to deserve; of a pair, which is better."""
    if len(example.ratings) != len(example.responses):
        return []
    if len(items) == len(example.ratings):
        return [Judgment(item.id, "target", "example", "scored", score=float(rating))
                for item, rating in zip(items, example.ratings, strict=True)]  # fmt: skip
    if len(example.ratings) != 2:
        return []
    first, second = example.ratings
    better: Choice = "A" if first > second else "B" if second > first else "tie"
    return [Judgment(items[0].id, "target", "example", "scored", choice=better)]


# -- clips


def read_clips(items: Iterable[Item]) -> dict[str, Clip]:
    """The header of every video, by its hash. A video that cannot be read is left out: judging it will say why."""
    found: dict[str, Clip] = {}
    paths = {item.video.sha256: item.video.path for item in items if item.video and item.video.path}
    for sha256, path in paths.items():
        try:
            info = probe(path, VideoLimits())
        except VideoError:
            continue
        found[sha256] = Clip(info.frame_count, info.width, info.height, round(info.duration, 3))
    return found


def write_clips(run: Run, clips: Mapping[str, Clip]) -> None:
    """Keep the headers in the run: what a frame count came to depends on them."""
    text = json.dumps({sha256: clip._asdict() for sha256, clip in clips.items()}, indent=1)
    (run.folder / CLIPS).write_text(text, encoding="utf-8")


def stored_clips(folder: Path) -> dict[str, Clip]:
    """What `write_clips` kept; {} before that."""
    path = folder / CLIPS
    if not path.exists():
        return {}
    return {sha256: Clip(**fields) for sha256, fields in json.loads(path.read_text(encoding="utf-8")).items()}
