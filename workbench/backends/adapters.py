"""PEFT adapters that are known to work: every key is in the model, and the model answers differently with it.

Keys of LoRA files were renamed across library versions and then silently not applied, which leaves an untuned judge.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.backends.loading import transformers_alone
from workbench.backends.probe import probe_logits
from workbench.errors import BackendError

if TYPE_CHECKING:
    from workbench.backends.positions import RopeRule


class Adapted(NamedTuple):
    """A model with its adapter: the PeftModel around it, and how far the adapter moves a logit of the probe."""

    model: Any
    moved: float


@transformers_alone()
def apply_adapter(model: Any, folder: Path, processor: Any, rule: "RopeRule | None") -> Adapted:
    """Put an adapter into the model, in place.

    Raises BackendError when a key is missing or unexpected, shapes differ, or the logits do not move at all.
    """
    from peft import PeftConfig, PeftModel

    if not (folder / "adapter_config.json").is_file():
        raise BackendError(f"{folder.name!r} is no adapter: it has no adapter_config.json.")
    try:
        if PeftConfig.from_pretrained(folder).is_prompt_learning:
            raise BackendError(f"{folder.name!r} is a prompt-tuning adapter; LoRA and its kind are supported.")
        adapted = PeftModel.from_pretrained(model, folder)
        # Once more for its result, which from_pretrained turns into a mere warning.
        renames = getattr(model, "_checkpoint_conversion_mapping", {})
        result = adapted.load_adapter(folder, "default", key_mapping=renames)
    except (ValueError, RuntimeError, TypeError, KeyError, OSError) as error:
        raise BackendError(f"The adapter {folder.name!r} does not fit this model: {str(error)[:300]}") from error
    _check_keys(folder, list(result.missing_keys), list(result.unexpected_keys))
    moved = _effect(adapted, processor, rule)
    if not moved > 0:
        raise BackendError(f"The adapter {folder.name!r} has no effect: the model's logits are the same without it.")
    return Adapted(adapted, moved)


def _check_keys(folder: Path, missing: list[str], unexpected: list[str]) -> None:
    for kind, keys in (("lacks", missing), ("has unknown", unexpected)):
        if keys:
            raise BackendError(
                f"The adapter {folder.name!r} {kind} weights ({len(keys)}, first: {keys[0]}), so it would not be fully "
                "applied. It was made for another base model, or by a library version with other names for the layers."
            )


def _effect(adapted: Any, processor: Any, rule: "RopeRule | None") -> float:
    """The largest difference between the probe's logits with and without the adapter."""
    model = adapted.get_base_model()
    on = probe_logits(model, processor, rule)
    with adapted.disable_adapter():
        off = probe_logits(model, processor, rule)
    return float((on - off).abs().max())
