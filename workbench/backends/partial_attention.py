"""Attention over some of the keys at a time, and how the parts make up attention over all of them.

Each part gives its output and the log-sum-exp of its scores; a part counts by its share of the exponentials.
"""

from typing import TYPE_CHECKING, NamedTuple

from workbench.backends.segments import Part

if TYPE_CHECKING:
    import torch

MOST_SCORES = 1 << 25  # attention scores held at a time; more are computed in chunks


class Piece(NamedTuple):
    """Keys and values [key-value heads, segments, n, size] for as many sequences of each segment, and what is hidden:

    bias float32 [segments or 1, queries or 1, n].
    """

    keys: "torch.Tensor"
    values: "torch.Tensor"
    bias: "torch.Tensor | None"


class Partial(NamedTuple):
    """Attention over some of the keys: the normalised output and the log-sum-exp of the scores."""

    output: "torch.Tensor"  # float [..., queries, size]
    weight: "torch.Tensor"  # float32 [..., queries, 1]


def of_neighbours(part: Part, layer: int, asked: "torch.Tensor") -> Partial:
    """Sequences that share a segment: their queries are rows of one matrix product a key-value head."""
    heads, count, queries, size = asked.shape
    segments = part.keys[layer].shape[1]
    together = asked.reshape(heads, segments, count // segments * queries, size)
    found = attend(together, part.keys[layer], part.values[layer], part.bias)
    return Partial(found.output.view(asked.shape), found.weight.view(heads, count, queries, 1))


def of_several(part: Part, layer: int, asked: "torch.Tensor") -> Partial:
    """Sequences of several segments, more of some: for every segment as many queries as the most asked one has."""
    heads, _, queries, size = asked.shape
    segments, most = part.slots.shape
    gathered = asked[:, part.slots.flatten().to(asked.device)].view(heads, segments, most * queries, size)
    found = attend(gathered, part.keys[layer], part.values[layer], part.bias)
    output = found.output.view(heads, segments * most, queries, size)[:, part.back]
    return Partial(output, found.weight.view(heads, segments * most, queries, 1)[:, part.back])


def attend(asked: "torch.Tensor", keys: "torch.Tensor", values: "torch.Tensor", bias: "torch.Tensor | None") -> Partial:
    """Attention of scaled queries [h, s, q, size] over keys and values [h, s, n, size]; bias [s or 1, q or 1, n]."""
    import torch

    heads, segments, queries, _ = asked.shape
    step = max(1, MOST_SCORES // (heads * segments * keys.shape[2]))
    if queries > step:
        chunks = [slice(start, start + step) for start in range(0, queries, step)]
        biases = [bias if bias is None or bias.shape[1] == 1 else bias[:, chunk] for chunk in chunks]
        found = [attend(asked[:, :, c], keys, values, b) for c, b in zip(chunks, biases, strict=True)]
        return Partial(*(torch.cat(pieces, dim=2) for pieces in zip(*found, strict=True)))
    scores = torch.matmul(asked, keys.transpose(-1, -2)).float()
    if bias is not None:
        scores += bias.to(scores.device)  # layers may lie on several devices
    highest = scores.amax(dim=-1, keepdim=True)
    scores = scores.sub_(highest).exp_()
    total = scores.sum(dim=-1, keepdim=True)
    output = torch.matmul(scores.to(values.dtype), values)
    return Partial(output.div_(total.to(output.dtype)), total.log_().add_(highest))


def score_count(asked: "torch.Tensor", pieces: list[Piece]) -> int:
    heads, count, queries, _ = asked.shape
    return heads * count * queries * sum(piece.keys.shape[2] for piece in pieces)


def attend_jointly(asked: "torch.Tensor", pieces: list[Piece]) -> Partial:
    """Few keys: products with each piece apart, one softmax over all scores. The same sums in a third of the steps."""
    import torch

    heads, count, queries, size = asked.shape
    scores = []
    for keys, _, bias in pieces:
        segments = keys.shape[1]
        together = asked.view(heads, segments, count // segments * queries, size)
        found = torch.matmul(together, keys.transpose(-1, -2))
        scores.append((found if bias is None else found + bias.to(found.device)).view(heads, count, queries, -1))
    shares = torch.cat(scores, dim=-1).float()
    highest = shares.amax(dim=-1, keepdim=True)
    shares = shares.sub_(highest).exp_()
    total = shares.sum(dim=-1, keepdim=True)
    shares = shares.to(asked.dtype)
    merged, start = None, 0
    for _, values, _ in pieces:
        segments, length = values.shape[1:3]
        share = shares[..., start : start + length].reshape(heads, segments, count // segments * queries, length)
        found = torch.matmul(share, values).view(asked.shape)
        merged, start = found if merged is None else merged.add_(found), start + length
    return Partial(merged.div_(total.to(merged.dtype)), total.log_().add_(highest))


def merge(partials: list[Partial]) -> "torch.Tensor":
    """The attention over all keys from attentions over parts of them: each counts by its share of the exponentials."""
    import torch

    if len(partials) == 1:
        return partials[0].output
    if len(partials) == 2:
        one, other = partials
        share = torch.sigmoid(one.weight - other.weight).to(one.output.dtype)
        return torch.lerp(other.output, one.output, share)
    shares = torch.softmax(torch.stack([partial.weight for partial in partials]), dim=0)
    merged = partials[0].output * shares[0]
    for partial, share in zip(partials[1:], shares[1:], strict=True):
        merged = torch.addcmul(merged, partial.output.to(merged.dtype), share)
    return merged
