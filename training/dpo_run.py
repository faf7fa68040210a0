"""A DPO training from a folder of pairs to a judge, in one run folder like a fine-tuning's (training/finetune.py).

Beside that: RUN/reference-N.jsonl, the reference's log-probability of every reply, computed once before the first step
(with the adapter off, or by the weights as they were loaded: no second copy is kept in memory), and RUN/figures.json.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from training.adapters import Lora
from training.dpo import DpoOptions
from training.dpo_feed import Requests
from training.dpo_requests import Preferences, Request, hold_out, read_preferences
from training.parallel import join, lay_out
from training.recipes import Recipe
from training.run_folder import Say, follow, made_before, make_final, open_run, silent, tell_left_out
from training.sources import LeftOut
from training.trainer import Objective, Place, Plan, train
from training.tuning import Tuning, judge_writer, load_tuning
from workbench.backends.judge_file import JudgeFile, read_judge_file
from workbench.judge_options import prompt_record
from workbench.schema import content_id

STAGE = "dpo"


def dpo_recipe(base: str, preferences: Preferences, lora: Lora | None, **changes: Any) -> Recipe:
    """The numbers of a DPO training, ours throughout. A micro-batch is `batch` requests with all their replies."""
    recipe = Recipe(
        name="dpo-lora" if lora else "dpo", base=base, tuned="lora" if lora else "merger and language", lora=lora,
        mix={preferences.prompt.name: 1.0}, policy=preferences.policy, lr=5e-6 if lora else 5e-7, epochs=1, batch=4,
        accumulation=4, branches=1,
    )  # fmt: skip
    return replace(recipe, **{name: value for name, value in changes.items() if value is not None})


def run_dpo(
    folder: Path,
    base: str,
    out: Path,
    options: DpoOptions,
    *,
    lora: Lora | None,
    command: str = "",
    say: Say = print,
    **changes: Any,
) -> Path:
    """Train on the folder's pairs and give the folder of the judge; the same call goes on where it stopped.

    `base` is the SFT checkpoint that wrote the samples, `changes` are fields of Recipe. Raises InputError, BackendError.
    """  # fmt: skip
    preferences = read_preferences(folder)
    recipe = dpo_recipe(base, preferences, lora, **changes)
    team = join(recipe.precision)
    kept, held_out = hold_out(preferences.requests, options.validation, recipe.seed)
    config = {
        "training": 1,
        "recipe": recipe.record(),
        "options": asdict(options),
        "data": data_record(preferences, kept, held_out),
        "processes": team.size,
    }
    say = say if team.leads else silent
    with open_run(out, config, [prompt_record(preferences.prompt)], command, team) as set_status:
        if final := made_before(out, say, set_status):
            return final
        tuning = load_tuning(recipe, team)
        if (said := other_judge(preferences.record, tuning)) and team.leads:
            say(said)
        rows = Requests(tuning, recipe, options, out, team)
        left_out = LeftOut()
        kept, held_out = rows.prepare(kept, held_out, left_out, set_status)
        tell_left_out(out, left_out, team, say)
        writer = judge_writer(tuning, read_judge_file(tuning.source.folder) or JudgeFile(), team)
        objective = lay_out(Objective(tuning.model, rows.loss_of), tuning.blocks, team, tuning.tower)
        rows.reference(objective, [*kept, *held_out], set_status)
        feed = rows.feed(kept, held_out)
        say(f"{sum(len(each.pairs) for each in kept)} pairs of {len(kept)} requests in {feed.steps} steps")
        plan = Plan(recipe.lr, recipe.eval_every, recipe.save_every, recipe.keep, recipe.seed)
        outcome = train(objective, feed, plan, Place(STAGE, out, follow(set_status)), team, writer)
        figures = rows.figures(objective, held_out)
        if team.leads:
            (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
            make_final(out, outcome, plan, feed.steps, set_status)
        team.wait()
        for mode, some in figures.items():
            for name, figure in some.items():
                say(
                    f"{mode}: {name} {figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}], n = {figure['n']}"
                )
        return out / "final"


def data_record(preferences: Preferences, kept: Sequence[Request], held_out: Sequence[Request]) -> dict[str, Any]:
    """What run.json keeps of the pairs: whose labels, which prompt, and a hash and counts of both sets."""
    sets = {"train": kept, "held_out": held_out}
    return {"labels_by": preferences.record["labels_by"], "prompt": preferences.prompt.name} | {
        name: {
            "sha256": content_id([each.mark for each in some]),
            "pairs": sum(len(each.pairs) for each in some),
            "requests": len(some),
            "videos": len({each.task.video for each in some}),
        }
        for name, some in sets.items()
    }


def other_judge(record: Mapping[str, Any], tuning: Tuning) -> str:
    """A warning where the samples were written by another judge than the one that is trained."""
    wrote = (record.get("judge_settings") or {}).get("revision")
    if wrote in (None, tuning.source.revision) and not (record.get("judge_settings") or {}).get("adapter"):
        return ""
    return (
        f"note: the samples are {record['judge']}'s ({wrote}), but {tuning.source.folder.name} "
        f"({tuning.source.revision}) is trained; DPO is meant for a judge's own samples."
    )
