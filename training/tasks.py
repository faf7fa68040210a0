"""From examples to tasks: which prompt each is asked with, in which order, with or without the reference."""

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from training.recipes import DataOptions
from training.rows import Example
from training.sources import LeftOut
from workbench.errors import InputError
from workbench.prompts import Prompt, load_prompt
from workbench.schema import content_id

PAIR_RATIONALE = re.compile(r"A: (?P<a>.+?) B: (?P<b>.+) (?P<better>[AB]) is better\.", re.DOTALL)
# Words that mean a response: any "B"; an "A" within a sentence, or one that does something ("A omits"), which an article
# before a noun may look like ("A bus"): rather one rationale less than one that says the opposite.
A_RESPONSE = re.compile(r"\bB\b|(?<=[\w,;:)] )A\b|\bA(?='s\b|:|,| (?:and|or|is|has|\w\w+s|\w\w+ed)\b)")


class Task(NamedTuple):
    """One row to train on. The target's reasoning is in the terms of the responses as shown."""

    example: Example
    prompt: Prompt
    order: tuple[int, ...]

    @property
    def video(self) -> str:
        assert self.example.item.video is not None
        return self.example.item.video.sha256

    @property
    def mark(self) -> str:
        """Identity of the row: what is shown, and what is learned of it."""
        target = self.example.target
        verdict = [target.score, target.choice, target.ranking, target.rubric, target.reasoning]
        return content_id([self.example.item.id, self.prompt.id, list(self.order), verdict])


def make_tasks(
    examples: Sequence[Example],
    mix: Mapping[str, float],
    share: float,
    options: DataOptions,
    seed: int,
    left_out: LeftOut,
) -> list[Task]:
    """The rows of a training or validation set, in an order of their own that depends on `seed`.

    As many as there are in the mix: the prompt of which there is least for its share decides. A pair is drawn with all
    its orders. Rows that are not drawn are counted in `left_out`. Raises InputError where a prompt has none.
    """  # fmt: skip
    found = {name: _groups_of(name, examples, options, seed, left_out) for name in mix}
    for name, groups in found.items():
        if not groups:
            raise InputError(
                f"mix: got no row for {name!r} among {len(examples)} examples of the {left_out.part} set. Left out: "
                f"{left_out.counts}. Expected rows of its kind, with a rationale or a rubric where its reply has one; "
                f"give a {left_out.part} set that has them, or leave {name!r} out of the mix."
            )
    rows = {name: sum(map(len, groups)) for name, groups in found.items()}
    fits = {name: rows[name] / mix[name] for name in mix}  # how many rows the whole set could have
    fewest = min(fits, key=lambda name: fits[name])
    chosen = []
    for name, groups in found.items():
        wanted = fits[fewest] * share * mix[name] / (rows[name] / len(groups))
        drawn = random.Random(f"{seed} {name}").sample(groups, max(1, round(wanted)))
        tasks = [task for group in drawn for task in group]
        if missing := rows[name] - len(tasks):
            why = [f"share {share:g} of the rows"] if share < 1 else []
            if fits[name] > fits[fewest]:
                why.append(f"the mix's share; {fewest!r} has fewest for its own, {rows[fewest]} for {mix[fewest]:g}")
            left_out.add_not_drawn(tasks[0].prompt.name, missing, rows[name], ", ".join(why))
        chosen += tasks
    return chosen


def _groups_of(
    name: str, examples: Sequence[Example], options: DataOptions, seed: int, left_out: LeftOut
) -> list[list[Task]]:
    """All rows that a prompt can have; a pair's orders, which are drawn together, in one group."""
    plain, with_reference = load_prompt(name), load_prompt(name, reference=True)
    groups = []
    for example in (each for each in examples if each.item.kind == plain.kind):
        if problem := _lacking(example, plain):
            left_out.add(example.item.id, problem, prompt=plain.name)
            continue
        shown = _shows_reference(example, options.reference_share, seed)
        prompt = with_reference if shown else plain
        as_it_stands = Task(example, prompt, tuple(range(len(example.item.responses))))
        swapped = _swapped(example, prompt, left_out) if options.swap and plain.kind == "pairwise" else []
        groups.append([as_it_stands, *swapped])
    return groups


def _lacking(example: Example, prompt: Prompt) -> str | None:
    """What the target lacks of the prompt's reply; None for nothing."""
    form, target = prompt.form, example.target
    if "thinking" in form.tags and not (target.reasoning or "").strip():
        return "no rationale"
    if "rubric" in form.tags and not (target.rubric or "").strip():
        return "no rubric"
    if prompt.kind == "pointwise" and target.score not in range(form.low, form.high + 1):
        return f"score not on the prompt's scale: {target.score}"
    if prompt.kind == "pairwise" and target.choice not in form.menu:
        return f"choice not on the prompt's menu: {target.choice}"
    if prompt.kind == "ranking" and target.ranking is None:
        return "no ranking"
    return None


def _shows_reference(example: Example, share: float, seed: int) -> bool:
    """Whether a row shows the reference; the same for all prompts. Never beside a response that is that text."""
    item = example.item
    if not (item.reference or "").strip() or _plain(item.reference) in map(_plain, item.responses):
        return False
    return random.Random(f"{seed} reference {item.id}").random() < share


def _plain(text: str | None) -> str:
    return " ".join((text or "").lower().split())


def _swapped(example: Example, prompt: Prompt, left_out: LeftOut) -> list[Task]:
    """The pair in the other order; a rationale that cannot be turned round makes none."""
    target = example.target
    if "thinking" in prompt.form.tags:
        turned = swap_rationale(target.reasoning or "")
        if turned is None:
            left_out.add(example.item.id, "a rationale that cannot be swapped", prompt=prompt.name)
            return []
        target = replace(target, reasoning=turned)
    return [Task(Example(example.item, target), prompt, (1, 0))]


def swap_rationale(text: str) -> str | None:
    """A pair's rationale "A: .. B: .. A is better." for the other order; None for any other form.

    Also None where a part speaks of A or B itself: exchanging letters in free text would change articles and names.
    """
    match = PAIR_RATIONALE.fullmatch(text.strip())
    if match is None or any(A_RESPONSE.search(match[part]) for part in "ab"):
        return None
    other = {"A": "B", "B": "A"}[match["better"]]
    return f"A: {match['b']} B: {match['a']} {other} is better."


def task_counts(tasks: Sequence[Task]) -> dict[str, Any]:
    """What a set holds: rows by prompt, by rating, with a reference and their ratings, swapped, negatives, videos."""
    referenced = [task for task in tasks if task.prompt.reference]
    return {
        "rows": len(tasks),
        "videos": len({task.video for task in tasks}),
        "prompts": dict(sorted(Counter(task.prompt.name for task in tasks).items())),
        "ratings": _ratings(tasks),
        "with_reference": len(referenced),
        "ratings_with_reference": _ratings(referenced),
        "swapped": sum(task.order == (1, 0) for task in tasks),
        "negatives": sum("negative" in task.example.item.tags for task in tasks),
    }


def _ratings(tasks: Sequence[Task]) -> dict[str, int]:
    scores = [task.example.target.score for task in tasks if task.example.target.score is not None]
    return {f"{score:g}": count for score, count in sorted(Counter(scores).items())}


def tasks_hash(tasks: Sequence[Task]) -> str:
    """Identity of a set of rows: 16 hex digits over what each shows and teaches, and in which order they are."""
    return content_id([task.mark for task in tasks])
