"""Fine-tuning a published checkpoint: from folders of rows to a judge, in one run folder.

RUN/run.json        command, recipe and options in full, versions, hash and counts of the rows
    status.json     as of every run (workbench.store): followed and stopped by workbench.jobs and the page
    metrics.jsonl   a line a step and an evaluation
    left_out.jsonl  every row that was not trained on or validated with, and the reason; rows that were not drawn for
                    the mix in one line a prompt
    features/       what the frozen vision tower made of each video
    checkpoints/    step-N, the last few and the best
    final/          the judge: the best checkpoint where training may end early, else the last one
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.datasets import Data, read_data
from training.feed import Rows
from training.parallel import join, lay_out
from training.recipes import DataOptions, Recipe
from training.run_folder import Say, follow, made_before, make_final, open_run, silent, tell_left_out
from training.trainer import Objective, Place, Plan, train
from training.tuning import judge_writer, load_tuning
from workbench.backends.encoding import patch_multiple
from workbench.backends.judge_file import JudgeFile
from workbench.errors import InputError
from workbench.judge_options import prompt_record
from workbench.prompts import load_prompt
from workbench.schema import Sampling, VideoPolicy

__all__ = ["Data", "finetune", "judge_file", "read_data"]

STAGE = "fit"
WORLD_DOMAIN = "Fine-tuned on clips of the procedural world; of natural videos it has seen none in this training."
MIXED_DOMAIN = "Fine-tuned on clips of the procedural world and on other videos."
PATIENCE_FOR_NOTHING = (
    "patience: there are no validation rows, so training does not end early and final/ is the last step's judge; "
    "name some with --validation DIR"
)


def finetune(
    recipe: Recipe,
    options: DataOptions,
    data: Data,
    out: Path,
    *,
    command: str = "",
    features: Path | None = None,
    on_metrics: Callable[[Mapping[str, Any]], None] = lambda line: None,
    on_status: Callable[..., None] = lambda state, **fields: None,
    say: Say = print,
) -> Path:
    """Train, and give the folder of the judge. The same call goes on where a stopped or killed one was.

    Every process of a launch calls it. `features` may be shared by runs on the same base. Raises InputError and
    BackendError for what cannot be trained, StoreError for a folder with other settings, KeyboardInterrupt when stopped.
    """  # fmt: skip
    team = join(recipe.precision)
    config = {"training": 1, "recipe": recipe.record(), "options": options.record(), "data": data.record(),
              "processes": team.size}  # fmt: skip
    say = say if team.leads else silent
    prompts = [prompt_record(load_prompt(name)) for name in recipe.mix]
    with open_run(out, config, prompts, command, team, on_status) as set_status:
        if final := made_before(out, say, set_status):
            return final
        set_status("running", phase="loading", done=0, total=0, eta_seconds=None, last_error=None)
        tuning = load_tuning(recipe, team)
        recipe = replace(recipe, policy=policy_for(recipe.policy, tuning.processor))
        rows = Rows(tuning, recipe, features or out / "features", team)
        rows.prepare(data, set_status)
        tasks = rows.usable(data.train, data.left_out)
        checked = rows.usable(data.validation, data.left_out.validation)
        tell_left_out(out, data.left_out, team, say)
        if not tasks:
            raise InputError(f"data: none of {len(data.train)} rows can be trained on: {data.left_out.counts}.")
        feed = rows.feed(tasks, checked, recipe)
        say(f"{len(tasks)} rows in {feed.steps} steps; {len(checked)} validation rows")
        if recipe.patience and not checked:
            say(PATIENCE_FOR_NOTHING)
        writer = judge_writer(tuning, judge_file(recipe, data.world), team)
        objective = lay_out(Objective(tuning.model, rows.loss_of), tuning.blocks, team, tuning.tower)
        plan = Plan(recipe.lr, recipe.eval_every, recipe.save_every, recipe.keep, recipe.seed, recipe.patience)
        place = Place(STAGE, out, follow(set_status), on_metrics)
        outcome = train(objective, feed, plan, place, team, writer)
        if team.leads:
            make_final(out, outcome, plan, feed.steps, set_status)
        team.wait()
        final = out / "final"
        say(
            f"{final}: made in {outcome.progress.seconds:.0f} s of steps" + (outcome.stopped and f"; {outcome.stopped}")
        )
        return final


def policy_for(policy: VideoPolicy, processor: Any) -> VideoPolicy:
    """The frames that a recipe asks for, in the sizes that the base's patches come to: Qwen3-VL's are larger."""
    multiple = patch_multiple(processor.video_processor)
    return policy if multiple is None else replace(policy, size_multiple=multiple)


def judge_file(recipe: Recipe, world: float) -> JudgeFile:
    """What the judge is made for: the prompts it was trained with, on the scale and frames of its training.

    `world` is the share of its rows that are of the procedural world. Prompts of several scales leave the scale open.
    """
    prompts = [load_prompt(name) for name in recipe.mix]
    scales = {(prompt.form.low, prompt.form.high) for prompt in prompts if prompt.kind == "pointwise"}
    return JudgeFile(
        kinds=tuple(dict.fromkeys(prompt.kind for prompt in prompts)),
        prompts=tuple(prompt.name for prompt in prompts),
        scale=scales.pop() if len(scales) == 1 else None,
        domain=WORLD_DOMAIN if world == 1 else MIXED_DOMAIN if world else "",
        sampling=Sampling(temperature=0.0, max_new_tokens=1024),
        video_policy=recipe.policy,
    )
