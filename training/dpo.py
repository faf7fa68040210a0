"""Direct Preference Optimization of a judge (Rafailov et al. 2023, arXiv 2305.18290): the loss, over packed replies.

All replies of one request are branches of one prefix, so a request is one forward pass, however many pairs it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch.nn.functional import logsigmoid

from training.feature_store import Source
from training.sft import Packed, target_losses
from workbench.errors import InputError


@dataclass(frozen=True)
class DpoOptions:
    """What DPO has beside a recipe. beta 0.1 is the paper's default; the rest is ours.

    validation: share of the videos that is held out.
    """

    beta: float = 0.1
    smoothing: float = 0.0
    validation: float = 0.1

    def __post_init__(self):
        if not self.beta > 0 or not 0 <= self.smoothing < 0.5:
            raise InputError(
                f"dpo: got beta {self.beta} and smoothing {self.smoothing}, expected beta > 0 and smoothing in [0, 0.5)."
            )


class Replies(NamedTuple):
    """One request: its replies in one pack, the pairs among them, and what the reference thinks of each."""

    packed: Packed
    source: Source  # of the video's features
    pairs: tuple[tuple[int, int], ...]  # (chosen, rejected), numbers of replies
    reference: torch.Tensor  # float32 [replies]: log-probability of each whole reply

    @property
    def count(self) -> int:
        return int(self.packed.branches.max())


class Preferred(NamedTuple):
    """Log-probabilities of whole replies, float [pairs] each."""

    chosen: torch.Tensor
    rejected: torch.Tensor


def reply_logprobs(model: Any, packs: Sequence[Packed], features: Sequence[torch.Tensor]) -> torch.Tensor:
    """Log-probability float32 [replies] of every reply with its end of turn, through all packs."""
    targets = target_losses(model, packs, features)
    count = sum(int(packed.branches.max()) for packed in packs)
    return targets.losses.new_zeros(count).index_add(0, targets.rows, -targets.losses)


def dpo_loss(policy: Preferred, reference: Preferred, beta: float, smoothing: float = 0.0) -> torch.Tensor:
    """The loss [pairs] of equation 7: -log sigmoid(beta * margin), margin = log-ratio of chosen less that of rejected.

    With `smoothing` a pair counts as swapped with that probability (conservative DPO, Mitchell 2023).
    """
    margin = beta * ((policy.chosen - reference.chosen) - (policy.rejected - reference.rejected))
    return -(1 - smoothing) * logsigmoid(margin) - smoothing * logsigmoid(-margin)


def preference_loss(
    model: Any, requests: Sequence[Replies], features: Sequence[torch.Tensor], beta: float, smoothing: float
) -> tuple[torch.Tensor, dict[str, float]]:
    """Mean loss over the pairs of some requests, and what to watch.

    reward_chosen, reward_rejected: beta times the log-ratio to the reference. reward_margin: their difference.
    accuracy: share of pairs with a margin above 0. kl: mean of log reference - log policy a reply; the replies are the
    reference's own samples, so over all of them it would estimate KL(reference || policy), here over those in pairs.
    """
    policy = reply_logprobs(model, [one.packed for one in requests], features)
    reference = torch.cat([one.reference for one in requests]).to(policy.device)
    chosen, rejected = pair_rows(requests)
    own, other = Preferred(policy[chosen], policy[rejected]), Preferred(reference[chosen], reference[rejected])
    loss = dpo_loss(own, other, beta, smoothing).mean()
    with torch.no_grad():
        rewards = Preferred(beta * (own.chosen - other.chosen), beta * (own.rejected - other.rejected))
        margin = rewards.chosen - rewards.rejected
        figures = {
            "reward_chosen": rewards.chosen.mean().item(),
            "reward_rejected": rewards.rejected.mean().item(),
            "reward_margin": margin.mean().item(),
            "accuracy": (margin > 0).float().mean().item(),
            "kl": (reference - policy).mean().item(),
        }
    return loss, figures


def pair_rows(requests: Sequence[Replies]) -> tuple[list[int], list[int]]:
    """The chosen and the rejected rows of all pairs, numbered through all requests."""
    chosen, rejected, start = [], [], 0
    for one in requests:
        chosen += [start + first for first, _ in one.pairs]
        rejected += [start + second for _, second in one.pairs]
        start += one.count
    return chosen, rejected
