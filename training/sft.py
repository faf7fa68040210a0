"""Supervised fine-tuning of a judge: loss on the target only; rows of one video can be branches of one shared prefix.

In every prompt the video and the task come before the responses, so rows of one video agree up to there. In a pack the
shared part stands once, and each row's own part sees it and itself: the same loss as separate sequences.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from workbench.backends.encoding import Encoded

IGNORE = -100
PREFIX, PADDING = 0, -1


class Packed(NamedTuple):
    """Rows with a common beginning in one sequence: the prefix, then what is each row's own."""

    ids: torch.Tensor  # int64 [n]
    types: torch.Tensor  # int64 [n]: 0 text, 2 video
    positions: torch.Tensor  # int64 [3, n]; each branch goes on from the prefix
    labels: torch.Tensor  # int64 [n], -100 but for the targets
    branches: torch.Tensor  # int64 [n]: 0 for the prefix, else number of the row from 1


def pack(rows: Sequence[Encoded]) -> Packed:
    """Put rows of one video and prompt into one sequence. At least one prompt token stays in every branch."""
    shared = min(int((row.labels == IGNORE).sum()) for row in rows) - 1
    first = rows[0]
    for row in rows[1:]:
        differs = (row.ids[:shared] != first.ids[:shared]).nonzero()
        shared = int(differs[0]) if len(differs) else shared
    branches = [torch.full((len(row) - shared,), number) for number, row in enumerate(rows, 1)]
    return Packed(
        ids=torch.cat([first.ids[:shared], *(row.ids[shared:] for row in rows)]),
        types=torch.cat([first.types[:shared], *(row.types[shared:] for row in rows)]),
        positions=torch.cat([first.positions[:, :shared], *(row.positions[:, shared:] for row in rows)], 1),
        labels=torch.cat([first.labels[:shared], *(row.labels[shared:] for row in rows)]),
        branches=torch.cat([torch.full((shared,), PREFIX), *branches]),
    )


def branch_mask(branches: torch.Tensor) -> torch.Tensor:
    """Who sees whom: bool [b, 1, n, n] from branch numbers [b, n]. Earlier tokens of prefix and own branch."""
    own, other = branches.unsqueeze(2), branches.unsqueeze(1)
    earlier = torch.ones(branches.shape[1], branches.shape[1], dtype=torch.bool).tril()
    return (earlier & ((other == PREFIX) | (other == own))).unsqueeze(1)


def vision_features(model: Any, inputs: Sequence[Mapping[str, torch.Tensor]]) -> list[torch.Tensor]:
    """Merged tokens [n, hidden] of each video, in one pass of the tower over all of them."""
    pixels = torch.cat([video["pixel_values_videos"] for video in inputs])
    grids = torch.cat([video["video_grid_thw"] for video in inputs])
    return list(model.model.get_video_features(pixels, grids, return_dict=True).pooler_output)


def target_loss(
    model: Any, packs: Sequence[Packed], features: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, dict[str, float]]:
    """Mean negative log-likelihood of the target tokens, all weighted alike; and the share of them predicted right.

    `features` holds the merged tokens [n, hidden] of each pack's video. Only the targets' logits are ever made.
    """
    ids, types, labels, branches = (
        pad_sequence([getattr(pack, name) for pack in packs], batch_first=True, padding_value=value)
        for name, value in (("ids", 0), ("types", 0), ("labels", IGNORE), ("branches", PADDING))
    )
    positions = pad_sequence([pack.positions.T for pack in packs], batch_first=True).permute(2, 0, 1)
    embeds = model.get_input_embeddings()(ids)
    slots = (types == 2).unsqueeze(-1).expand_as(embeds)
    merged = [each for pack, each in zip(packs, features, strict=True) if (pack.types == 2).any()]
    if merged:
        embeds = embeds.masked_scatter(slots, torch.cat(merged).to(embeds.dtype))
    hidden = model.model.language_model(
        inputs_embeds=embeds,
        position_ids=positions,
        attention_mask={"full_attention": branch_mask(branches) if int(branches.max()) > 1 else None},
        use_cache=False,
    ).last_hidden_state
    told = labels[:, 1:] != IGNORE
    logits, wanted = model.lm_head(hidden[:, :-1][told]).float(), labels[:, 1:][told]
    right = (logits.argmax(-1) == wanted).float().mean().item()
    return functional.cross_entropy(logits, wanted), {"token_accuracy": right}
