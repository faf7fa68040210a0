"""Choosing the next token, which depends on (seed, sample index, prompt) only, never on what else is in the batch."""

import hashlib
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.schema import Sampling

if TYPE_CHECKING:
    import torch


def draws_for(seed: int, sample: int, prompt: bytes) -> random.Random:
    """The stream of uniform numbers of one reply, by Python's generator: the same on every device and torch release."""
    digest = hashlib.sha256(f"{seed}/{sample}/".encode() + prompt).digest()
    return random.Random(digest)


def choose_tokens(
    logits: "torch.Tensor", sampling: Sampling | Sequence[Sampling], draws: list[float]
) -> "torch.Tensor":
    """The next token of every row: int64 [b] from logits [b, vocabulary] and one number in [0, 1) a row.

    `sampling` is one for all rows, or one a row. Temperature 0 takes the largest logit. Otherwise the inverse of the
    cumulative distribution, in the order of token ids: sorting by probability would let the last bits of two near-equal
    logits swap whole tokens.
    """
    import torch

    rows = [sampling] * len(draws) if isinstance(sampling, Sampling) else list(sampling)
    hot = [number for number, one in enumerate(rows) if one.temperature > 0]
    if not hot:
        return logits.argmax(dim=-1)
    if len(hot) == len(rows):
        return _draw(logits, rows, draws)
    cold = [number for number, one in enumerate(rows) if one.temperature == 0]
    tokens = torch.empty(len(rows), dtype=torch.long, device=logits.device)
    tokens[cold] = logits[cold].argmax(dim=-1)
    drawn = _draw(logits[hot], [rows[number] for number in hot], [draws[number] for number in hot])
    tokens[hot] = drawn.to(tokens.device)
    return tokens


def _draw(logits: "torch.Tensor", sampling: list[Sampling], draws: list[float]) -> "torch.Tensor":
    import torch

    if logits.device.type == "mps":  # has no float64
        logits = logits.cpu()

    def column(numbers: list[float]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.float64, device=logits.device).unsqueeze(-1)

    temperature = column([one.temperature for one in sampling])
    probabilities = torch.softmax(logits.double() / temperature, dim=-1)
    if any(one.top_p < 1 for one in sampling):
        nucleus = _nucleus(probabilities, column([one.top_p if one.top_p < 1 else 2.0 for one in sampling]))
        probabilities = probabilities * nucleus
    cumulative = probabilities.cumsum(dim=-1)
    # right=True steps over tokens of probability zero when the number drawn is zero itself.
    chosen = torch.searchsorted(cumulative, column(draws) * cumulative[:, -1:], right=True).squeeze(-1)
    if (past := chosen == probabilities.shape[-1]).any():  # a number that rounding has made the whole sum
        last = (probabilities > 0).cumsum(dim=-1).argmax(dim=-1)
        chosen = torch.where(past, last, chosen)
    return chosen


def _nucleus(probabilities: "torch.Tensor", top_p: "torch.Tensor") -> "torch.Tensor":
    """bool [b, vocabulary]: the most probable tokens that together just reach top_p [b, 1] (Holtzman et al. 2020)."""
    ordered, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered
    return (before < top_p).scatter(-1, tokens, before < top_p)
