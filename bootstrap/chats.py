"""What generator and evaluator are asked: the four templates with a seed's material, as Chats.

A seed is an Item whose one response is the gold response, with the same text as reference. Each Chat carries an Item
too, for participants that compute instead of read: its tag "task" says what is asked, its responses are those in
question, in the order shown, and the tags "intended" and "given" their ratings where these are told.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from bootstrap.json_replies import Rating
from bootstrap.templates import Template, block, load_template
from workbench.backends.base import Chat
from workbench.errors import InputError
from workbench.schema import Item, content_id

GOLD = 5
TARGETS = (4, 3, 2, 1)  # the ratings that responses are written for
Task = Literal["generate", "evaluate", "regenerate"]
Role = Literal["generator", "evaluator"]
ROLES: dict[Task, Role] = {"generate": "generator", "regenerate": "generator", "evaluate": "evaluator"}


class Mismatch(NamedTuple):
    """A response that was not given the rating it was written for."""

    target: int
    text: str
    verdict: Rating


def load_templates() -> dict[Task, Template]:
    """The three prompts of the loop."""
    return {task: load_template(task) for task in ROLES}


def make_seed(item: Item, gold: str) -> Item:
    """The seed of an item's video and instruction with this gold response."""
    return replace(item, responses=(gold,), reference=gold)


def generate_chat(template: Template, seed: Item, round: int) -> Chat:
    """Asks for all four degraded responses."""
    return _chat(template, replace(seed, tags=_tags(seed, "generate")), round)


def regenerate_chat(template: Template, seed: Item, mismatches: Sequence[Mismatch], round: int) -> Chat:
    """Asks for other responses in place of those that were rated otherwise than intended."""
    tags = {
        **_tags(seed, "regenerate"),
        "intended": ",".join(str(one.target) for one in mismatches),
        "given": ",".join(str(one.verdict.score) for one in mismatches),
    }
    item = replace(seed, responses=tuple(one.text for one in mismatches), tags=tags)
    return _chat(template, item, round, feedback="\n\n".join(map(_feedback, mismatches)))


def evaluate_chat(template: Template, seed: Item, texts: Sequence[str], round: int) -> Chat:
    """Asks for a rating of each text, in this order; what they were written for is not told."""
    item = replace(seed, responses=tuple(texts), tags=_tags(seed, "evaluate"))
    blocks = [block(f"response_{number}", text) for number, text in enumerate(texts, 1)]
    return _chat(template, item, round, responses="\n\n".join(blocks))


def rubric_chat(template: Template, seed: Item) -> Chat:
    """Asks for a rubric for the seed's instruction."""
    return _chat(template, seed, 0)


def shown_order(seed: Item, round: int, run_seed: int, targets: Sequence[int]) -> list[int]:
    """The targets in the order their responses are shown to the evaluator: shuffled, so that places tell nothing."""
    order = sorted(targets)
    random.Random(content_id([seed.id, round, run_seed])).shuffle(order)
    return order


def _chat(template: Template, item: Item, round: int, **blocks: str) -> Chat:
    if item.reference is None or item.description is None:
        raise InputError("A seed needs a gold response and a description; make them with `seeds` and `describe`.")
    text = template.fill(
        description=block("description", item.description),
        instruction=block("instruction", item.instruction),
        reference=block("reference", item.reference),
        **blocks,
    )
    return Chat(template.system, None, text, sample=round, item=item)


def _tags(seed: Item, task: Task) -> Mapping[str, str]:
    return {**seed.tags, "task": task}


def _feedback(mismatch: Mismatch) -> str:
    target, given = mismatch.target, mismatch.verdict.score
    gap = given - target
    wish = "make it worse" if gap > 0 else "repair it"
    lines = [
        f"rating_{target}: intended {target}, rated {given}, gap {gap:+d}: {wish}.",
        block("response", mismatch.text),
    ]
    if mismatch.verdict.reasoning:
        lines += ["The examiner's reasoning:", block("thinking", mismatch.verdict.reasoning)]
    return "\n".join(lines)
