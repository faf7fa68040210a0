"""Vision attention over windows: all windows of one length in one call, where the library makes a call for each.

Qwen's towers attend within windows of 64 patches, and over single frames: 38,000 calls for 180 frames. The numbers are
the same to the last bit. Where flash-attention is installed, it takes all windows at once by itself.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# Modelling code hands all windows over at once, with their lengths, to implementations that are called "flash".
NAME = "sdpa_of_windows_handed_over_as_to_flash"


def install(model: Any) -> str | None:
    """Let a model's vision tower attend to its windows at once. The attention used, None where there is none to change."""
    towers = {id(module.config): module for module in model.modules() if _is_tower(module)}
    if not towers:
        return None
    name = "flash_attention_2" if all(map(_runs_flash, towers.values())) else NAME
    if name == NAME:
        from transformers import AttentionInterface

        AttentionInterface.register(NAME, attention)
    for tower in towers.values():
        tower.config._attn_implementation_internal = name
    return name


def _is_tower(module: Any) -> bool:
    """A vision attention that cuts its patches into windows by `cu_seqlens`, and attends as the library does on a CPU."""
    import inspect

    config = getattr(module, "config", None)
    if config is None or not hasattr(module, "qkv") or getattr(module, "is_causal", True):
        return False
    cuts = "cu_seqlens" in inspect.signature(module.forward).parameters
    return cuts and config._attn_implementation in ("sdpa", NAME)


def _runs_flash(tower: Any) -> bool:
    import torch
    from transformers.utils import is_flash_attn_2_available

    weight = tower.qkv.weight
    return weight.is_cuda and weight.dtype in (torch.float16, torch.bfloat16) and is_flash_attn_2_available()


def attention(
    module: Any,
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    attention_mask: "torch.Tensor | None",
    scaling: float | None = None,
    cu_seq_lens_q: "torch.Tensor | None" = None,
    **_: Any,
) -> "tuple[torch.Tensor, None]":
    """[1, patches, heads, size] from query, key and value [1, heads, patches, size] and the windows' ends, int [w + 1]."""
    import torch

    ends = cu_seq_lens_q.tolist()
    lengths = torch.tensor([end - start for start, end in zip(ends, ends[1:], strict=False)])
    output = torch.empty_like(query[0].transpose(0, 1))  # [patches, heads, size]
    for length in lengths.unique().tolist():
        starts = torch.tensor(ends[:-1])[lengths == length]
        where = (starts.unsqueeze(-1) + torch.arange(length)).flatten().to(query.device)
        whole = len(where) == len(output)
        windows = [
            (states[0] if whole else states[0][:, where]).unflatten(1, (-1, length)).transpose(0, 1)
            for states in (query, key, value)
        ]
        found = torch.nn.functional.scaled_dot_product_attention(*windows, scale=scaling)  # [windows, heads, n, size]
        output[slice(None) if whole else where] = found.transpose(1, 2).flatten(0, 1)
    return output.unsqueeze(0), None
