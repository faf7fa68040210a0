"""Choosing the next token, which depends on (seed, sample index, prompt) only, never on what else is in the batch."""

import hashlib
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from workbench.schema import Sampling


def draws_for(seed: int, sample: int, prompt: bytes) -> random.Random:
    """The stream of uniform numbers of one reply, by Python's generator: the same on every device and torch release."""
    digest = hashlib.sha256(f"{seed}/{sample}/".encode() + prompt).digest()
    return random.Random(digest)


def choose_tokens(logits: "torch.Tensor", sampling: "Sampling", draws: list[float]) -> "torch.Tensor":
    """The next token of every row: int64 [b] from logits [b, vocabulary] and one number in [0, 1) a row.

    Temperature 0 takes the largest logit. Otherwise the inverse of the cumulative distribution, in the order of token
    ids: sorting by probability would let the last bits of two near-equal logits swap whole tokens.
    """
    import torch

    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    if logits.device.type == "mps":  # has no float64
        logits = logits.cpu()
    probabilities = torch.softmax(logits.double() / sampling.temperature, dim=-1)
    if sampling.top_p < 1:
        probabilities = probabilities * _nucleus(probabilities, sampling.top_p)
    cumulative = probabilities.cumsum(dim=-1)
    target = torch.tensor(draws, dtype=torch.float64, device=cumulative.device).unsqueeze(-1) * cumulative[:, -1:]
    # right=True steps over tokens of probability zero when the number drawn is zero itself.
    chosen = torch.searchsorted(cumulative, target, right=True).squeeze(-1)
    return torch.minimum(chosen, (probabilities > 0).cumsum(dim=-1).argmax(dim=-1))


def _nucleus(probabilities: "torch.Tensor", top_p: float) -> "torch.Tensor":
    """bool [b, vocabulary]: the most probable tokens that together just reach top_p (Holtzman et al. 2020)."""
    ordered, tokens = probabilities.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered
    return (before < top_p).scatter(-1, tokens, before < top_p)
