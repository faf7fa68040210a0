"""What people say about examples: marks.jsonl beside a run, one human Judgment a line.

A mark says which rating a response deserves in somebody's eyes (judge "human:<name>", prompt "mark", score 1 to 5, the
reason as reasoning, settings seed and target). It is wrong about its target where the two differ. The run's process does
not read the file and never writes it; the last mark of a person on a response counts.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from bootstrap.browse import Example
from workbench.errors import InputError
from workbench.schema import Judgment
from workbench.store import read_lines

NAME = "marks.jsonl"
WHO = re.compile(r"[\w.-]{1,40}")
LONGEST_REASON = 2_000  # characters


def mark_example(folder: Path, example: Example, who: str, rating: int | None, reason: str) -> Judgment:
    """Write down what somebody thinks an example deserves. Raises InputError for a rating or a name that is none."""
    if rating not in (1, 2, 3, 4, 5):
        raise InputError("rating: none given; say which rating the response deserves, 1 to 5.")
    if not WHO.fullmatch(who.strip()):
        raise InputError(f"name: got {who.strip()!r:.60}, expected up to 40 letters, digits, dots or dashes.")
    settings = {"seed": example.rated_set.seed.id, "target": example.rating}
    judgment = Judgment(example.item.id, f"human:{who.strip()}", "mark", "scored", float(rating),
                        reasoning=reason.strip()[:LONGEST_REASON] or None, settings=settings)  # fmt: skip
    with (folder / NAME).open("a", encoding="utf-8") as file:
        file.write(json.dumps(judgment.to_dict(), allow_nan=False) + "\n")
    return judgment


def read_marks(folder: Path) -> dict[str, list[Judgment]]:
    """The marks that count, by item id."""
    last: dict[str, Judgment] = {}
    for judgment in map(Judgment.from_dict, read_lines(folder / NAME)):
        last[judgment.key] = judgment
    return _by_item(last.values())


def _by_item(judgments: Iterable[Judgment]) -> dict[str, list[Judgment]]:
    found: dict[str, list[Judgment]] = defaultdict(list)
    for judgment in judgments:
        found[judgment.item].append(judgment)
    return dict(found)
