"""The rows of a fine-tuning and of its validation, read from folders by a recipe and the options about rows."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from training.recipes import DataOptions, Recipe
from training.rows import Example
from training.sources import TRAIN, VALIDATION, LeftOut, read_folders, split_folders
from training.tasks import Task, make_tasks, task_counts, tasks_hash
from workbench.errors import InputError
from workbench.store import read_lines


class Data(NamedTuple):
    """The rows of a fine-tuning, and what was left out of both sets."""

    train: list[Task]
    validation: list[Task]
    left_out: LeftOut
    world: float  # share of the rows trained on that are about clips of the procedural world

    def record(self) -> dict[str, Any]:
        """What run.json keeps: a hash and counts of both sets."""
        sets = {TRAIN: self.train, VALIDATION: self.validation}
        return {name: {"sha256": tasks_hash(tasks), **task_counts(tasks)} for name, tasks in sets.items()}


def read_data(folders: Sequence[Path], recipe: Recipe, options: DataOptions, validation: Sequence[Path] = ()) -> Data:
    """The rows of datasets, runs or worlds. The validation set is that of the datasets, or of the folders given for it.

    Raises InputError where a prompt of the recipe's mix has no rows, and for a video that is in both sets.
    """
    left_out = LeftOut()
    train_folders = split_folders(folders, TRAIN)
    held_out = split_folders(validation, TRAIN) or split_folders(folders, VALIDATION)
    examples = read_folders(train_folders, options, left_out)
    tasks = make_tasks(examples, recipe.mix, recipe.share, options, recipe.seed, left_out)
    unseen = read_folders(held_out, options, left_out.validation)
    checked = _validation_tasks(unseen, recipe, options, left_out.validation) if unseen else []
    both = {task.video for task in tasks} & {task.video for task in checked}
    if both:
        raise InputError(f"validation: got {len(both)} videos that are trained on too, expected none; split by video.")
    return Data(tasks, checked, left_out, _world_share(tasks, train_folders))


def _world_share(tasks: Sequence[Task], folders: Sequence[Path]) -> float:
    """The share of rows about clips that a world's facts tell of; an export may hold such rows among others."""
    worlds = [folder for folder in folders if (folder / "world.json").is_file()]
    known = {line.get("sha256") for folder in worlds for line in read_lines(folder / "facts.jsonl")}
    return sum(task.video in known for task in tasks) / len(tasks)


def _validation_tasks(
    examples: Sequence[Example], recipe: Recipe, options: DataOptions, left_out: LeftOut
) -> list[Task]:
    """As many rows of the same mix as the recipe evaluates on, in the order of the data; pairs as they stand."""
    plain = DataOptions(
        options.judges, swap=False, reference_share=options.reference_share, negatives=options.negatives
    )
    return evenly(make_tasks(examples, recipe.mix, 1.0, plain, recipe.seed, left_out), recipe.eval_rows, left_out)


def evenly(tasks: Sequence[Task], most: int, left_out: LeftOut) -> list[Task]:
    """At most `most` rows, evenly through all; the others are noted as not drawn, a line a prompt."""
    drawn = list(tasks[:: max(1, -(-len(tasks) // most))])
    before, after = (Counter(task.prompt.name for task in some) for some in (tasks, drawn))
    for prompt, rows in (before - after).items():
        left_out.add_not_drawn(prompt, rows, before[prompt], f"at most {most} validation rows (eval_rows)")
    return drawn
