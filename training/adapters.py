"""LoRA adapters: put on a judge's language model, and saved with the name of the base that they were trained on."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.backends.judge_file import JudgeFile, write_judge_file
from workbench.backends.loading import Source
from workbench.errors import InputError


@dataclass(frozen=True)
class Lora:
    """Size of an adapter. Rank 16 is what Score2Instruct (arXiv 2506.21011) tunes its language model with."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0

    def __post_init__(self):
        for name in ("rank", "alpha"):
            if getattr(self, name) < 1:
                raise InputError(
                    f"{name}: got {getattr(self, name)}, expected at least 1, such as {getattr(Lora, name)}."
                )
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout: got {self.dropout}, expected 0 or a share below 1.")


def add_lora(model: Any, lora: Lora) -> Any:
    """The model with a fresh adapter on every linear layer of its language model; all else is frozen.

    The vision tower stays as it is: some of its layers have the same names, so the language model's are named in full.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=language_layers(model)
    )
    return get_peft_model(model, config)


def language_layers(model: Any) -> str:
    """A regular expression that full names of the language model's linear layers match, and no others."""
    from torch.nn import Linear

    decoder = model.get_decoder()
    path = next(name for name, module in model.named_modules() if module is decoder)
    layers = (name for name, module in decoder.layers.named_modules() if isinstance(module, Linear))
    names = sorted({name.rpartition(".")[2] for name in layers})
    return rf"{re.escape(path)}\.layers\.\d+\.(?:.+\.)?(?:{'|'.join(names)})"


def save_adapter(adapted: Any, folder: Path, base: Source, judge_file: JudgeFile | None = None) -> Path:
    """Write adapter weights and config, and judge.json where the adapter makes another judge of its base.

    The config names the base by its Hub id, or by the last part of its folder, and its revision.
    """
    for config in adapted.peft_config.values():
        config.base_model_name_or_path, config.revision = base.hub_id or base.folder.resolve().name, base.revision
    adapted.save_pretrained(folder, save_embedding_layers=False)  # none are trained; asking would go to the Hub
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty form
    if judge_file is not None:
        write_judge_file(folder, judge_file)
    return folder
