"""Prompts' keys and values, each stored once, and how the sequences that go on from them ask them together."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

LARGE = 256  # tokens from which a segment is a matrix product of its own; shorter ones are padded and batched


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
    `rows`: the sequences that ask, neighbours, as many of every segment. Where these numbers differ, `slots` int64
    [segments, most sequences of one], of which slot `back` [sequences] belongs to each of the sequences `members`.
    """

    keys: "list[torch.Tensor]"
    values: "list[torch.Tensor]"
    bias: "torch.Tensor | None" = None
    rows: slice | None = None
    slots: "torch.Tensor | None" = None
    members: "torch.Tensor | None" = None
    back: "torch.Tensor | None" = None


def bands_of(paths: "Sequence[Sequence[Segment]]") -> list[list[Part]]:
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

    segments, rows = [segment for segment, _ in runs], [rows for _, rows in runs]
    longest, device = max(segment.length for segment in segments), segments[0].keys[0].device
    lengths = torch.tensor([segment.length for segment in segments])
    bias = None
    if lengths.min() < longest:
        hidden = torch.arange(longest) >= lengths.unsqueeze(-1)
        bias = torch.zeros(hidden.shape).masked_fill_(hidden, -torch.inf).unsqueeze(1).to(device)
    layers = range(len(segments[0].keys))
    keys = [_stack([segment.keys[layer] for segment in segments], longest) for layer in layers]
    values = [_stack([segment.values[layer] for segment in segments], longest) for layer in layers]
    counts = [one.stop - one.start for one in rows]
    if len(set(counts)) == 1 and rows[-1].stop - rows[0].start == sum(counts):
        return Part(keys, values, bias, slice(rows[0].start, rows[-1].stop))
    slots = torch.zeros(len(runs), max(counts), dtype=torch.long)
    members, back = [], []
    for number, (one, count) in enumerate(zip(rows, counts, strict=True)):
        slots[number, :count] = torch.arange(one.start, one.stop)
        members += range(one.start, one.stop)
        back += range(number * max(counts), number * max(counts) + count)
    index = [torch.tensor(numbers, device=device) for numbers in (members, back)]
    return Part(keys, values, bias, slots=slots.to(device), members=index[0], back=index[1])


def _stack(states: "list[torch.Tensor]", longest: int) -> "torch.Tensor":
    """[heads, segments, longest, size], zeros behind the shorter ones."""
    heads, _, size = states[0].shape
    stacked = states[0].new_zeros(heads, len(states), longest, size)
    for number, one in enumerate(states):
        stacked[:, number, : one.shape[1]] = one
    return stacked
