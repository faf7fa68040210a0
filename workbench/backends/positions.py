"""Position ids of multimodal rotary embeddings (M-RoPE): three rows (time, height, width) a token, computed by us.

The library's own ids have changed between releases, also between prompt and reply, so the workbench never relies on
them: see `after_video` below. Positions depend on the prompt alone: the same ids serve prefill, decoding and training.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

AfterVideo = Literal["largest", "spatial"]

# Families whose ids are computed here. Others with three-row ids fall back on the library's prompt positions.
FAMILIES = {
    "qwen2_vl": "frames",
    "qwen2_5_vl": "seconds",
    "qwen3_vl": "timestamps",
    "qwen3_vl_moe": "timestamps",
}


@dataclass(frozen=True)
class RopeRule:
    """How a family numbers its video tokens.

    `time`: "seconds" (Qwen2.5-VL: the row of time advances by `tokens_per_second` x seconds per grid step, the product
    truncated and the seconds kept as a float), "frames" (Qwen2-VL: by one a grid step) or "timestamps" (Qwen3-VL: time
    is written in the text, each grid step is numbered as an image of its own).
    `after_video`: where text goes on. "largest": one after the largest of all three rows, the convention that the
    checkpoints were trained with (Qwen2-VL report, section 2.1; transformers up to 5.2; vLLM). "spatial": after
    the larger edge of the merged grid, as transformers 5.3 to 5.23 number prompts; only to compare with those.
    """

    time: Literal["seconds", "frames", "timestamps"]
    merge: int  # patches a token spans along each edge
    tokens_per_second: float = 1.0
    after_video: AfterVideo = "largest"

    def record(self) -> dict[str, Any]:
        """What goes into a judge's identity."""
        return asdict(self)


def rope_rule(config: Any, after_video: AfterVideo = "largest") -> RopeRule | None:
    """The rule for a model config; None when the architecture has plain one-row positions or is not known here."""
    time = FAMILIES.get(config.model_type)
    if time is None:
        return None
    vision = config.vision_config
    rate = float(getattr(vision, "tokens_per_second", 1.0)) if time == "seconds" else 1.0
    return RopeRule(time, vision.spatial_merge_size, rate, after_video)


def mrope_positions(
    types: "Sequence[int]",
    grids: "Sequence[tuple[int, int, int]]",
    seconds_per_grid: "Sequence[float]",
    rule: RopeRule,
) -> "torch.Tensor":
    """Positions int64 [3, n] of one unpadded sequence.

    `types` [n] is 0 for text and 2 for video tokens; `grids` holds (time, height, width) in patches for each video in
    order, `seconds_per_grid` the seconds between two of its grid steps. Raises ValueError when they do not fit.
    """
    import torch

    blocks = iter(_blocks(grids, seconds_per_grid, rule))
    rows, start, index = [], 0, 0
    while index < len(types):
        end = index
        if types[index] == 0:
            while end < len(types) and types[end] == 0:
                end += 1
            row = torch.arange(start, start + end - index).expand(3, -1)
            after = start + end - index
        else:
            grid, step = next(blocks, (None, 0.0))
            if grid is None:
                raise ValueError(f"more video tokens than the {len(grids)} grids hold")
            row, after = _grid_positions(grid, step, start, rule)
            end = index + row.shape[1]
            if list(types[index:end]) != [2] * row.shape[1]:
                raise ValueError(
                    f"a grid of {grid} patches needs {row.shape[1]} video tokens in a row at token {index}"
                )
        rows.append(row)
        start, index = after, end
    if next(blocks, None) is not None:
        raise ValueError("fewer video tokens than the grids hold")
    return torch.cat(rows, dim=1)


def next_position(positions: "torch.Tensor") -> int:
    """Where the first generated token goes: one after the largest position so far, the same on all rows."""
    return int(positions.max()) + 1


def _blocks(grids, seconds_per_grid, rule: RopeRule):
    """(grid, temporal step) for every run of video tokens: a whole video, or each step of it between timestamps."""
    for (steps, height, width), seconds in zip(grids, seconds_per_grid, strict=True):
        if rule.time == "timestamps":
            yield from [((1, height, width), 0.0)] * steps
        else:
            yield (steps, height, width), rule.tokens_per_second * seconds if rule.time == "seconds" else 1.0


def _grid_positions(grid: tuple[int, int, int], step: float, start: int, rule: RopeRule) -> tuple["torch.Tensor", int]:
    """Positions int64 [3, tokens] of a video whose first token is at `start`, and where what follows it starts."""
    import torch

    steps, height, width = grid[0], grid[1] // rule.merge, grid[2] // rule.merge
    # float64: 30 minutes of quarter-second steps must not lose a position to rounding.
    time = (torch.arange(steps, dtype=torch.float64) * step).long()
    mesh = torch.meshgrid(time, torch.arange(height), torch.arange(width), indexing="ij")
    positions = torch.stack(mesh).reshape(3, -1) + start
    after = int(positions.max()) + 1 if rule.after_video == "largest" else start + max(height, width)
    return positions, after
