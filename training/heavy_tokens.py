"""Which tokens of a target weigh more than others in the loss of the embedded judge's rows."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from training.rows import conclusion_ids, heading_ids, moment_ids, verdict_ids
from training.sft import IGNORE, Packed

SELDOM_WEIGHT = 5.0


class HeavyTokens(NamedTuple):
    """The target tokens that weigh more than one: those of "correct" and "wrong", and the words that say when a thing is
    in view, which are few and on which the score hangs; and by `deciding` the first token of a reply, the one behind a
    heading (off topic or not), and those by which a rationale concludes.

    The responses' names head their parts of a rationale as well: weighed there too, a judge concludes time and again.
    """

    seldom: torch.Tensor  # ids [k]
    conclusions: torch.Tensor  # ids [k, 2], of which the first weighs
    headings: torch.Tensor  # ids [k, 2], behind which the next weighs
    deciding: float

    def weights(self, packs: Sequence[Packed]) -> torch.Tensor:
        """The weight of every target token of the packs, one after the other."""
        return torch.cat([self._of(packed) for packed in packs])

    def _of(self, packed: Packed) -> torch.Tensor:
        told = packed.labels != IGNORE
        ids, first = packed.ids[told], packed.branches[told].diff(prepend=torch.tensor([-1])) != 0
        pairs = torch.stack([ids, ids.roll(-1)], dim=1)[:, None]
        concluded = (pairs == self.conclusions).all(-1).any(-1)
        headed = (pairs == self.headings).all(-1).any(-1).roll(2)
        weight = 1.0 + (SELDOM_WEIGHT - 1.0) * torch.isin(ids, self.seldom)
        return weight.masked_fill(first | concluded | headed, self.deciding)


def heavy_tokens(processor: Any, deciding: float) -> HeavyTokens:
    """Those of a processor's tokenizer."""
    seldom = torch.tensor([*verdict_ids(processor), *moment_ids(processor)])
    return HeavyTokens(seldom, *(torch.tensor(of(processor)) for of in (conclusion_ids, heading_ids)), deciding)
