"""A folder of preference pairs as requests to train on: one task each, its distinct replies, the pairs among them."""

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from training.preferences import Pair
from training.rows import Example, read_records
from training.tasks import Task
from workbench.errors import InputError
from workbench.judge_options import prompt_of_record
from workbench.prompts import Prompt
from workbench.schema import Item, Judgment, VideoPolicy, content_id


class Request(NamedTuple):
    """What the judge was asked, as a task, its distinct replies, and the pairs as (chosen, rejected) among them."""

    task: Task
    replies: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]

    @property
    def mark(self) -> str:
        """Identity of what goes through the model."""
        return content_id([self.task.example.item.id, self.task.prompt.id, list(self.task.order), list(self.replies)])


class Preferences(NamedTuple):
    """A folder of pairs, read. `record` is its preferences.json."""

    requests: list[Request]
    prompt: Prompt
    policy: VideoPolicy
    record: Mapping[str, Any]


def read_preferences(folder: Path) -> Preferences:
    """The requests of a folder that `python -m training preferences` made, in its order.

    Raises InputError for a folder that is none, and for judgments that were given without looking at a video.
    """
    path = folder / "preferences.json"
    if not path.is_file():
        raise InputError(f"{folder}: got no preferences.json in it; make it with python -m training preferences.")
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["view"] != "video" or not record["video"]:
        raise InputError(
            f"{folder}: its judge was shown {record['view']!r}, expected video; DPO trains judges that look."
        )
    prompt = prompt_of_record(record["prompt"])
    items = {item.id: item for item in read_records(folder / "items.jsonl", Item)}
    groups: dict[tuple[str, tuple[int, ...]], list[Pair]] = defaultdict(list)
    for pair in read_records(folder / "pairs.jsonl", Pair):
        groups[pair.item, pair.order].append(pair)
    requests = [_request(items[item], order, prompt, some) for (item, order), some in groups.items()]
    return Preferences(requests, prompt, VideoPolicy.from_dict(record["video"]), record)


def _request(item: Item, order: tuple[int, ...], prompt: Prompt, pairs: Sequence[Pair]) -> Request:
    if item.video is None or item.video.path is None:
        raise InputError(f"item {item.id}: got no path of its video, expected one; judge the items again.")
    replies = tuple(dict.fromkeys(reply for pair in pairs for reply in (pair.chosen, pair.rejected)))
    among = tuple((replies.index(pair.chosen), replies.index(pair.rejected)) for pair in pairs)
    label = Judgment(item.id, "label", prompt.id, "skipped", created="")  # stands where a task has its target
    return Request(Task(Example(item, label), prompt, order), replies, among)


def hold_out(requests: Sequence[Request], share: float, seed: int) -> tuple[list[Request], list[Request]]:
    """(to train on, held out): the requests of a share of the videos, at least one where share is above 0."""
    if not 0 <= share < 1:
        raise InputError(f"validation: got {share}, expected 0 or a share of the videos below 1.")
    videos = sorted({request.task.video for request in requests})
    count = min(max(round(len(videos) * share), 1), len(videos) - 1) if share else 0
    out = set(random.Random(f"{seed} validation").sample(videos, count))
    kept = [request for request in requests if request.task.video not in out]
    return kept, [request for request in requests if request.task.video in out]
