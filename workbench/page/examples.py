"""The examples that ship with the workbench: video, instruction, responses, and the ratings they deserve."""

import filecmp
import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

EXAMPLES_FOLDER = Path(__file__).parents[1] / "examples"


class Example(NamedTuple):
    """One example, judged without its reference, which metrics need. `ratings` are those its responses deserve, if known."""

    title: str
    video: str
    instruction: str
    responses: tuple[str, ...]
    mode: str = "pointwise"
    ratings: tuple[float, ...] = ()
    reference: str = ""


@cache
def load_examples(folder: Path = EXAMPLES_FOLDER) -> tuple[Example, ...]:
    """The examples listed in a folder's examples.json, with absolute video paths; none where there is no such file."""
    listing = folder / "examples.json"
    if not listing.exists():
        return ()
    return tuple(_example(row, folder) for row in json.loads(listing.read_text(encoding="utf-8")))


def _example(row: dict, folder: Path) -> Example:
    responses, ratings = tuple(row["responses"]), tuple(row.get("ratings") or ())
    video = str((folder / row["video"]).resolve())
    return Example(row["title"], video, row["instruction"], responses, row.get("mode", "pointwise"), ratings,
                   row.get("reference") or "")  # fmt: skip


def shipped_path(path: str) -> str:
    """The shipped file that an uploaded copy of an example's video came from; any other path as it is."""
    for example in load_examples():
        if Path(path).name == Path(example.video).name and filecmp.cmp(path, example.video, shallow=False):
            return example.video
    return path


def known_rating(instruction: str, response: str) -> float | None:
    """The rating an example's response is known to deserve; None for anything that is not an example, unchanged."""
    for example in load_examples():
        if example.instruction == instruction and response in example.responses and example.ratings:
            return example.ratings[example.responses.index(response)]
    return None
