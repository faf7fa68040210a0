"""A scalar head on a checkpoint: where its weights are, what reward.json says of it, and the number it gives.

a sequence classifier            config.json names an architecture ...ForSequenceClassification with one label
reward_head.safetensors          beside the weights of any checkpoint that the local backend loads: a linear layer as
                                 weight [1, hidden] or [hidden], and bias [1] if it has one; the names may have a prefix
                                 (v_head.summary.weight, score.weight)
reward.json (optional)           {"kind": "discriminative" | "semi-scalar", "scale": [low, high] or null}
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from workbench.errors import BackendError, InputError
from workbench.schema import Record

if TYPE_CHECKING:
    import torch

HEAD = "reward_head.safetensors"
SETTINGS = "reward.json"
RewardKind = Literal["discriminative", "semi-scalar"]


@dataclass(frozen=True)
class RewardFile(Record):
    """The fields of reward.json. `scale` is where scores lie; None for a raw scalar, which has no ends."""

    kind: RewardKind = "discriminative"
    scale: tuple[float, float] | None = None

    def __post_init__(self):
        if self.kind not in get_args(RewardKind):
            raise InputError(f"kind: got {self.kind!r}, expected one of {', '.join(get_args(RewardKind))}.")
        if self.scale is not None:
            object.__setattr__(self, "scale", tuple(self.scale))
            if len(self.scale) != 2 or not all(map(math.isfinite, self.scale)) or self.scale[0] >= self.scale[1]:
                raise InputError(f"scale: got {list(self.scale)}, expected its lowest and highest score, or null.")


def read_reward_file(folder: Path) -> RewardFile:
    """The folder's reward.json, or what holds without one. Raises BackendError when it cannot be read as one."""
    path = folder / SETTINGS
    if not path.is_file():
        return RewardFile()
    try:
        return RewardFile.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, InputError, TypeError) as error:
        raise BackendError(f"{SETTINGS} of the checkpoint {folder.name!r} cannot be read: {error}") from error


def is_classifier(config: Mapping[str, Any], folder: Path) -> bool:
    """Whether config.json names a sequence classifier. Raises BackendError for one with several labels."""
    names = config.get("architectures") or []
    if not any(str(name).endswith("ForSequenceClassification") for name in names):
        return False
    labels = len(config.get("id2label") or {}) or config.get("num_labels", 2)
    if labels != 1:
        raise BackendError(
            f"{folder.name!r} is a classifier of {labels} labels; a reward judge has one output, the scalar."
        )
    return True


class Head:
    """A linear layer from the last token's hidden state to one number, in float32."""

    def __init__(self, weight: "torch.Tensor", bias: "torch.Tensor | None"):
        self.weight, self.bias = weight.float().reshape(-1), bias

    def __call__(self, hidden: "torch.Tensor") -> float:
        """The scalar of a hidden state [width]."""
        value = hidden.float() @ self.weight.to(hidden.device)
        return float(value) + (float(self.bias.float().reshape(-1)[0]) if self.bias is not None else 0.0)


def load_head(folder: Path, width: int) -> Head:
    """The head of reward_head.safetensors. Raises BackendError where it is missing, damaged or of another width."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / HEAD
    if not path.is_file():
        raise BackendError(
            f"{folder.name!r} has no scalar head: expected {HEAD} beside its weights, or a sequence classifier with one "
            "label. For a judge that writes its verdict take hf:."
        )
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise BackendError(f"{HEAD} of {folder.name!r} is damaged ({error}); copy it again.") from error
    found: dict[str, Any] = {name.rpartition(".")[2]: tensor for name, tensor in tensors.items()}
    if set(found) - {"weight", "bias"} or "weight" not in found or len(found) != len(tensors):
        raise BackendError(
            f"{HEAD} of {folder.name!r}: got {', '.join(sorted(tensors))}, expected one linear layer: weight, and a bias."
        )
    if found["weight"].numel() != width:
        shape = list(found["weight"].shape)
        raise BackendError(f"{HEAD} of {folder.name!r}: got a weight of {shape}, expected [1, {width}] for this model.")
    return Head(found["weight"], found.get("bias"))
