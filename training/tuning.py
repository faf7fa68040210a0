"""A published checkpoint made ready to be fine-tuned, and what was trained written as a judge that can be loaded.

"merger and language": the vision tower is frozen, all else is trained in float32 (the paper's recipe). "vision and
merger": the language model is frozen (the first stage of Score2Instruct, arXiv 2506.21011). "lora", "qlora":
adapters on the language model, whose own weights are frozen, for qlora in 4 bits.
"""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from training.adapters import add_lora, save_adapter
from training.branches import use_branch_attention
from training.features import modality
from training.parallel import Team, whole_tensor
from training.recipes import Recipe
from workbench.backends.judge_file import JudgeFile, write_judge_file
from workbench.backends.loading import (
    Placement,
    Source,
    check_safetensors,
    load_model,
    load_processor,
    place,
    read_config,
    reads_video,
    resolve,
    transformers_alone,
)
from workbench.backends.positions import RopeRule, rope_rule
from workbench.errors import BackendError, InputError

TOWER = re.compile(r"model\.(visual|vision_model)\.(?!merger|deepstack_merger_list)")  # names of frozen parameters


class Tuning(NamedTuple):
    """A model in training. `adapted` is peft's handle of it; None where no adapter is trained."""

    model: Any
    adapted: Any
    processor: Any
    rule: RopeRule | None
    source: Source
    config: Any  # of the base, as it was read

    @property
    def blocks(self) -> list[torch.nn.Module]:
        """The layers of the language model, which FSDP gathers one by one."""
        return list(self.model.get_decoder().layers)

    @property
    def tower(self) -> list[torch.nn.Module]:
        """The frozen parts of the vision tower."""
        tower = getattr(self.model.model, "visual", None)
        if tower is None:
            return [self.model.model.vision_model]
        return [child for name, child in tower.named_children() if "merger" not in name]


def load_tuning(recipe: Recipe, team: Team) -> Tuning:
    """Load the base by the workbench's road (safetensors only, no remote code) and set what is trained.

    Raises BackendError for a base that cannot be loaded, InputError for one that cannot be trained so.
    """
    if recipe.lora and team.layout == "fsdp2":
        raise InputError(
            f"{recipe.name}: adapters are trained on one GPU, or with a copy of the model on each; launch without "
            "--config_file training/fsdp2.yaml."
        )
    if recipe.tuned == "vision and merger" and team.layout == "fsdp2":
        raise InputError(f"{recipe.name}: a vision tower is trained whole on every GPU; launch without FSDP.")
    source = resolve(recipe.base, None)
    check_safetensors(source.folder, "checkpoint")
    config = read_config(source.folder)
    if not reads_video(config, source.folder):
        raise InputError(f"base: got {recipe.base!r}, which reads text only; give a checkpoint that takes video.")
    processor = load_processor(source.folder, True)
    model, _ = load_model(source.folder, True, _placement(recipe, team))
    if recipe.tuned == "qlora":
        _never_repack(model)
    rule = rope_rule(config)
    modality(model)  # refuses families whose packs are untested
    use_branch_attention(model)
    with transformers_alone():
        model.requires_grad_(False)
        torch.manual_seed(recipe.seed)  # of a fresh adapter
        adapted = add_lora(model, recipe.lora) if recipe.lora else None
        if recipe.tuned == "merger and language":
            _train_all_but_the_tower(model, team)
        elif recipe.tuned == "vision and merger":
            _train_all_but_the_language(model)
        if recipe.checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})
    return Tuning(model, adapted, processor, rule, source, config)


def _placement(recipe: Recipe, team: Team) -> Placement:
    """Float32 for weights that are trained: in bfloat16 a step of 2e-7 is rounded away. FSDP moves shards by itself."""
    device = "cpu" if team.layout == "fsdp2" else str(team.device)
    dtype = "float32" if recipe.lora is None else str(team.dtype).removeprefix("torch.")
    return place(device, dtype, None, "4bit" if recipe.tuned == "qlora" else None)


def _never_repack(model: Any) -> None:
    """On CPUs bitsandbytes lays out 4-bit weights anew once they are evaluated; no gradient passes them after that."""
    from bitsandbytes.nn import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def _train_all_but_the_tower(model: Any, team: Team) -> None:
    for name, parameter in model.named_parameters():
        if TOWER.match(name):
            parameter.data = parameter.data.to(team.dtype)
        else:
            parameter.requires_grad_(True)


def _train_all_but_the_language(model: Any) -> None:
    language = {id(each) for each in [*model.get_decoder().parameters(), *model.get_output_embeddings().parameters()]}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) not in language)


def judge_writer(tuning: Tuning, judge_file: JudgeFile, team: Team) -> Callable[[Path], None]:
    """What writes the judge as it is now into a folder; all processes call it, the one that leads writes."""

    def write(folder: Path) -> None:
        if tuning.adapted is not None:
            if team.leads:
                save_adapter(tuning.adapted, folder, tuning.source, judge_file)
            return
        weights = _weights(tuning.model, _dtype(tuning.config), team)
        if team.leads:
            _write_checkpoint(tuning, weights, folder)
            write_judge_file(folder, judge_file)

    return write


def _weights(model: Any, dtype: torch.dtype, team: Team) -> dict[str, torch.Tensor]:
    """All weights in the base's dtype, whole, in the memory of the process that leads; empty in the others."""
    found = {}
    for name, parameter in model.named_parameters():
        whole = whole_tensor(parameter.detach())
        if team.leads:
            found[name] = whole.to("cpu", dtype)
    return found


def _dtype(config: Any) -> torch.dtype:
    """What the base is stored in."""
    told = getattr(config, "dtype", None) or getattr(config.get_text_config(), "dtype", None) or torch.float32
    return getattr(torch, told) if isinstance(told, str) else told


@transformers_alone()
def _write_checkpoint(tuning: Tuning, weights: dict[str, torch.Tensor], folder: Path) -> None:
    """Save through a model without memory of its own that is given the weights: the one in training is laid out."""
    config = copy.deepcopy(tuning.config)
    with torch.device("meta"):
        model = type(tuning.model)._from_config(config)
    missing, unexpected = model.load_state_dict(weights, assign=True, strict=False)
    model.tie_weights()
    if unexpected or any(tensor.is_meta for tensor in model.state_dict().values()):
        raise BackendError(f"The trained weights do not fill the model: {[*missing, *unexpected][:3]}; report this.")
    model.save_pretrained(folder)
    tuning.model.generation_config.save_pretrained(folder)
    tuning.processor.save_pretrained(folder)
