"""Prefill and decoding with shared prompts: each node of the prefix tree is computed once, all replies are one batch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.backends.cascade import Cascade, no_mask, rejoined
from workbench.backends.decoding import Batch, Prefix, Request, batched, prefill, written
from workbench.backends.fused import Fused, fused
from workbench.backends.positions import next_position
from workbench.backends.segments import Segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from workbench.backends.encoding import Encoded

SLOW_ROWS = range(8, 16)  # matrix products on a CPU (MKL) take longer with so many rows than with 16, up to twice
KEPT_SHARE = 0.75  # of a batch's replies that are still being written when it is made smaller, or fewer
EXTEND_TOKENS = 4096  # tokens, padding included, that go through the model together below shared beginnings


class Extended(NamedTuple):
    """Tokens that were prefilled below shared segments: their own segment, and logits [1, vocabulary] of what follows."""

    segment: Segment
    logits: "torch.Tensor"


class Branch(NamedTuple):
    """Tokens to prefill below a path of segments."""

    path: tuple[Segment, ...]
    ids: "torch.Tensor"  # int64 [n]
    positions: "torch.Tensor"  # int64 [3 or 1, n]


def prefill_root(model: Any, encoded: "Encoded", end: int, vision: "Mapping[str, Any]") -> Extended:
    """Prefill the first `end` tokens of a prompt, the whole video among them."""
    prefix = prefill(model, encoded.first(end), vision)
    layers = prefix.cache.layers
    keys, values = (tuple(getattr(layer, name)[0] for layer in layers) for name in ("keys", "values"))
    return Extended(Segment(keys, values), prefix.logits)


def prefill_branches(model: Any, branches: Sequence[Branch]) -> list[Extended]:
    """Prefill many branches, those of one path next to each other, padded and in as few forwards as is sensible."""
    found: list[Extended] = []
    while len(found) < len(branches):
        part, longest = [], 0
        for branch in branches[len(found) :]:
            longest = max(longest, len(branch.ids))
            if part and longest * (len(part) + 1) > EXTEND_TOKENS:
                break
            part.append(branch)
        found += _extend(model, part)
    return found


def _extend(model: Any, branches: Sequence[Branch]) -> list[Extended]:
    """One forward, padded on the left, so that the last column holds every branch's last token."""
    import torch

    device, count = model.device, len(branches)
    longest = max(len(branch.ids) for branch in branches)
    padding = [longest - len(branch.ids) for branch in branches]
    ids = torch.zeros(count, longest, dtype=torch.long)
    positions = torch.zeros(len(branches[0].positions), count, longest, dtype=torch.long)
    for row, (branch, pad) in enumerate(zip(branches, padding, strict=True)):
        ids[row, pad:] = branch.ids
        positions[:, row, pad:] = branch.positions
    cascade = Cascade([branch.path for branch in branches])
    if any(padding):
        columns = torch.arange(longest, device=device)
        real = columns >= torch.tensor(padding, device=device).unsqueeze(-1)
        causal = torch.ones(longest, longest, dtype=torch.bool, device=device).tril()
        itself = torch.eye(longest, dtype=torch.bool, device=device)  # padding sees itself, so that nothing is 0 / 0
        cascade.visible = causal & real.unsqueeze(1) | itself
    output = _forward(model, fused(model), ids, positions, cascade, last=True)
    cascade.advance(longest)
    return [Extended(cascade.own(row, pad), output[row]) for row, pad in enumerate(padding)]


def _forward(
    model: Any,
    layers: Fused | None,
    ids: "torch.Tensor",
    positions: "torch.Tensor",
    cascade: Cascade,
    last: bool = False,
) -> "torch.Tensor":
    """Logits [b, n, vocabulary], or of the `last` token alone, of ids [b, n] at positions [axes, b, n]."""
    ids, positions = ids.to(model.device), batched(positions).to(model.device)
    if layers is not None:
        return layers.logits(ids, positions, cascade, last)
    options = {"logits_to_keep": 1} if last else {}
    return model(
        input_ids=ids,
        attention_mask=no_mask(model.device),
        position_ids=positions,
        use_cache=False,
        cascade=cascade,
        **options,
    ).logits


def shared_prefix(path: Sequence[Any], encoded: "Encoded") -> Prefix:
    """A prompt that a path of prefilled nodes makes up, as decoding takes it; its cache is the segments."""
    segments = tuple(node.segment for node in path)
    start, axes = next_position(encoded.positions), len(encoded.positions)
    return Prefix(segments, path[-1].logits, len(encoded), int(encoded.ids[-1]), start, axes)


class SharedBatch(Batch):
    """Replies decoded together over shared segments. Those of the same prompt, or beginning, have to be neighbours."""

    can_continue = True

    def __init__(self, model: Any, requests: Sequence[Request]):
        import torch

        self.model, self.requests = model, list(requests)
        self.layers = fused(model)
        self.cascade = Cascade([request.prefix.cache for request in requests])
        self.rows = list(range(len(requests)))  # of the cascade
        self.left: list[tuple[list[int], Cascade]] = []  # what the batch was before replies left it
        self.starts = torch.tensor([request.prefix.start for request in requests], device=model.device)
        self.written = written(requests)

    def narrow(self, going: Sequence[bool]) -> list[int]:
        """See `Batch.narrow`. What is left is made a batch of its own as soon as it is small enough to pay."""
        places = [place for place, one in enumerate(going) if one]
        if len(places) > KEPT_SHARE * len(going):
            return list(range(len(going)))
        self.left.append((self.rows, self.cascade))
        self.rows = [self.rows[place] for place in places]
        self.cascade = self.cascade.of(places, [self.requests[row].prefix.cache for row in self.rows])
        return places

    def rejoin(self) -> None:
        """See `Batch.rejoin`."""
        if not self.left:
            return
        paths = [request.prefix.cache for request in self.requests]
        self.cascade = rejoined([*self.left, (self.rows, self.cascade)], paths)
        self.rows, self.left = list(range(len(paths))), []

    def continuations(self, kept: Sequence[int], texts: Sequence[Sequence[int]]) -> "torch.Tensor":
        """See `Batch.continuations`. A reply of which nothing is kept goes on from its prompt's own logits."""
        import torch

        # The last kept token is run once more, for its logits; its own column and all after it are hidden meanwhile.
        again = [
            [*fed[max(count, 1) : count + 1], *text] for fed, count, text in zip(self.written, kept, texts, strict=True)
        ]
        longest = max(1, *map(len, again))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in again])
        device = self.starts.device
        hidden_from = torch.tensor([max(count - 1, 0) for count in kept], device=device)
        columns = torch.arange(self.cascade.length, device=device)
        before = (columns < hidden_from.unsqueeze(-1)).unsqueeze(1).expand(-1, longest, -1)
        causal = torch.ones(longest, longest, dtype=torch.bool, device=device).tril().expand(len(kept), -1, -1)
        self.cascade.visible = torch.cat([before, causal], dim=-1)
        logits = self._logits(ids, self.starts + hidden_from)
        self.cascade.forget()
        if all(kept):
            return logits
        first = torch.cat([request.prefix.logits for request in self.requests]).unsqueeze(1)
        fresh = torch.cat([first, logits], dim=1)
        padded = torch.cat([logits, logits[:, -1:]], dim=1)
        whole = torch.tensor([count > 0 for count in kept], device=logits.device)
        return torch.where(whole.view(-1, 1, 1), padded, fresh)

    def _forward(self, rows: list[list[int]], position: "torch.Tensor") -> "torch.Tensor":
        import torch

        logits = self._logits(torch.tensor(rows), position)
        self.cascade.advance(len(rows[0]))
        return logits

    def _logits(self, ids: "torch.Tensor", position: "torch.Tensor") -> "torch.Tensor":
        import torch

        positions = position.unsqueeze(-1) + torch.arange(ids.shape[1], device=position.device)
        count = len(ids)
        if self.model.device.type == "cpu" and count in SLOW_ROWS and self.layers is None:
            more = 16 - count  # rows that attend to nothing
            ids, positions = (torch.nn.functional.pad(rows, (0, 0, 0, more)) for rows in (ids, positions))
        axes = self.requests[0].prefix.axes
        positions = positions.expand(axes, -1, -1)
        return _forward(self.model, self.layers, ids, positions, self.cascade)[:count]
