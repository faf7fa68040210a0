"""Judging quality: the two-stage tuning of Score2Instruct (arXiv 2506.21011) on a folder of `python -m bootstrap quality`.

OUT/levels/          stage 1, a run: language model frozen, vision tower and merger learn one level a dimension
OUT/justification/   stage 2, a run: LoRA on the language model learns to justify from dimension to group to the
                     whole, and to judge answers to questions about quality
OUT/run.json, status.json   of the whole, followed and stopped as any run
The judge is OUT/levels/final with the adapter OUT/justification/final; it is made for the prompts of both stages.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from training.adapters import Lora
from training.recipes import DataOptions, Recipe
from training.rows import Example
from training.sources import LeftOut, read_folders
from training.tasks import Task
from workbench.backends.base import Backend
from workbench.backends.judge_file import JudgeFile, read_judge_file, write_judge_file
from workbench.errors import InputError
from workbench.json_files import read_json
from workbench.judge import judge_items
from workbench.prompts import load_prompt
from workbench.quality import score_of_levels
from workbench.schema import Judgment, VideoPolicy

if TYPE_CHECKING:
    from training.datasets import Data

StageName = Literal["levels", "justification"]
KIND = "instruction_kind"  # the tag that tells the rows apart
# Tag -> prompt. Questions are judged as any answer is; its rating counts how far the answer is off.
PROMPTS: dict[StageName, dict[str, str]] = {
    "levels": {"quality dimension": "quality"},
    "justification": {"quality overall": "quality_reasoning", "quality question": "pointwise"},
}

# Halts of a third of a second are seen at 4 frames a second (docs/world.md).
FRAMES = VideoPolicy(fps=4.0, max_frames=32, min_pixels=3_136, max_pixels=50_176, size_multiple=28)


@dataclass(frozen=True)
class QualityPreset:
    """Two recipes in a row. Stages, what is trained in each and the rank are Score2Instruct's; the other numbers ours."""

    name: str
    stages: dict[StageName, Recipe]


def _preset(name: str, base: str) -> QualityPreset:
    levels = Recipe(
        name=f"{name}-levels", base=base, tuned="vision and merger", mix=_shares("levels"), policy=FRAMES, lr=2e-5,
        epochs=2, batch=12, branches=6,
    )  # fmt: skip
    justification = replace(
        levels, name=f"{name}-justification", tuned="lora", lora=Lora(rank=16, alpha=32), mix=_shares("justification"),
        lr=1e-4, epochs=1, batch=8, branches=4,
    )  # fmt: skip
    return QualityPreset(name, {"levels": levels, "justification": justification})


def _shares(stage: StageName) -> dict[str, float]:
    """Equal shares: what a folder holds decides, every row is seen."""
    return {prompt: 1 / len(PROMPTS[stage]) for prompt in PROMPTS[stage].values()}


QUALITY_PRESETS = {
    preset.name: preset
    for preset in (
        _preset("quality-3b", "Qwen/Qwen2.5-VL-3B-Instruct"),
        _preset("quality-7b", "Qwen/Qwen2.5-VL-7B-Instruct"),
    )
}


def load_quality_preset(name: str, base: str | None = None, **changes: Any) -> QualityPreset:
    """The preset of that name, on another base, with numbers changed in both stages. Raises InputError."""
    if name not in QUALITY_PRESETS:
        raise InputError(f"preset: got {name!r}, expected one of {', '.join(QUALITY_PRESETS)}.")
    given = {key: value for key, value in {"base": base, **changes}.items() if value is not None}
    stages = {stage: replace(recipe, **given) for stage, recipe in QUALITY_PRESETS[name].stages.items()}
    return QualityPreset(name, stages)


def quality_tasks(folders: Sequence[Path], stage: StageName, left_out: LeftOut) -> list[Task]:
    """The rows of quality folders that a stage learns from. Raises InputError where a kind of them is missing."""
    prompts = {kind: load_prompt(name) for kind, name in PROMPTS[stage].items()}
    examples = read_folders(folders, DataOptions(), left_out)
    tasks = [
        Task(example, prompts[example.item.tags[KIND]], (0,))
        for example in examples
        if example.item.tags.get(KIND) in prompts
    ]
    for kind in prompts:
        if not any(task.example.item.tags[KIND] == kind for task in tasks):
            raise InputError(
                f"data: got no row of the kind {kind!r} in {', '.join(map(str, folders))}; make the folder with "
                "python -m bootstrap quality."
            )
    return tasks


def fit_quality(
    preset: QualityPreset,
    folders: Sequence[Path],
    out: Path,
    *,
    validation: Sequence[Path] = (),
    stages: Sequence[StageName] = ("levels", "justification"),
    command: str = "",
    say: Callable[[str], None] = print,
) -> Path:
    """Run the stages one after the other and give the folder of the last; a stage that is there is not made again."""
    from training.finetune import finetune
    from training.parallel import join
    from training.run_folder import open_run

    data = {stage: _quality_data(folders, validation, stage, preset.stages[stage].eval_rows) for stage in stages}
    if "levels" not in stages:
        _finished_levels(out)
    team = join(preset.stages[stages[0]].precision)
    with open_run(out, {"training": 1, "quality": preset.name}, [], command, team) as set_status:
        for stage in stages:

            def on_status(state: str, stage: str = stage, **fields: Any) -> None:
                if state == "running":
                    set_status(state, **{**fields, "phase": f"{stage}: {fields.get('phase', '')}"})

            recipe = preset.stages[stage]
            if stage == "justification":
                recipe = replace(recipe, base=str(_finished_levels(out)))
            options = {"command": command, "on_status": on_status, "say": say}
            final = finetune(recipe, DataOptions(), data[stage], out / stage, **options)
            if stage == "justification" and team.leads:
                _declare_both(out / "levels" / "final", final)
        steps = sum(read_json(out / name / "status.json").get("done", 0) for name in get_args(StageName))
        set_status("done", phase="done", done=steps, total=steps)
    return final


def _finished_levels(out: Path) -> Path:
    levels = out / "levels" / "final"
    if not levels.is_dir():
        raise InputError(f"{out}: got no finished stage 'levels' in it; run that first.")
    return levels


def _quality_data(folders: Sequence[Path], validation: Sequence[Path], stage: StageName, eval_rows: int) -> "Data":
    """The rows of a stage; of the validation rows as many as are looked at, evenly."""
    from training.datasets import Data, evenly

    left_out = LeftOut()
    tasks = quality_tasks(folders, stage, left_out)
    held_out = quality_tasks(validation, stage, left_out.validation) if validation else []
    if {task.video for task in tasks} & {task.video for task in held_out}:
        raise InputError("validation: got clips that are trained on too, expected none; give another split.")
    return Data(tasks, evenly(held_out, eval_rows, left_out.validation), left_out, world=1.0)


def _declare_both(levels: Path, justification: Path) -> None:
    """Have the judge of both stages say that it was made for the prompts of both, the first stage's first.

    The paper tunes one model to score and to justify; its adapter alone was shown only what it justifies.
    """
    first, second = read_judge_file(levels) or JudgeFile(), read_judge_file(justification) or JudgeFile()
    prompts = tuple(dict.fromkeys([*first.prompts, *second.prompts]))
    write_judge_file(justification, replace(second, prompts=prompts))


# -- measuring


def level_score(judgment: Judgment) -> float | None:
    """The score in [0, 1] that a judgment's level probabilities stand for; None where it has none."""
    return score_of_levels(judgment.probs) if judgment.probs else None


def measure_levels(backend: Backend, folder: Path, say: Callable[[str], None] = print) -> dict[str, dict[str, Any]]:
    """Spearman of predicted level scores with the true ones, by dimension, over the clips of a folder.

    Each figure has its interval over resampled clips, `n` clips and `of`: how many were asked about; those whose reply
    had no level are left out, never guessed.
    """
    import numpy as np
    from scipy.stats import spearmanr

    from training.intervals import clustered

    found: dict[str, dict[str, Any]] = {}
    for name, examples in _by_dimension(folder).items():
        truth = {each.item.id: each.target.criteria[name] for each in examples}
        judged = judge_items([each.item for each in examples], backend, load_prompt("quality"))
        pairs = [(level_score(each), truth[each.item]) for each in judged]
        given, true = (np.array(some, float) for some in zip(*pairs, strict=True))
        told = ~np.isnan(given)
        given, true = given[told], true[told]

        def spearman(rows: np.ndarray, given=given, true=true) -> float:
            if np.ptp(given[rows]) == 0 or np.ptp(true[rows]) == 0:
                return float("nan")
            return float(spearmanr(given[rows], true[rows]).statistic)

        figure = clustered(spearman, [str(row) for row in range(len(given))]) if len(given) else None
        if figure is None or not np.isfinite([figure.value, figure.low, figure.high]).all():
            say(f"{name}: no rank correlation; {len(given)} of {len(examples)} replies had a level, all alike or none")
            continue
        found[name] = {**figure._asdict(), "of": len(examples)}
        say(
            f"{name}: Spearman {figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}], "
            f"{figure.n} of {len(examples)} clips"
        )
    return found


def _by_dimension(folder: Path) -> dict[str, list[Example]]:
    """The rows about one dimension each, by its name."""
    groups: dict[str, list[Example]] = {}
    for example in read_folders([folder], DataOptions(), LeftOut()):
        if example.item.tags.get(KIND) == "quality dimension":
            (name,) = example.target.criteria
            groups.setdefault(name, []).append(example)
    if not groups:
        raise InputError(
            f"{folder}: got no row of the kind 'quality dimension'; make it with python -m bootstrap quality."
        )
    return groups
