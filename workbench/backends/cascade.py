"""Attention over shared prompts: the keys and values of a prefix are stored once, however many sequences go on from it.

Attention over each shared segment and over a sequence's own tokens is computed apart and merged by log-sum-exp
(cascade attention; Juravsky et al. 2024, "Hydragen"; Ye et al. 2024). All sequences of a segment ask it in one matrix
product, so decoding reads a prefix once a step and not once a sequence. transformers' modelling code stays theirs: a
model that `install` was called on attends as before, unless a `Cascade` is passed to its forward.
"""

from typing import TYPE_CHECKING, Any

from workbench.backends import partial_attention, segments
from workbench.backends.partial_attention import (
    Partial,
    Piece,
    attend,
    attend_jointly,
    merge,
    of_neighbours,
    of_several,
    score_count,
)
from workbench.backends.segments import Part, Segment, bands_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

NAME = "sdpa_or_cascade"  # in transformers' registry of attention functions
FIRST_CAPACITY = 32  # columns that a sequence's own tokens start with; doubled when full


class Cascade:
    """Some sequences, each the child of a path of shared segments, with the tokens of its own behind them.

    Sequences that share a segment have to be neighbours. `forward` arguments of the model: `cascade=this` and a mask
    `no_mask`, no cache. Afterwards `advance(n)` keeps the new tokens' keys and values; without it they are forgotten.
    """

    def __init__(self, paths: "Sequence[Sequence[Segment]]"):
        self.count = len(paths)
        self.length = 0  # own tokens kept
        self.visible: torch.Tensor | None = None  # bool [sequences, new tokens, own and new tokens]; None: causal
        self._keys: dict[int, torch.Tensor] = {}  # layer -> [key-value heads, sequences, capacity, size]
        self._values: dict[int, torch.Tensor] = {}
        self._bias: torch.Tensor | None = None  # of this forward, made by its first layer
        self._bands = bands_of(paths)
        # Segments that all have at this depth, and so short that their scores cost little, are asked with the own tokens.
        self._short = [band[0] for band in self._bands if self._is_short(band)]
        self._long = [band for band in self._bands if not self._is_short(band)]

    def advance(self, count: int) -> None:
        """Keep the keys and values of the last forward's first `count` tokens.

        Raises RuntimeError when there are none: the model took no notice of the cascade, its numbers mean nothing.
        """
        if not self._keys:
            raise RuntimeError("the model attended without the cascade; call cascade.install(model) first")
        self.length += count
        self.visible = self._bias = None

    def forget(self) -> None:
        """Keep none of the last forward's tokens."""
        self.advance(0)

    def own(self, row: int, start: int) -> Segment:
        """The kept tokens from `start` on of one sequence, as a segment: copies, as the rest may be mostly padding."""
        layers = range(len(self._keys))
        return Segment(
            tuple(self._keys[layer][:, row, start : self.length].clone() for layer in layers),
            tuple(self._values[layer][:, row, start : self.length].clone() for layer in layers),
        )

    def of(self, rows: "Sequence[int]", paths: "Sequence[Sequence[Segment]]") -> "Cascade":
        """Some of the sequences, with these paths, alone; this one stays as it is."""
        few = Cascade(paths)
        few.length = self.length
        few._keys, few._values = (
            {layer: states[:, list(rows)] for layer, states in store.items()} for store in (self._keys, self._values)
        )
        return few

    def attend(
        self, layer: int, query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor", scale: float
    ) -> "torch.Tensor":
        """[sequences, n, heads, size] from query [sequences, heads, n, size] and the new tokens' keys and values.

        Rows behind the last sequence are padding, and get zeros.
        """
        if padding := query.shape[0] - self.count:
            found = self.attend(layer, *(states[: self.count] for states in (query, key, value)), scale)
            return _padded_rows(found, padding)
        count, heads, new, size = query.shape
        groups = key.shape[1]
        # [key-value heads, sequences, queries, size]: the heads of a group ask the same keys, so they are queries too.
        asked = (query * scale).reshape(count, groups, heads // groups * new, size).transpose(0, 1).contiguous()
        own = Piece(*self._append(layer, key, value), self._own_bias(new, heads // groups, key))
        pieces = [own, *(Piece(part.keys[layer], part.values[layer], part.bias) for part in self._short)]
        if score_count(asked, pieces) <= partial_attention.MOST_SCORES:
            partials, apart = [attend_jointly(asked, pieces)], self._long
        else:
            partials, apart = [attend(asked, *own)], self._bands
        merged = merge([*partials, *(self._band(band, layer, asked) for band in apart)]).to(value.dtype)
        if new == 1:
            return merged.transpose(0, 1).reshape(count, 1, heads, size)
        merged = merged.view(groups, count, heads // groups, new, size)
        return merged.permute(1, 3, 0, 2, 4).reshape(count, new, heads, size)

    def _is_short(self, band: "list[Part]") -> bool:
        part = band[0]
        return len(band) == 1 and part.rows == slice(0, self.count) and part.keys[0].shape[2] < segments.LARGE

    def _append(self, layer: int, key: "torch.Tensor", value: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        """Put the new tokens behind the kept ones; all of a layer's own keys and values."""
        end = self.length + key.shape[2]
        for store, states in ((self._keys, key), (self._values, value)):
            held = store.get(layer)
            if held is None or held.shape[2] < end:
                store[layer] = held = _grown(held, states, self.length, end)
            held[:, :, self.length : end] = states.transpose(0, 1)
        return self._keys[layer][:, :, :end], self._values[layer][:, :, :end]

    def _own_bias(self, new: int, heads: int, like: "torch.Tensor") -> "torch.Tensor | None":
        """float32 [sequences or 1, queries, own and new tokens]: 0 where a query may look, else -inf."""
        import torch

        if self._bias is None and (new > 1 or self.visible is not None):
            visible = self.visible
            if visible is None:
                visible = torch.ones(1, new, self.length + new, dtype=torch.bool, device=like.device).tril(self.length)
            bias = torch.zeros(visible.shape, device=like.device).masked_fill_(~visible, -torch.inf)
            self._bias = bias.repeat(1, heads, 1)
        return self._bias

    def _band(self, band: "list[Part]", layer: int, asked: "torch.Tensor") -> Partial:
        """Attention of all sequences over the segments of one depth; those without one have weight zero."""
        import torch

        if len(band) == 1 and band[0].rows == slice(0, self.count):
            return of_neighbours(band[0], layer, asked)
        output = torch.zeros_like(asked)
        weight = asked.new_full((*asked.shape[:-1], 1), -torch.inf, dtype=torch.float32)
        for part in band:
            if part.slots is None:
                found = of_neighbours(part, layer, asked[:, part.rows])
                output[:, part.rows], weight[:, part.rows] = found.output, found.weight
            else:
                found = of_several(part, layer, asked)
                output[:, part.members], weight[:, part.members] = found.output, found.weight
        return Partial(output, weight)


def rejoined(stages: "Sequence[tuple[Sequence[int], Cascade]]", paths: "Sequence[Sequence[Segment]]") -> Cascade:
    """All sequences again, when some of them went on alone: (rows, their cascade), each stage a part of the one before.

    The tokens of those that stayed behind end earlier; what is behind them has to be hidden by `visible`.
    """
    whole, last = Cascade(paths), stages[-1][1]
    whole.length = last.length
    for store in ("_keys", "_values"):
        for layer, states in getattr(last, store).items():
            heads, _, _, size = states.shape
            joined = states.new_zeros(heads, len(paths), last.length, size)
            for rows, cascade in stages:
                if cascade.length:
                    joined[:, list(rows), : cascade.length] = getattr(cascade, store)[layer][:, :, : cascade.length]
            getattr(whole, store)[layer] = joined
    return whole


def install(model: Any) -> bool:
    """Let a model take a `Cascade`. False where it cannot: layers that do not attend to all that came before,

    or modelling code that does not leave attention to transformers' registry. Without a cascade nothing changes.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    configs = _attention_configs(model)
    if not configs:
        return False

    def attention(module, query, key, value, attention_mask, scaling=None, cascade=None, **options):
        if cascade is None:
            return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
        scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
        return cascade.attend(module.layer_idx, query, key, value, scaling), None

    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    for config in configs:
        config._attn_implementation_internal = NAME  # the setter would hand it on to the vision tower too
    return True


def _attention_configs(model: Any) -> list[Any]:
    """The configs that the language model's attention layers read; empty when these cannot be shared."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    text = model.config.get_text_config()
    layers = [module for module in model.modules() if _is_text_attention(module)]
    caches = DynamicCache(config=model.config).layers
    plain = (
        getattr(model, "_supports_attention_backend", False)
        and len(layers) == text.num_hidden_layers
        and all(type(layer) is DynamicLayer for layer in caches)
        and all(layer.config._attn_implementation in ("sdpa", NAME) for layer in layers)
        and not any(getattr(text, name, None) for name in ("attn_logit_softcapping", "num_kv_shared_layers"))
        and not any(hasattr(layer, "sinks") or getattr(layer, "sliding_window", None) for layer in layers)
    )
    return list({id(layer.config): layer.config for layer in layers}.values()) if plain else []


def _is_text_attention(module: Any) -> bool:
    return all(hasattr(module, name) for name in ("layer_idx", "num_key_value_groups", "is_causal", "config"))


def no_mask(device: Any) -> "torch.Tensor":
    """Stands for "the cascade knows": modelling code takes a four-dimensional mask as it is and builds none."""
    import torch

    return torch.zeros(1, 1, 1, 1, device=device)


def _grown(held: "torch.Tensor | None", states: "torch.Tensor", length: int, end: int) -> "torch.Tensor":
    """Room for `end` tokens of each sequence and as many again, the kept ones copied over."""
    count, heads, _, size = states.shape
    capacity = end if held is None and end > FIRST_CAPACITY else max(FIRST_CAPACITY, 2 * end)
    grown = states.new_empty(heads, count, capacity, size)
    if held is not None:
        grown[:, :, :length] = held[:, :, :length]
    return grown


def _padded_rows(states: "torch.Tensor", count: int) -> "torch.Tensor":
    import torch

    return torch.nn.functional.pad(states, (0, 0, 0, 0, 0, 0, 0, count))
