"""Attention over shared prompts: the keys and values of a prefix are stored once, however many sequences go on from it.

Attention over each shared segment and over a sequence's own tokens is computed apart and merged by log-sum-exp
(cascade attention; Juravsky et al. 2024, "Hydragen"; Ye et al. 2024). All sequences of a segment ask it in one matrix
product, so decoding reads a prefix once a step and not once a sequence. transformers' modelling code stays theirs: a
model that `install` was called on attends as before, unless a `Cascade` is passed to its forward.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

NAME = "sdpa_or_cascade"  # in transformers' registry of attention functions
LARGE = 256  # tokens from which a segment is a matrix product of its own; shorter ones are padded and batched
MOST_SCORES = 1 << 25  # attention scores held at a time; more are computed in chunks
FIRST_CAPACITY = 32  # columns that a sequence's own tokens start with; doubled when full


class Segment(NamedTuple):
    """Keys and values of a run of prompt tokens: float [key-value heads, n, size] for every layer."""

    keys: "tuple[torch.Tensor, ...]"
    values: "tuple[torch.Tensor, ...]"

    @property
    def length(self) -> int:
        return self.keys[0].shape[1]


class Part(NamedTuple):
    """One or more segments of the same depth that are asked in one product.

    `keys`, `values`: for each layer [key-value heads, segments, n, size]. `bias` float [segments, 1, n] hides padding.
    `rows`: the sequences that ask, contiguous and of one segment; or `slots` int64 [segments, most sequences of one]
    for several, of which slot `back` [sequences] belongs to each of the sequences `members`.
    """

    keys: "list[torch.Tensor]"
    values: "list[torch.Tensor]"
    bias: "torch.Tensor | None" = None
    rows: slice = slice(None)
    slots: "torch.Tensor | None" = None
    members: "torch.Tensor | None" = None
    back: "torch.Tensor | None" = None


class Partial(NamedTuple):
    """Attention over some of the keys: the normalised output and the log-sum-exp of the scores."""

    output: "torch.Tensor"  # float [..., queries, size]
    weight: "torch.Tensor"  # float32 [..., queries, 1]


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
        self._bands = _bands(paths)

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
        """The kept tokens from `start` on of one sequence, as a segment (views)."""
        layers = range(len(self._keys))
        return Segment(
            tuple(self._keys[layer][:, row, start : self.length] for layer in layers),
            tuple(self._values[layer][:, row, start : self.length] for layer in layers),
        )

    def attend(
        self, layer: int, query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor", scale: float
    ) -> "torch.Tensor":
        """[sequences, n, heads, size] from query [sequences, heads, n, size] and the new tokens' keys and values."""

        count, heads, new, size = query.shape
        groups = key.shape[1]
        # [key-value heads, sequences, queries, size]: the heads of a group ask the same keys, so they are queries too.
        asked = (query * scale).reshape(count, groups, heads // groups * new, size).transpose(0, 1).contiguous()
        keys, values = self._append(layer, key, value)
        partials = [_attend(asked, keys, values, self._own_bias(new, heads // groups, key))]
        partials += [self._band(band, layer, asked) for band in self._bands]
        merged = _merge(partials).to(value.dtype)
        if new == 1:
            return merged.transpose(0, 1).reshape(count, 1, heads, size)
        merged = merged.view(groups, count, heads // groups, new, size)
        return merged.permute(1, 3, 0, 2, 4).reshape(count, new, heads, size)

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

        if len(band) == 1 and band[0].slots is None and band[0].rows == slice(0, self.count):
            return _of_one(band[0], layer, asked)
        output = torch.zeros_like(asked)
        weight = asked.new_full((*asked.shape[:-1], 1), -torch.inf, dtype=torch.float32)
        for part in band:
            if part.slots is None:
                found = _of_one(part, layer, asked[:, part.rows])
                output[:, part.rows], weight[:, part.rows] = found.output, found.weight
            else:
                found = _of_several(part, layer, asked)
                output[:, part.members], weight[:, part.members] = found.output, found.weight
        return Partial(output, weight)


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


# -- the segments of a batch


def _bands(paths: "Sequence[Sequence[Segment]]") -> list[list[Part]]:
    """For every depth the parts that all sequences' segments of that depth make up."""
    deepest = max(map(len, paths))
    return [
        _band_parts(_runs([path[depth] if depth < len(path) else None for path in paths])) for depth in range(deepest)
    ]


def _runs(segments: "Sequence[Segment | None]") -> list[tuple[Segment, slice]]:
    """Neighbours with the same segment."""
    runs: list[tuple[Segment, slice]] = []
    for row, segment in enumerate(segments):
        if runs and runs[-1][0] is segment and runs[-1][1].stop == row:
            runs[-1] = (segment, slice(runs[-1][1].start, row + 1))
        elif segment is not None:
            runs.append((segment, slice(row, row + 1)))
    return runs


def _band_parts(runs: list[tuple[Segment, slice]]) -> list[Part]:
    small = [run for run in runs if run[0].length < LARGE]
    if len(small) < 2:
        small = []
    large = [run for run in runs if not any(run is one for one in small)]
    parts = [Part(_unsqueezed(one.keys), _unsqueezed(one.values), rows=rows) for one, rows in large]
    return parts + ([_padded(small)] if small else [])


def _unsqueezed(layers: "tuple[torch.Tensor, ...]") -> "list[torch.Tensor]":
    return [states.unsqueeze(1) for states in layers]


def _padded(runs: list[tuple[Segment, slice]]) -> Part:
    """Short segments side by side, each once, padded to the longest."""
    import torch

    first = runs[0][0].keys[0]
    longest = max(segment.length for segment, _ in runs)
    most = max(rows.stop - rows.start for _, rows in runs)
    bias = torch.zeros(len(runs), 1, longest)
    slots = torch.zeros(len(runs), most, dtype=torch.long)
    members, back = [], []
    for number, (segment, rows) in enumerate(runs):
        count = rows.stop - rows.start
        bias[number, :, segment.length :] = -torch.inf
        slots[number, :count] = torch.arange(rows.start, rows.stop)
        members += range(rows.start, rows.stop)
        back += range(number * most, number * most + count)
    device = first.device
    keys, values = (
        [
            _stack([getattr(segment, name)[layer] for segment, _ in runs], longest)
            for layer in range(len(runs[0][0].keys))
        ]
        for name in ("keys", "values")
    )
    index = [torch.tensor(numbers, device=device) for numbers in (members, back)]
    return Part(keys, values, bias.to(device), slots=slots.to(device), members=index[0], back=index[1])


def _stack(states: "list[torch.Tensor]", longest: int) -> "torch.Tensor":
    """[heads, segments, longest, size], zeros behind the shorter ones."""
    heads, _, size = states[0].shape
    stacked = states[0].new_zeros(heads, len(states), longest, size)
    for number, one in enumerate(states):
        stacked[:, number, : one.shape[1]] = one
    return stacked


def _grown(held: "torch.Tensor | None", states: "torch.Tensor", length: int, end: int) -> "torch.Tensor":
    """Room for `end` tokens of each sequence and as many again, the kept ones copied over."""
    count, heads, _, size = states.shape
    capacity = end if held is None and end > FIRST_CAPACITY else max(FIRST_CAPACITY, 2 * end)
    grown = states.new_empty(heads, count, capacity, size)
    if held is not None:
        grown[:, :, :length] = held[:, :, :length]
    return grown


# -- attention with its log-sum-exp


def _of_one(part: Part, layer: int, asked: "torch.Tensor") -> Partial:
    """Sequences that share one segment: their queries are rows of one matrix product a key-value head."""
    heads, count, queries, size = asked.shape
    together = asked.reshape(heads, 1, count * queries, size)
    found = _attend(together, part.keys[layer], part.values[layer], None)
    return Partial(found.output.view(asked.shape), found.weight.view(heads, count, queries, 1))


def _of_several(part: Part, layer: int, asked: "torch.Tensor") -> Partial:
    """Sequences of several short segments: for every segment as many queries as the most asked one has."""
    heads, _, queries, size = asked.shape
    segments, most = part.slots.shape
    gathered = asked[:, part.slots.flatten()].view(heads, segments, most * queries, size)
    found = _attend(gathered, part.keys[layer], part.values[layer], part.bias)
    output = found.output.view(heads, segments * most, queries, size)[:, part.back]
    return Partial(output, found.weight.view(heads, segments * most, queries, 1)[:, part.back])


def _attend(
    asked: "torch.Tensor", keys: "torch.Tensor", values: "torch.Tensor", bias: "torch.Tensor | None"
) -> Partial:
    """Attention of scaled queries [h, s, q, size] over keys and values [h, s, n, size]; bias [s or 1, q or 1, n]."""
    import torch

    heads, segments, queries, _ = asked.shape
    step = max(1, MOST_SCORES // (heads * segments * keys.shape[2]))
    if queries > step:
        chunks = [slice(start, start + step) for start in range(0, queries, step)]
        biases = [bias if bias is None or bias.shape[1] == 1 else bias[:, chunk] for chunk in chunks]
        found = [_attend(asked[:, :, c], keys, values, b) for c, b in zip(chunks, biases, strict=True)]
        return Partial(*(torch.cat(pieces, dim=2) for pieces in zip(*found, strict=True)))
    scores = torch.matmul(asked, keys.transpose(-1, -2)).float()
    if bias is not None:
        scores += bias
    highest = scores.amax(dim=-1, keepdim=True)
    scores = scores.sub_(highest).exp_()
    total = scores.sum(dim=-1, keepdim=True)
    output = torch.matmul(scores.to(values.dtype), values)
    return Partial(output.div_(total.to(output.dtype)), total.log_().add_(highest))


def _merge(partials: list[Partial]) -> "torch.Tensor":
    """The attention over all keys from attentions over parts of them: each counts by its share of the exponentials."""
    import torch

    if len(partials) == 1:
        return partials[0].output
    shares = torch.softmax(torch.stack([partial.weight for partial in partials]), dim=0)
    merged = partials[0].output * shares[0]
    for partial, share in zip(partials[1:], shares[1:], strict=True):
        merged = torch.addcmul(merged, partial.output.to(merged.dtype), share)
    return merged
