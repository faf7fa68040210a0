"""From tasks to what goes through the model: features of the videos, packs, and each step's micro-batches."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from training.datasets import Data
from training.feature_store import FeatureStore, Source, Vision
from training.features import merged_features, vision_features
from training.parallel import Team
from training.recipes import Recipe
from training.rows import encode_example
from training.schedule import MicroPlan, Sizes, schedule
from training.sft import IGNORE, Packed, pack, target_loss
from training.sources import LeftOut
from training.tasks import Task
from training.trainer import Feed, Micro
from training.tuning import Tuning
from workbench.backends.encoding import Encoded
from workbench.errors import InputError
from workbench.schema import Video

INPUTS_KEPT = 512  # videos whose pixels stay in memory where the tower is trained; 19 MB each at 60 frames of 25,088


class Rows:
    """From tasks to what goes through the model."""

    def __init__(self, tuning: Tuning, recipe: Recipe, features: Path, team: Team):
        self.tuning, self.team, self.recipe = tuning, team, recipe
        self.looks_anew = recipe.tuned == "vision and merger"  # its features change with every step
        self.merged = recipe.tuned != "merger and language"  # adapters leave the merger as it is
        vision = Vision(tuning.model, tuning.processor, tuning.source.revision, recipe.policy, self.merged)
        self.store = FeatureStore(features, vision, 0 if self.looks_anew else recipe.features_gb)
        self.source = lru_cache(INPUTS_KEPT)(self.store.source) if self.looks_anew else self.store.source
        context = getattr(tuning.config.get_text_config(), "max_position_embeddings", None) or recipe.max_tokens
        self.longest = min(recipe.max_tokens, context)

    def prepare(self, data: Data, set_status: Callable[..., None]) -> None:
        """Encode every video of both sets, once."""
        videos = {task.video: _video(task) for task in [*data.train, *data.validation]}
        for part in self.tuning.tower if self.team.layout == "fsdp2" else []:
            part.to(self.team.device)
        total = -(-len(videos) // self.team.size)

        def on_done(done: int) -> None:
            set_status("running", phase="features", done=done, total=total)

        with self.team.arithmetic():
            self.store.prepare(videos, self.team, on_done)
        if self.store.not_kept and self.team.layout == "fsdp2":
            raise InputError(
                f"features-gb: {self.recipe.features_gb:g} GB hold {len(videos) - len(self.store.not_kept)} of "
                f"{len(videos)} videos; under FSDP all must fit. Give more, or fewer frames."
            )

    def encode(self, task: Task) -> Encoded:
        return encode_example(
            self.tuning.processor, self.tuning.rule, task.prompt, task.example, self.store.clips[task.video], task.order
        )

    def usable(self, tasks: Sequence[Task], left_out: LeftOut) -> list[Task]:
        """The tasks whose video can be read and that fit the context whole."""
        kept = []
        for task in tasks:
            if problem := self._problem(task):
                left_out.add(task.example.item.id, problem, prompt=task.prompt.name)
            else:
                kept.append(task)
        return kept

    def _problem(self, task: Task) -> str | None:
        if task.video in self.store.problems:
            return f"video cannot be read: {self.store.problems[task.video]}"
        if (length := len(self.encode(task))) > self.longest:
            return f"longer than {self.longest} tokens: {length}"
        return None

    def feed(self, tasks: Sequence[Task], checked: Sequence[Task], recipe: Recipe) -> Feed:
        """The feed of one process."""
        sizes = Sizes(recipe.batch, recipe.accumulation * self.team.size, recipe.branches)
        steps = schedule(tasks, sizes, recipe.epochs, recipe.seed, recipe.max_steps)
        alone = Sizes(recipe.batch, self.team.size, recipe.branches)
        rounds = schedule(checked, alone, 1, recipe.seed, None)

        def mine(tasks: Sequence[Task], micros: Sequence[MicroPlan]) -> list[Micro]:
            shares = micros[self.team.rank :: self.team.size]
            return [self._micro(tasks, share or micros[0], 0.0 if not share else 1.0) for share in shares]

        def validation() -> Iterator[Micro]:
            return (micro for micros in rounds for micro in mine(checked, micros))

        return Feed(len(steps), lambda step: mine(tasks, steps[step]), validation if rounds else None)

    def _micro(self, tasks: Sequence[Task], plan: MicroPlan, counts: float) -> Micro:
        """Packs and their videos' features; `counts` is 0 for one that only keeps others company."""
        packs = [pack([self.encode(tasks[row]) for row in some]) for some in plan]
        features = [self.source(tasks[some[0]].video) for some in plan]
        weight = sum(int((each.labels != IGNORE).sum()) for each in packs)
        tokens, rows = sum(len(each.ids) for each in packs), sum(map(len, plan))
        return Micro((packs, features), counts * weight, int(counts) * tokens, int(counts) * rows)

    def loss_of(self, model: Any, data: tuple[list[Packed], list[Source]]):
        """Mean negative log-likelihood of the target tokens of some packs."""
        packs, sources = data
        if self.looks_anew:
            return target_loss(model, packs, vision_features(model, [source.tensors for source in sources]))
        features = [self.store.tokens(source) for source in sources]
        return target_loss(model, packs, features if self.merged else merged_features(model, features))


def _video(task: Task) -> Video:
    assert task.example.item.video is not None
    return task.example.item.video
