"""The generation core: prefill a prompt, decode replies as one batch, then score continuations.

What is here copies each prompt's cache for every reply; it serves architectures that cannot share (see cascade.py), and
tells what the shared way (sharing.py) has to equal.

Positions are always passed, so the model's own position state (`rope_deltas`) is neither read nor written. Nothing of a
checkpoint's generation_config but its stop tokens is applied: a hidden repetition penalty would change verdicts.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.backends.base import sampling_of_each
from workbench.backends.positions import next_position
from workbench.backends.sampling import choose_tokens
from workbench.backends.stopping import never

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from workbench.backends.encoding import Encoded
    from workbench.schema import Sampling


class Prefix(NamedTuple):
    """A prefilled prompt: its key-value cache and the logits float [1, vocabulary] of what comes next."""

    cache: Any
    logits: "torch.Tensor"
    length: int
    last_id: int
    start: int  # position of the first token after it, the same on all axes
    axes: int  # of positions: 3 with M-RoPE, else 1


class Request(NamedTuple):
    """One reply to be generated."""

    prefix: Prefix
    draws: Random
    max_new_tokens: int


@dataclass(eq=False)
class Decoded:
    """A reply as tokens, without its stop token."""

    tokens: list[int] = field(default_factory=list)
    finished: bool = False
    broken: bool = False  # the logits were not finite


def to_model(model: Any, vision: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """A video's tensors on the model's device, pixels in its dtype."""
    moved = {name: tensor.to(model.device) for name, tensor in vision.items()}
    return {name: tensor.to(model.dtype) if tensor.is_floating_point() else tensor for name, tensor in moved.items()}


def vision_features(model: Any, vision: "Mapping[str, torch.Tensor]") -> "Mapping[str, Any]":
    """What forward takes for a video: its features where the architecture can reuse them, else its pixels."""
    if "mm_encoder_outputs" in inspect.signature(model.forward).parameters:
        for kind in ("video", "image"):
            encode = getattr(model, f"get_{kind}_features", None)
            if encode is not None and set(vision) <= set(inspect.signature(encode).parameters):
                features = encode(**vision, return_dict=True)
                features.last_hidden_state = None  # unmerged patches, several times the features and never read again
                return {"mm_encoder_outputs": {kind: features}}
    return vision


def prefill(model: Any, encoded: "Encoded", vision: "Mapping[str, Any]") -> Prefix:
    """Run one prompt, unpadded, through the model. `vision` is from `vision_features`, or empty."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    ids = encoded.ids.unsqueeze(0).to(model.device)
    inputs = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "position_ids": batched(encoded.positions.unsqueeze(1)).to(model.device),
        # A copy: forward fills its dictionary of features.
        **{name: dict(value) if isinstance(value, dict) else value for name, value in vision.items()},
    }
    if "mm_token_type_ids" in inspect.signature(model.forward).parameters:
        inputs["mm_token_type_ids"] = encoded.types.unsqueeze(0).to(model.device)
    output = model(**inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
    start, axes = next_position(encoded.positions), len(encoded.positions)
    return Prefix(output.past_key_values, output.logits[:, -1], len(encoded), int(encoded.ids[-1]), start, axes)


def can_batch(prefix: Prefix) -> bool:
    """Whether such caches can be padded, joined and cut back: only where every layer has full attention."""
    from transformers.cache_utils import DynamicLayer

    return all(type(layer) is DynamicLayer for layer in prefix.cache.layers)


class Batch:
    """Replies decoded together. Prompts are padded on the left; column `width + j` of the cache is reply token j."""

    def __init__(self, model: Any, requests: "Sequence[Request]"):
        import torch

        self.model, self.requests = model, list(requests)
        self.width = max(request.prefix.length for request in requests)
        self.cache = _join([request.prefix for request in requests], self.width)
        mask = [[0] * (self.width - one.prefix.length) + [1] * one.prefix.length for one in requests]
        self.mask = torch.tensor(mask, device=model.device)
        self.starts = torch.tensor([request.prefix.start for request in requests], device=model.device)
        self.written = written(requests)
        self.can_continue = can_batch(requests[0].prefix)

    def decode(
        self,
        sampling: "Sampling | Sequence[Sampling]",
        stops: frozenset[int],
        stop_requested: Callable[[], bool] = never,
    ) -> list[Decoded]:
        """Generate until every reply has stopped or reached its own max_new_tokens, or until `stop_requested()`.

        `sampling` is one for all replies, or one each.
        """
        import torch

        replies, each = [Decoded() for _ in self.requests], sampling_of_each(self.requests, sampling)
        rows = list(range(len(self.requests)))  # that are still in the batch
        logits = torch.cat([request.prefix.logits for request in self.requests])
        while True:
            draws = [self.requests[row].draws.random() for row in rows]
            tokens = choose_tokens(logits, [each[row] for row in rows], draws).tolist()
            finite = logits.amax(dim=-1).isfinite().tolist()
            for row, token, fine in zip(rows, tokens, finite, strict=True):
                if _going(replies[row], self.requests[row]):
                    _extend(replies[row], token, fine, stops)
            going = [_going(replies[row], self.requests[row]) for row in rows]
            if stop_requested() or not any(going):
                self.rejoin()
                return replies
            kept = self.narrow(going)
            rows, tokens = [rows[place] for place in kept], [tokens[place] for place in kept]
            position = self.starts[rows] + (len(self.written[rows[0]]) - 1)
            for row, token in zip(rows, tokens, strict=True):
                self.written[row].append(token)
            logits = self._forward([[token] for token in tokens], position)[:, -1]

    def narrow(self, going: "Sequence[bool]") -> list[int]:
        """The places of the rows to go on with; those of replies that have ended may be left out. Here none is."""
        return list(range(len(going)))

    def rejoin(self) -> None:
        """Put rows that were left out back, as `continuations` needs them."""

    def continuations(self, kept: "Sequence[int]", texts: "Sequence[Sequence[int]]") -> "torch.Tensor":
        """Logits float [b, n + 1, vocabulary] along `texts` [b][at most n], had each reply been its first `kept` tokens
        followed by them: index j is what comes before their token j. Leaves the batch as it was.
        """
        import torch

        # The last kept token is run once more, for its logits; its own column and all after it are hidden meanwhile.
        after = torch.tensor(kept, device=self.mask.device) - 1
        columns = torch.arange(self.mask.shape[1], device=self.mask.device)
        longest = max(map(len, texts))
        rows = [
            [written[count], *text, *[0] * (longest - len(text))]
            for written, count, text in zip(self.written, kept, texts, strict=True)
        ]
        whole, self.mask = self.mask, self.mask * (columns < (self.width + after).unsqueeze(-1))
        logits = self._forward(rows, self.starts + after)
        self.mask = whole
        self.cache.crop(-len(rows[0]))
        return logits

    def _forward(self, rows: list[list[int]], position: "torch.Tensor") -> "torch.Tensor":
        """Logits float [b, n, vocabulary] for n more tokens a row, the first of them at `position` [b]."""
        import torch

        ids = torch.tensor(rows, device=self.model.device)
        self.mask = torch.cat([self.mask, torch.ones_like(ids)], dim=1)
        positions = position.unsqueeze(-1) + torch.arange(ids.shape[1], device=ids.device)
        axes = self.requests[0].prefix.axes
        return self.model(
            input_ids=ids,
            attention_mask=self.mask,
            position_ids=batched(positions.expand(axes, -1, -1)),
            past_key_values=self.cache,
            use_cache=True,
        ).logits


def written(requests: "Sequence[Request]") -> list[list[int]]:
    """What was fed of each reply, after the prompt's last token."""
    return [[request.prefix.last_id] for request in requests]


def batched(positions: "torch.Tensor") -> "torch.Tensor":
    """Positions [axes, b, n] as forward takes them: one-row positions have no axis of their own."""
    return positions[0] if len(positions) == 1 else positions


def _going(reply: Decoded, request: Request) -> bool:
    return not (reply.finished or reply.broken) and len(reply.tokens) < request.max_new_tokens


def _extend(reply: Decoded, token: int, finite: bool, stops: frozenset[int]) -> None:
    if not finite:
        reply.broken = True
    elif token in stops:
        reply.finished = True
    else:
        reply.tokens.append(token)


def _join(prefixes: "Sequence[Prefix]", width: int) -> Any:
    """One cache of all prompts, padded on the left to `width`; prefixes are left as they are."""
    import copy

    import torch

    if not can_batch(prefixes[0]):  # then it is alone; such layers may write into their tensors
        return copy.deepcopy(prefixes[0].cache)
    joined = copy.copy(prefixes[0].cache)
    joined.layers = []
    for layers in zip(*(prefix.cache.layers for prefix in prefixes), strict=True):
        layer = copy.copy(layers[0])
        layer.keys, layer.values = (
            torch.cat([_pad_left(getattr(one, name), width) for one in layers]) for name in ("keys", "values")
        )
        joined.layers.append(layer)
    return joined


def _pad_left(states: "torch.Tensor", width: int) -> "torch.Tensor":
    """[1, heads, n, size] -> [1, heads, width, size]; the zeros are masked, so their value does not matter."""
    import torch

    return torch.nn.functional.pad(states, (0, 0, width - states.shape[-2], 0))
