"""Where seeds come from: readers of instruction data, each row to one exchange (video, instruction, gold response).

    videoinstruct   VideoInstruct-100K  {"video_id", "q", "a"}
    vcgplus         VCG-Plus-112K       {"id", "conversations": [{"from": "human" | "gpt", "value"}, ..]}: the first two
    videochat2      VideoChat2-IT       {"video", "QA": [{"i", "q", "a"}, ..]}: the first; rows about a segment of a
                                        video ("start", "end") are dropped, for a seed is about a whole video
    items           workbench Items     the response that its tag rates 5, else the reference; other rated responses
                                        and pairs are passed over
    table           any table           columns as `python -m workbench judge --items` finds them; the response is gold

A source is written NAME=FILE (.json, .jsonl, .csv, .parquet); for the first three also NAME (downloaded from the Hub)
or NAME=hub:FILE (another file of the same Hub dataset). Videos are looked for in one folder, by path or by name.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from workbench.errors import InputError
from workbench.rows import read_rows
from workbench.schema import Item
from workbench.tables import Rejected, open_table

DropReason = Literal[
    "unreadable row",
    "no instruction",
    "no gold response",
    "about a segment",
    "not a gold response",
    "no video file",
    "video refused",
    "near-duplicate instruction",
    "not sampled",
]


class Exchange(NamedTuple):
    """What a row says: the name of a video, what is asked about it, and the gold response.

    `item` is set for sources that hold Items already; their other fields are kept."""

    source: str
    row: int
    video: str
    instruction: str
    gold: str
    item: Item | None = None


class Dropped(NamedTuple):
    """A row that became no seed, and why."""

    source: str
    row: int
    reason: DropReason
    detail: str = ""


class HubSource(NamedTuple):
    """Where a public dataset lies, and how one of its rows is read."""

    repository: str
    file: str
    read: Callable[[Mapping[str, Any]], "tuple[str, str, str] | DropReason"]


def read_source(spec: str) -> Iterator[Exchange | Dropped]:
    """The rows of a source in order. Raises InputError for a spec or file that cannot be read."""
    name, _, file = spec.partition("=")
    if name == "items" and file:
        return _items(Path(file))
    if name == "table" and file:
        return _table(Path(file))
    if name not in HUB or (file and file == "hub:"):
        forms = ", ".join([f"{hub}[=FILE|hub:FILE]" for hub in HUB] + ["items=FILE", "table=FILE"])
        raise InputError(f"source: got {spec!r}, expected one of {forms}.")
    hub = HUB[name]
    inside = file.removeprefix("hub:") if file.startswith("hub:") else "" if file else hub.file
    return _rows(name, hub.read, download(hub.repository, inside) if inside else Path(file))


def download(repository: str, file: str) -> Path:
    """A file of a Hub dataset, in the Hub's own cache. Raises InputError where it cannot be had."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repository, file, repo_type="dataset"))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        first = str(error).strip().partition("\n")[0]
        raise InputError(
            f"{repository}: {file} cannot be downloaded ({first}). Accept the dataset's terms and log in with `hf auth "
            "login`, or download the file yourself and give it as NAME=FILE."
        ) from error


# -- one row each


def _video_instruct(row: Mapping[str, Any]) -> "tuple[str, str, str] | DropReason":
    return _exchange(row.get("video_id"), row.get("q"), row.get("a"))


def _vcg_plus(row: Mapping[str, Any]) -> "tuple[str, str, str] | DropReason":
    turns = row.get("conversations")
    if not isinstance(turns, list) or not all(isinstance(turn, Mapping) for turn in turns):
        return "unreadable row"
    speakers = [str(turn.get("from", "")).lower() for turn in turns]
    if speakers[:2] not in (["human", "gpt"], ["user", "assistant"]):
        return "no gold response" if speakers else "no instruction"
    question, answer = (turn.get("value") for turn in turns[:2])
    return _exchange(row.get("video") or row.get("id") or row.get("video_id"), question, answer)


def _videochat2(row: Mapping[str, Any]) -> "tuple[str, str, str] | DropReason":
    pairs = row.get("QA")
    if not isinstance(pairs, list) or not pairs or not isinstance(pairs[0], Mapping):
        return "unreadable row"
    if row.get("start") is not None or row.get("end") is not None:
        return "about a segment"
    first = pairs[0]
    question = first.get("q") if str(first.get("q") or "").strip() else first.get("i")  # captions have only "i"
    return _exchange(row.get("video"), question, first.get("a"))


def _exchange(video: Any, question: Any, answer: Any) -> "tuple[str, str, str] | DropReason":
    if not (isinstance(video, str) and video.strip()):
        return "unreadable row"
    question = re.sub(r"<(?:video|image)>", " ", question).strip() if isinstance(question, str) else ""
    if not question:
        return "no instruction"
    if not (isinstance(answer, str) and answer.strip()):
        return "no gold response"
    return video.strip(), question, answer.strip()


HUB = {
    "videoinstruct": HubSource("MBZUAI/VideoInstruct-100K", "VideoInstruct100K.json", _video_instruct),
    "vcgplus": HubSource("MBZUAI/VCG-plus_112K", "vcg-plus_112K.json", _vcg_plus),
    "videochat2": HubSource("OpenGVLab/VideoChat2-IT", "video/conversation/videochat2/train.json", _videochat2),
}


# -- whole files


def _rows(name: str, read: Callable, path: Path) -> Iterator[Exchange | Dropped]:
    for row in read_rows(path):
        found: tuple[str, str, str] | DropReason = "unreadable row" if row.problem else read(row.values)
        if isinstance(found, str):
            yield Dropped(name, row.number, found, row.problem)
        else:
            yield Exchange(name, row.number, *found)


def _items(path: Path) -> Iterator[Exchange | Dropped]:
    for row in read_rows(path):
        if row.problem:
            yield Dropped("items", row.number, "unreadable row", row.problem)
            continue
        try:
            item = Item.from_dict(row.values)
            _check_types(item)
        except InputError as error:
            yield Dropped("items", row.number, "unreadable row", str(error))
            continue
        yield _item_exchange(row.number, item)


def _check_types(item: Item) -> None:
    """What an Item made of a stranger's JSON may hold in place of text."""
    path = item.video.path if item.video else None
    for name, value in {"reference": item.reference, "description": item.description, "video path": path}.items():
        if not isinstance(value, str | None):
            raise InputError(f"{name}: got {value!r:.80}, expected text.")
    if not isinstance(item.tags, Mapping) or not all(isinstance(value, str) for value in item.tags.values()):
        raise InputError(f"tags: got {item.tags!r:.80}, expected texts by name.")


def _item_exchange(number: int, item: Item) -> Exchange | Dropped:
    rating = item.tags.get("rating")
    if rating is not None and (rating != "5" or len(item.responses) > 1):
        return Dropped("items", number, "not a gold response")
    gold = item.responses[0] if rating == "5" else item.reference
    if gold is None or not gold.strip():
        return Dropped("items", number, "no gold response", "the item has neither a reference nor a response rated 5")
    if item.video is None or not item.video.path:
        return Dropped("items", number, "no video file", "the item names no video file")
    return Exchange("items", number, item.video.path, item.instruction, gold, item)


def _table(path: Path) -> Iterator[Exchange | Dropped]:
    for row in open_table(path).rows:
        if isinstance(row, Rejected):
            yield Dropped("table", row.row, "unreadable row", row.reason)
        elif row.video is None or not row.video.path:
            yield Dropped("table", int(row.tags["row"]), "no video file", "the row names no video")
        else:
            yield Exchange("table", int(row.tags["row"]), row.video.path, row.instruction, row.responses[0], row)
