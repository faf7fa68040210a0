"""Supervised fine-tuning of a judge: loss on the target only; rows of one video can be branches of one shared prefix.

In every prompt the video and the task come before the responses, so rows of one video agree up to there. In a pack the
shared part stands once, and each row's own part sees it and itself: the same loss as separate sequences.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from training.branches import Layout, use_branch_attention
from training.features import as_encoder_output, modality, vision_features
from workbench.backends.encoding import Encoded
from workbench.errors import InputError

__all__ = ["Packed", "Targets", "pack", "target_loss", "target_losses", "vision_features"]

IGNORE = -100
PREFIX = 0


class Packed(NamedTuple):
    """Rows with a common beginning in one sequence: the prefix, then what is each row's own."""

    ids: torch.Tensor  # int64 [n]
    types: torch.Tensor  # int64 [n]: 0 text, 1 image, 2 video
    positions: torch.Tensor  # int64 [axes, n], 3 axes with M-RoPE, else 1; each branch goes on from the prefix
    labels: torch.Tensor  # int64 [n], -100 but for the targets
    branches: torch.Tensor  # int64 [n]: 0 for the prefix, else number of the row from 1

    @property
    def layout(self) -> Layout:
        """The lengths of prefix and branches."""
        prefix, *branches = torch.bincount(self.branches).tolist()
        return Layout(prefix, tuple(branches)) if len(branches) > 1 else Layout(len(self.ids))


class Targets(NamedTuple):
    """What a forward pass says of every target token, in the order of packs, of their rows, and of the tokens."""

    losses: torch.Tensor  # float32 [targets]: negative log-likelihood
    right: torch.Tensor  # bool [targets]: the most likely token is the target
    rows: torch.Tensor  # int64 [targets]: number of the row, counted from 0 through all packs


def pack(rows: Sequence[Encoded]) -> Packed:
    """Put rows of one video and prompt into one sequence. At least one prompt token stays in every branch.

    Raises InputError for a row without a target, and for rows of different videos.
    """
    first, shared = rows[0], min(map(_first_target, rows)) - 1
    for row in rows[1:]:
        if not _same_video(first, row):
            raise InputError("pack: got rows of different videos, expected one; pack each video's rows by themselves.")
        shared = min(shared, _agree(first, row))
    branches = [torch.full((len(row) - shared,), number) for number, row in enumerate(rows, 1)]
    return Packed(
        ids=torch.cat([first.ids[:shared], *(row.ids[shared:] for row in rows)]),
        types=torch.cat([first.types[:shared], *(row.types[shared:] for row in rows)]),
        positions=torch.cat([first.positions[:, :shared], *(row.positions[:, shared:] for row in rows)], 1),
        labels=torch.cat([first.labels[:shared], *(row.labels[shared:] for row in rows)]),
        branches=torch.cat([torch.full((shared,), PREFIX), *branches]),
    )


def _first_target(row: Encoded) -> int:
    targets = (row.labels != IGNORE).nonzero() if row.labels is not None else ()
    if not len(targets) or int(targets[0]) == 0:
        raise InputError("pack: got a row without a target behind a prompt, expected one; encode it with its reply.")
    return int(targets[0])


def _agree(one: Encoded, other: Encoded) -> int:
    """How many tokens two rows have in common at their beginning, places included."""
    length = min(len(one), len(other))
    same = one.ids[:length] == other.ids[:length]
    same &= (one.positions[:, :length] == other.positions[:, :length]).all(0)
    return int(same.int().cumprod(0).sum())


def _same_video(one: Encoded, other: Encoded) -> bool:
    """The very tensors, as rows of one clip have them, or equal ones."""
    return one.vision.keys() == other.vision.keys() and all(
        one.vision[name] is other.vision[name] or torch.equal(one.vision[name], other.vision[name])
        for name in one.vision
    )


def target_losses(
    model: Any, packs: Sequence[Packed], features: Sequence[torch.Tensor], watched: dict[int, Any] | None = None
) -> Targets:
    """Run packs, one after the other in one unpadded row, through the model; only the targets' logits are ever made.

    `features` holds what `vision_features` or `merged_features` gives of each pack's video, whether the pack shows it
    or not; `watched` is for `branch_attention`. All goes through the model's own forward: to hooks and wrappers inside
    it, this is an ordinary call.
    """
    shown_as, device = modality(model), model.device
    use_branch_attention(model)
    ids, types, labels = (
        torch.cat([getattr(pack, name) for pack in packs]).to(device) for name in ("ids", "types", "labels")
    )
    positions = torch.cat([pack.positions for pack in packs], 1).to(device).unsqueeze(1)
    told = (labels != IGNORE).nonzero().squeeze(1)
    seen = [each.to(device) for pack, each in zip(packs, features, strict=True) if (pack.types != 0).any()]
    vision = {"mm_encoder_outputs": as_encoder_output(model, seen)} if seen else {}
    if shown_as == "video":
        vision["mm_token_type_ids"] = types.unsqueeze(0)
    logits = model(
        input_ids=ids.unsqueeze(0),
        position_ids=positions if len(positions) > 1 else positions[0],
        # Never read: the layouts say who sees whom. A mask of four axes keeps the library from making one.
        attention_mask=ids.new_ones(1, 1, 1, 1, dtype=torch.bool),
        layouts=tuple(pack.layout for pack in packs),
        watched=watched,
        logits_to_keep=told - 1,
        use_cache=False,
        **vision,
    ).logits[0].float()  # fmt: skip
    wanted = labels[told]
    losses = functional.cross_entropy(logits, wanted, reduction="none")
    return Targets(losses, logits.argmax(-1) == wanted, _row_numbers(packs).to(device)[told])


def _row_numbers(packs: Sequence[Packed]) -> torch.Tensor:
    """Number of the row that each token is of, through all packs; what a prefix has is unused."""
    starts = torch.tensor([0, *(int(pack.branches.max()) for pack in packs)]).cumsum(0).tolist()
    return torch.cat([pack.branches - 1 + start for pack, start in zip(packs, starts, strict=False)])


def target_loss(
    model: Any, packs: Sequence[Packed], features: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, dict[str, float]]:
    """Mean negative log-likelihood of the target tokens, all weighted alike; and the share of them predicted right."""
    targets = target_losses(model, packs, features)
    return targets.losses.mean(), {"token_accuracy": targets.right.float().mean().item()}
