"""What the Train tab asks for to start a training, the command that it comes to, and starting or resuming it."""

import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.presets import PRESETS, Preset
from training.recipes import RECIPES, Recipe
from training.runs import RUNS_WITHIN
from workbench import jobs
from workbench.errors import InputError
from workbench.jobs import Job
from workbench.permissions import check_judge, check_place, check_training
from workbench.run_folders import almost_there, free_folder, resume

COMMAND = ["python", "-m", "training", "fit"]
TRAINING = ["python", "-m", "training"]
NUMBERS = ("lr", "epochs", "max_steps", "batch", "frames", "patience", "seed")  # of a recipe, as the form offers them


@dataclass(frozen=True)
class TrainForm:
    """Everything that the form holds, as it was typed. What is empty is the preset's own; an empty name is made up.

    data: folders, one a line. steps: of the embedded preset, "dense=50 judge=100".
    """

    preset: str = "embedded"
    data: str = ""
    base: str = ""
    steps: str = ""
    lr: str = ""
    epochs: str = ""
    max_steps: str = ""
    batch: str = ""
    frames: str = ""
    patience: str = ""
    seed: str = ""
    name: str = ""

    @property
    def numbers(self) -> dict[str, str]:
        """What was typed of NUMBERS, where anything was."""
        return {name: text.strip() for name in NUMBERS if (text := getattr(self, name)).strip()}

    @property
    def folders(self) -> list[str]:
        return [line.strip() for line in self.data.splitlines() if line.strip()]


def is_recipe(preset: str) -> bool:
    """Whether the preset fine-tunes a published checkpoint; else it is the judge that ships, made from nothing."""
    return preset in RECIPES


def about_preset(name: str) -> str:
    """What a preset trains, in a sentence or two."""
    if name in RECIPES:
        return _about_recipe(RECIPES[name])
    return _about_stages(PRESETS[name]) if name in PRESETS else ""


def _about_recipe(recipe: Recipe) -> str:
    how = {
        "merger and language": "merger and language model",
        "lora": "a LoRA adapter",
        "qlora": "a 4-bit LoRA adapter",
    }
    prompts = ", ".join(name.replace("_", " ") for name in recipe.mix)
    return f"Trains {how[recipe.tuned]} of {recipe.base}. Learns {prompts}. Needs a GPU, unless the base is tiny."


def _about_stages(preset: Preset) -> str:
    steps = ", ".join(f"{name} {plan.steps:,}" for name, plan in preset.stages.items())
    return f"The judge that ships, from random weights, in stages, with a GPU or without. Steps: {steps}. Makes its own data."


def own_number(preset: str, name: str) -> str:
    """The preset's own value of one of NUMBERS, as a placeholder."""
    if preset not in RECIPES:
        return ""
    recipe = RECIPES[preset]
    if name == "frames":
        policy = recipe.policy
        return f"{policy.fps:g} a second, at most {policy.max_frames}" if policy.fps else str(policy.frames)
    value: Any = getattr(recipe, name)
    return {"max_steps": "all", "patience": "off"}.get(name, "") if value is None else f"{value:g}"


def missing_sentence(form: TrainForm) -> str:
    """What the form still needs; "" when it is complete."""
    return almost_there({"name the folder of the training data": form.data}) if is_recipe(form.preset) else ""


def train_command(form: TrainForm, folder: Path) -> list[str]:
    """The words of the command that the form comes to."""
    words = [*COMMAND, f"--preset={form.preset.strip()}", f"--out={folder}"]
    data = form.folders or (["DATA"] if is_recipe(form.preset) else [])
    words += ["--data", *data] if data else []
    if not is_recipe(form.preset):
        return words + (["--steps", *form.steps.split()] if form.steps.strip() else [])
    words += [f"--base={form.base.strip()}"] if form.base.strip() else []
    return words + [f"--{name.replace('_', '-')}={text}" for name, text in form.numbers.items()]


def shown_command(form: TrainForm, runs: Path) -> str:
    """The command line as the form shows it while it is filled in."""
    return shlex.join(train_command(form, runs / (form.name.strip() or "NAME")))


def start_training(form: TrainForm, runs: Path) -> Job:
    """Start the training of a form in a new folder under `runs`. Raises InputError for what would fail at once."""
    check_training()
    if form.preset not in (*PRESETS, *RECIPES):
        raise InputError(f"preset: got {form.preset!r}, expected one of {', '.join([*PRESETS, *RECIPES])}.")
    if sentence := missing_sentence(form):
        raise InputError(sentence)
    _check_numbers(form)
    _check_steps(form)
    if form.base.strip():
        check_judge(f"hf:{form.base.strip()}", ())  # a Hub id, or a checkpoint of a run of theirs
    for folder in form.folders:
        check_place("data", folder)
        if not Path(folder).is_dir():
            raise InputError(f"data: {folder!r} is not there; give the folder of a dataset, a run or a world.")
    _check_world(form)
    out = free_folder(form.name, runs, "training")
    return jobs.start(train_command(form, out.resolve())[1:], out)


def _check_world(form: TrainForm) -> None:
    """Raises InputError where the embedded preset, which learns from what a world knows, is given anything else."""
    if is_recipe(form.preset) or not form.folders:
        return
    if len(form.folders) > 1:
        raise InputError(f"data: got {len(form.folders)} folders, expected one world for the preset {form.preset}.")
    (folder,) = form.folders
    if (Path(folder) / "world.json").is_file() and (
        Path(folder) / "clips"
    ).is_dir():  # an export has facts without clips
        return
    raise InputError(
        f"data: {folder!r} is no world, and the preset {form.preset} learns from one; give a world, or leave it empty. "
        "Datasets and runs are for the other presets."
    )


def _check_steps(form: TrainForm) -> None:
    """Raises InputError for a word that is no STAGE=N: each becomes a word of a command, where --out would be one too."""
    stages = PRESETS[form.preset].stages if form.preset in PRESETS else {}
    for word in form.steps.split() if stages else ():
        stage, _, count = word.partition("=")
        if stage not in stages or not (count.isascii() and count.isdigit()):
            known = ", ".join(stages)
            raise InputError(
                f"steps: got {word!r:.60}, expected STAGE=N with a whole number, such as judge=100; stages are {known}."
            )


def _check_numbers(form: TrainForm) -> None:
    for name, text in form.numbers.items():
        kind = float if name == "lr" else int
        try:
            fits = 0 < kind(text) < math.inf or name == "seed"
        except ValueError:
            fits = False
        if not fits:
            what = "a number" if kind is float else "a whole number"
            raise InputError(f"{name.replace('_', ' ')}: got {text!r:.40}, expected {what} above 0, or nothing.")


def resume_training(folder: Path) -> Job:
    """Start a training's own command again: it goes on from its last checkpoint. Raises InputError where none is known."""
    check_training()
    return resume(folder, TRAINING)


def training_jobs(runs: Path) -> list[Job]:
    """The training runs under a folder, the last one started first."""
    marks = [mark for pattern in ("*/metrics.jsonl", "*/job.json", "*/run.json") for mark in runs.glob(pattern)]
    return [job for job in jobs.find_all({mark.parent for mark in marks}) if _is_training(job)]


def _is_training(job: Job) -> bool:
    logs = [job.folder / stage / "metrics.jsonl" for stage in ("", *RUNS_WITHIN)]
    return any(log.exists() for log in logs) or job.command.startswith(shlex.join(TRAINING))
