"""The embedded fit's arithmetic: operations in forms that a CPU runs several times faster, exact in float32, and bfloat16.

Products in bfloat16 run ten times faster than in float32 on CPUs with matrix units, and three times with AVX-512 BF16;
convolutions and fused attention in bfloat16 run slower: so patches are embedded by a product, windows of equal size
attend as one batch, and attention stays in float32.
"""

from types import MethodType
from typing import Any

import torch
from torch.nn import functional


def use_fast_forms(model: Any) -> None:
    """Replace patch embedding and window attention of a Qwen2.5-VL vision tower by their faster forms."""
    tower = model.model.visual
    tower.patch_embed.forward = MethodType(_embed_patches, tower.patch_embed)
    for block in tower.blocks:
        block.attn.forward = MethodType(_attend_in_windows, block.attn)


def mixed_precision(device: torch.device) -> Any:
    """Products in bfloat16, all else in float32; nothing where the device has no fast bfloat16."""
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def _embed_patches(self: Any, patches: torch.Tensor) -> torch.Tensor:
    """A convolution whose kernel is the whole patch is a product: [n, pixels of a patch] -> [n, width]."""
    return functional.linear(patches.view(len(patches), -1), self.proj.weight.view(self.embed_dim, -1))


def _attend_in_windows(
    self: Any, hidden_states: torch.Tensor, cu_seqlens: torch.Tensor, position_embeddings: Any, **kwargs: Any
) -> torch.Tensor:
    """Attention within windows [n, width], of which all must be equally large, as one batch."""
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import apply_rotary_pos_emb_vision

    lengths = cu_seqlens.diff().unique()
    assert len(lengths) == 1, f"windows of equal size expected, got {lengths.tolist()}"
    split = self.qkv(hidden_states).unflatten(-1, (3, self.num_heads, -1)).unbind(1)
    with torch.autocast(hidden_states.device.type, enabled=False):
        query, key, value = (each.float() for each in split)
        query, key = apply_rotary_pos_emb_vision(query, key, *position_embeddings)
        windows = (each.unflatten(0, (-1, int(lengths))).transpose(1, 2) for each in (query, key, value))
        seen = functional.scaled_dot_product_attention(*windows, scale=self.scaling)
    return self.proj(seen.transpose(1, 2).flatten(0, 1).flatten(1))
