"""Fine-tuning a published checkpoint: from folders of rows to a judge, in one run folder.

RUN/run.json        command, recipe and options in full, versions, hash and counts of the rows
    status.json     as of every run (workbench.store): followed and stopped by workbench.jobs and the page
    metrics.jsonl   a line a step and an evaluation
    left_out.jsonl  every row that was not trained on, with the reason
    features/       what the frozen vision tower made of each video
    checkpoints/    step-N, the last few and the best
    final/          the judge: the best checkpoint where training may end early, else the last one
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from training.feature_store import FeatureStore, Source, Vision
from training.features import merged_features, vision_features
from training.parallel import Team, join, lay_out
from training.recipes import DataOptions, Recipe
from training.rows import encode_example
from training.schedule import MicroPlan, Sizes, schedule
from training.sft import IGNORE, Packed, pack, target_loss
from training.sources import TRAIN, VALIDATION, LeftOut, read_folders, split_folders
from training.tasks import Task, make_tasks, task_counts, tasks_hash
from training.trainer import Feed, Micro, Objective, Outcome, Place, Plan, train
from training.tuning import Tuning, judge_writer, load_tuning
from workbench.backends.encoding import Encoded
from workbench.backends.judge_file import JudgeFile
from workbench.errors import InputError
from workbench.judge_options import prompt_record
from workbench.prompts import load_prompt
from workbench.schema import Sampling, Video
from workbench.store import Run

STAGE = "fit"
INPUTS_KEPT = 512  # videos whose pixels stay in memory where the tower is trained; 19 MB each at 60 frames of 25,088
WORLD_DOMAIN = "Fine-tuned on clips of the procedural world; of natural videos it has seen none in this training."
Say = Callable[[str], None]


class Data(NamedTuple):
    """The rows of a fine-tuning, and what was left out of them."""

    train: list[Task]
    validation: list[Task]
    left_out: LeftOut
    world: bool  # made in the procedural world

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
    unseen = read_folders(held_out, options, LeftOut())
    checked = _validation_tasks(unseen, recipe, options) if unseen else []
    both = {task.video for task in tasks} & {task.video for task in checked}
    if both:
        raise InputError(f"validation: got {len(both)} videos that are trained on too, expected none; split by video.")
    world = any((folder / "world.json").is_file() for folder in train_folders)
    return Data(tasks, checked, left_out, world)


def _validation_tasks(examples: Sequence[Any], recipe: Recipe, options: DataOptions) -> list[Task]:
    """As many rows of the same mix as the recipe evaluates on, in the order of the data; pairs as they stand."""
    plain = DataOptions(
        options.judges, swap=False, reference_share=options.reference_share, negatives=options.negatives
    )
    tasks = make_tasks(examples, recipe.mix, 1.0, plain, recipe.seed, LeftOut())
    return tasks[:: max(1, -(-len(tasks) // recipe.eval_rows))]


def finetune(
    recipe: Recipe,
    options: DataOptions,
    data: Data,
    out: Path,
    *,
    command: str = "",
    features: Path | None = None,
    on_metrics: Callable[[Mapping[str, Any]], None] = lambda line: None,
    say: Say = print,
) -> Path:
    """Train, and give the folder of the judge. The same call goes on where a stopped or killed one was.

    Every process of a launch calls it. `features` may be shared by runs on the same base. Raises InputError and
    BackendError for what cannot be trained, StoreError for a folder with other settings, KeyboardInterrupt when stopped.
    """  # fmt: skip
    team = join(recipe.precision)
    config = {"training": 1, "recipe": recipe.record(), "options": options.record(), "data": data.record(),
              "processes": team.size}  # fmt: skip
    say = say if team.leads else _silent
    with _open_run(out, config, recipe, command, team) as set_status:
        final = out / "final"
        if final.is_dir():
            say(f"{final}: is there already")
            return final
        set_status("running", phase="loading", done=0, total=0, eta_seconds=None, last_error=None)
        tuning = load_tuning(recipe, team)
        rows = _Rows(tuning, recipe, features or out / "features", team)
        rows.prepare(data, set_status)
        tasks, checked = rows.usable(data.train, data.left_out), rows.usable(data.validation, data.left_out)
        _tell(out, data.left_out, team, say)
        feed = rows.feed(tasks, checked, recipe)
        say(f"{len(tasks)} rows in {feed.steps} steps; {len(checked)} validation rows")
        writer = judge_writer(tuning, judge_file(recipe, data.world), team)
        objective = lay_out(Objective(tuning.model, rows.loss_of), tuning.blocks, team, tuning.tower)
        plan = Plan(recipe.lr, recipe.eval_every, recipe.save_every, recipe.keep, recipe.seed, recipe.patience)
        place = Place(STAGE, out, _follow(set_status), on_metrics)
        outcome = train(objective, feed, plan, place, team, writer)
        if team.leads:
            _finish(out, outcome, plan, feed.steps, set_status)
        team.wait()
        say(
            f"{final}: made in {outcome.progress.seconds:.0f} s of steps" + (outcome.stopped and f"; {outcome.stopped}")
        )
        return final


def _silent(line: str) -> None:
    """What processes other than the leading one say."""


@contextmanager
def _open_run(
    out: Path, config: Mapping[str, Any], recipe: Recipe, command: str, team: Team
) -> Iterator[Callable[..., None]]:
    """The run folder, written by the process that leads; gives what sets its status."""
    if not team.leads:
        yield lambda state, **fields: None
        return
    prompts = [prompt_record(load_prompt(name)) for name in recipe.mix]
    run = Run.create_or_resume(out, config=config, prompts=prompts, command=command)
    with run.writing():
        yield lambda state, **fields: _set_status(run, state, fields)


def _set_status(run: Run, state: str, fields: Mapping[str, Any]) -> None:
    if state == "done":
        run.finish(**fields)
    else:
        run.set_status(state, **fields)


def _follow(set_status: Callable[..., None]):
    def on_step(progress, steps: int, eta_seconds: float | None) -> None:
        set_status("running", phase="training", done=progress.step, total=steps, eta_seconds=eta_seconds)

    return on_step


def _tell(out: Path, left_out: LeftOut, team: Team, say: Say) -> None:
    """Write the list of rows not trained on, and say how many there are of each kind."""
    if team.leads:
        lines = "".join(json.dumps(line) + "\n" for line in left_out.lines)
        (out / "left_out.jsonl").write_text(lines, encoding="utf-8")
    for reason, count in left_out.counts.items():
        say(f"left out: {count} with {reason!r}; see left_out.jsonl")


def _finish(out: Path, outcome: Outcome, plan: Plan, steps: int, set_status: Callable[..., None]) -> None:
    """Make final/ of the checkpoint that counts."""
    progress = outcome.progress
    step = progress.best_step if plan.patience is not None and progress.best_step else progress.step
    source, part = out / "checkpoints" / f"step-{step}", out / "final.part"
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part, ignore=shutil.ignore_patterns("state", "checkpoint.json"))
    part.rename(out / "final")
    set_status("done", phase="done", done=progress.step, total=steps, step=step, validation_loss=progress.best,
               ended=outcome.stopped or "all steps")  # fmt: skip


def judge_file(recipe: Recipe, world: bool) -> JudgeFile:
    """What the judge is made for: the prompts it was trained with, on the scale and frames of its training."""
    prompts = [load_prompt(name) for name in recipe.mix]
    return JudgeFile(
        kinds=tuple(dict.fromkeys(prompt.kind for prompt in prompts)),
        prompts=tuple(prompt.name for prompt in prompts),
        scale=(1, 5) if any(prompt.kind == "pointwise" for prompt in prompts) else None,
        domain=WORLD_DOMAIN if world else "",
        sampling=Sampling(temperature=0.0, max_new_tokens=1024),
        video_policy=recipe.policy,
    )


class _Rows:
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
        """The tasks whose video can be read and that fit the context whole. Raises InputError where none is left."""
        kept = []
        for task in tasks:
            if problem := self._problem(task):
                left_out.add(task.example.item.id, problem, prompt=task.prompt.name)
            else:
                kept.append(task)
        if tasks and not kept:
            raise InputError(f"data: none of {len(tasks)} rows can be trained on: {left_out.counts}.")
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
