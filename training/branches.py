"""Attention over packs: branches that share one prefix, each seeing the prefix and itself, in one unpadded row.

It is registered with transformers as the attention of the language model, so the modelling code stays theirs. No
[n, n] mask is made: a mask would cost as much as full attention, and most of a pack's mask is empty.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence

from workbench.errors import InputError

NAME = "branches"  # of the attention, as transformers registers it


class Layout(NamedTuple):
    """The lengths of one pack: its prefix, then each branch. A row alone is a prefix without branches."""

    prefix: int
    branches: tuple[int, ...] = ()


class Span(NamedTuple):
    """Where a pack lies in the row: its prefix is [start, split), its branches are the [start, end) in `branches`."""

    start: int
    split: int
    end: int
    branches: tuple[tuple[int, int], ...]


def spans(layouts: Sequence[Layout]) -> Iterator[Span]:
    """The places of packs that lie one after the other."""
    start = 0
    for layout in layouts:
        ends = [start + layout.prefix]
        for length in layout.branches:
            ends.append(ends[-1] + length)
        yield Span(start, ends[0], ends[-1], tuple(zip(ends[:-1], ends[1:], strict=True)))
        start = ends[-1]


def use_branch_attention(model: Any) -> None:
    """Let the language model of a checkpoint attend by `branch_attention`; without packs it is transformers' SDPA."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    config = model.config
    if config.get_text_config()._attn_implementation == NAME:
        return
    ALL_ATTENTION_FUNCTIONS.register(NAME, branch_attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, sdpa_mask)
    alone = config.get_text_config() is config
    model.set_attn_implementation(NAME if alone else {"text_config": NAME})


def branch_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    layouts: Sequence[Layout] | None = None,
    watched: dict[int, Any] | None = None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention interface: query [b, heads, n, size], keys and values with their own heads -> [b, n, ...].

    With `layouts`, b is 1 and the packs fill the row; `attention_mask` is then not read. Layers that are keys of
    `watched` leave their rotated queries and keys there. Raises InputError for a layer
    with a sliding window, which packs do not know.
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if watched is not None and module.layer_idx in watched:
        watched[module.layer_idx] = query, key
    if layouts is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling,
            sliding_window=sliding_window, **kwargs,
        )  # fmt: skip
    if sliding_window is not None:
        raise InputError("packing: got a layer with a sliding window, expected full attention; train without packs.")
    # Under autocast rotated queries and keys are wider than values; the kernels below want one dtype.
    query, key = query.to(value.dtype), key.to(value.dtype)
    if query.device.type == "cpu" and not dropout:
        with torch.autocast("cpu", enabled=False):  # on CPUs the fused kernel is slower in bfloat16
            output = Cascade.apply(query.float(), key.float(), value.float(), tuple(layouts), scaling)
    else:
        output = joined(query, key, value, layouts, dropout, scaling)
    return output.transpose(1, 2).contiguous(), None


def joined(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layouts: Sequence[Layout],
    dropout: float = 0.0,
    scaling: float | None = None,
) -> torch.Tensor:
    """Two calls a pack: the prefix causal, and all branches as one batch whose keys are [prefix, own branch].

    Each is a plain (lower-right) causal attention, which the fused kernels of a GPU take without a mask. [1, heads, n, size].
    """
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    parts = []
    for start, split, _, branches in spans(layouts):
        if split > start:
            prefix = (each[:, :, start:split] for each in (query, key, value))
            parts.append(scaled_dot_product_attention(*prefix, dropout_p=dropout, is_causal=True, scale=scaling))
        if branches:
            own_query, own_key, own_value = (_batch(each, branches) for each in (query, key, value))
            keys, values = (
                torch.cat([each[:, :, start:split].expand(len(branches), -1, -1, -1), own], 2)
                for each, own in ((key, own_key), (value, own_value))
            )
            mask = causal_lower_right(own_query.shape[2], keys.shape[2])
            found = scaled_dot_product_attention(
                own_query, keys, values, attn_mask=mask, dropout_p=dropout, scale=scaling
            )
            parts += [found[row : row + 1, :, : end - first] for row, (first, end) in enumerate(branches)]
    return torch.cat(parts, 2)


def _batch(states: torch.Tensor, branches: Sequence[tuple[int, int]]) -> torch.Tensor:
    """[1, heads, n, size] -> [branches, heads, longest, size], padded at the end, where no real query looks."""
    rows = [states[0, :, first:end].transpose(0, 1) for first, end in branches]
    return pad_sequence(rows, batch_first=True).transpose(1, 2)


class Cascade(torch.autograd.Function):
    """The same on a CPU without copying the prefix: what branches see of the prefix, and of themselves, merged.

    Partial attentions over disjoint keys merge exactly by their log-sum-exp (cascade attention; Ye et al. 2024,
    FlashInfer). Going back, each part is given the merged output and log-sum-exp, as in ring attention (Liu et al. 2023).
    """

    @staticmethod
    def forward(ctx, query, key, value, layouts, scaling):
        places = tuple(spans(layouts))
        output = torch.empty_like(query)
        sums = query.new_empty(query.shape[:3], dtype=torch.promote_types(query.dtype, torch.float32))
        for start, split, end, branches in places:
            for first, last in ((start, split), *branches):
                if last > first:
                    output[:, :, first:last], sums[:, :, first:last] = _flash(
                        query[:, :, first:last], key[:, :, first:last], value[:, :, first:last], True, scaling
                    )
            if branches and split > start:
                _merge(output[:, :, split:end], sums[:, :, split:end], *_flash(
                    query[:, :, split:end], key[:, :, start:split], value[:, :, start:split], False, scaling
                ))  # fmt: skip
        ctx.save_for_backward(query, key, value, output, sums)
        ctx.places, ctx.scaling = places, scaling
        return output

    @staticmethod
    def backward(ctx, grad):
        query, key, value, output, sums = ctx.saved_tensors
        grads = torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
        grad = grad.contiguous()

        def part(asked: slice, seen: slice, causal: bool) -> tuple[torch.Tensor, ...]:
            return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
                grad[:, :, asked], query[:, :, asked], key[:, :, seen], value[:, :, seen],
                output[:, :, asked], sums[:, :, asked], 0.0, causal, scale=ctx.scaling,
            )  # fmt: skip

        for start, split, end, branches in ctx.places:
            for first, last in ((start, split), *branches):
                if last > first:
                    own = slice(first, last)
                    for total, found in zip(grads, part(own, own, True), strict=True):
                        total[:, :, own] = found
            if branches and split > start:
                asked, seen = slice(split, end), slice(start, split)
                for total, found, place in zip(grads, part(asked, seen, False), (asked, seen, seen), strict=True):
                    total[:, :, place] += found
        return *grads, None, None


def _flash(query, key, value, causal: bool, scaling: float | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Output [1, heads, n, size] and log-sum-exp [1, heads, n] of PyTorch's fused kernel for CPUs."""
    return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, key, value, 0.0, causal, scale=scaling)


def _merge(output: torch.Tensor, sums: torch.Tensor, other: torch.Tensor, other_sums: torch.Tensor) -> None:
    """Add what was seen of other keys to `output` and `sums`, in place."""
    total = torch.logaddexp(sums, other_sums)
    share, other_share = ((each - total).exp().unsqueeze(-1) for each in (sums, other_sums))
    output.copy_(output * share + other * other_share)
    sums.copy_(total)
