"""Labels by people: human Judgments in a run folder that holds the labelled items, resumable, and read like any gold.

python -m analysis label RUN [RUN ..] --item ID --name anna --score 4 --labels runs/labels
"""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.rankings import in_letters
from workbench.errors import InputError, StoreError
from workbench.schema import Choice, Item, Judgment, content_id
from workbench.store import Run

PROMPT = "label"
LABELS = "labels"  # the run's name under the page's runs
WHO = re.compile(r"[\w.-]{1,40}")
LONGEST_REASON = 2_000  # characters
CONFIG = {"imported": "labels"}  # items and gold labels, no judging of its own: any judge may be asked about them there
LOW, HIGH = 1, 5
TRIES, SECONDS = 20, 0.25  # another person may be writing


def human(name: str) -> str:
    """The judge that a person is. Raises InputError for a name that is none."""
    if not WHO.fullmatch(name.strip()):
        raise InputError(f"name: got {name.strip()!r:.60}, expected up to 40 letters, digits, dots or dashes.")
    return f"human:{name.strip()}"


def shown_order(item: Item, name: str) -> tuple[int, ...]:
    """The order in which a person is shown the responses of an item: theirs, whenever they look; others see another."""
    order = tuple(range(len(item.responses)))
    turned = len(order) > 1 and int(content_id([item.id, name.strip()]), 16) % 2
    return order[::-1] if turned else order


def make_label(
    item: Item, name: str, *, score: int | None = None, choice: Choice | None = None, ranking: Sequence[int] | None = None,
    reason: str = "", blind: bool = True,
) -> Judgment:  # fmt: skip
    """A person's verdict: a rating 1 to 5 of one response, which of two is better, or all of more, the best first; the
    last two in the item's own terms.

    `blind` tells whether the judges' verdicts were hidden. Raises InputError for a verdict that does not fit the item.
    """
    settings: dict[str, Any] = {"blind": blind}
    if item.kind == "pointwise":
        if score not in range(LOW, HIGH + 1):
            raise InputError(f"score: got {score}, expected {LOW} to {HIGH} for a single response.")
        verdict: dict[str, Any] = {"score": float(score)}
        settings["scale"] = [LOW, HIGH]
    elif item.kind == "pairwise":
        if choice not in ("A", "B", "tie"):
            raise InputError(f"choice: got {choice}, expected A, B or tie for two responses.")
        verdict = {"choice": choice}
        settings["order"] = list(shown_order(item, name))
    else:
        if sorted(ranking or ()) != list(range(len(item.responses))):
            given = in_letters(ranking) if ranking else "none"
            raise InputError(f"ranking: got {given}, expected all {len(item.responses)} responses, the best first.")
        verdict = {"ranking": tuple(ranking or ())}
        settings["order"] = list(shown_order(item, name))
    return Judgment(item.id, human(name), PROMPT, "scored", **verdict, settings=settings,
                    reasoning=reason.strip()[:LONGEST_REASON] or None)  # fmt: skip


def keep_label(folder: Path, item: Item, judgment: Judgment) -> None:
    """Write a label into the run of labels, made with the first one. A person's last label of an item counts.

    Raises StoreError where the folder holds another kind of run, or others have been writing for seconds.
    """
    if folder.exists() and (folder / "run.json").exists() and "imported" not in Run.open(folder).head()["config"]:
        raise StoreError(f"{folder} is a run of judges, no place for labels; name another folder.")
    run = Run.create_or_resume(folder, config=CONFIG, command=f"python -m analysis label --labels {folder.name}")
    for left in range(TRIES)[::-1]:
        try:
            with run.writing():
                run.add_items([item])
                run.append(judgment)
                run.finish()
            return
        except StoreError:
            if not left:
                raise
            time.sleep(SECONDS)


def labelled_by(folder: Path, name: str) -> dict[str, Judgment]:
    """A person's labels by item id; {} where there are none yet."""
    if not (folder / "run.json").exists() or not WHO.fullmatch(name.strip()):
        return {}
    judge = human(name)
    return {one.item: one for one in Run.open(folder).judgments() if one.judge == judge}
