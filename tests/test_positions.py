"""M-RoPE position ids against cases worked out by hand, and against the library where it does the same."""

import pytest
import torch

from workbench.backends.positions import RopeRule, mrope_positions, next_position, rope_rule

SECONDS = RopeRule("seconds", merge=2, tokens_per_second=2.0)
SPATIAL = RopeRule("seconds", merge=2, tokens_per_second=2.0, after_video="spatial")
FRAMES = RopeRule("frames", merge=2)
STAMPS = RopeRule("timestamps", merge=2)


# Each case: rule, token types, grids in patches, seconds per grid step, then the rows of time, height and width.
CASES = {
    "text only": (SECONDS, [0, 0, 0], [], [], [0, 1, 2], [0, 1, 2], [0, 1, 2]),
    # One token of text, a video of 2 steps of 1x2 merged tokens one second apart (2 positions), two tokens of text.
    # The video starts at 1; its largest position is 1+2=3 on the row of time, so the text goes on at 4.
    "time is largest": (
        SECONDS, [0, 2, 2, 2, 2, 0, 0], [(2, 2, 4)], [1.0],
        [0, 1, 1, 3, 3, 4, 5], [0, 1, 1, 1, 1, 4, 5], [0, 1, 2, 1, 2, 4, 5],
    ),
    # The same under the other convention: after max(1, 2) merged tokens, that is at 1+2=3, where time is already.
    "spatial convention": (
        SPATIAL, [0, 2, 2, 2, 2, 0, 0], [(2, 2, 4)], [1.0],
        [0, 1, 1, 3, 3, 3, 4], [0, 1, 1, 1, 1, 3, 4], [0, 1, 2, 1, 2, 3, 4],
    ),
    # Half a second a step and 2 positions a second: time advances by one; height 3 is largest: 1+2, text at 4.
    "space is largest": (
        SECONDS, [0] + [2] * 6 + [0], [(2, 6, 2)], [0.5],
        [0, 1, 1, 1, 2, 2, 2, 4], [0, 1, 2, 3, 1, 2, 3, 4], [0, 1, 1, 1, 1, 1, 1, 4],
    ),
    # 0.7 s a step gives 0, 1.4, 2.8, 4.2 positions, truncated after the product: 0, 1, 2, 4 (not 0, 0, 0, 0 as when the
    # seconds themselves are truncated). Text at 4+1.
    "seconds stay fractions": (
        SECONDS, [2, 2, 2, 2, 0], [(4, 2, 2)], [0.7],
        [0, 1, 2, 4, 5], [0, 0, 0, 0, 5], [0, 0, 0, 0, 5],
    ),
    "frames count one each": (FRAMES, [2, 2, 2, 0], [(3, 2, 2)], [9.0], [0, 1, 2, 3], [0, 0, 0, 3], [0, 0, 0, 3]),
    # Two steps with a timestamp token before each: every step is an image of its own.
    "timestamps": (
        STAMPS, [0, 2, 2, 0, 2, 2, 0], [(2, 2, 4)], [1.0],
        [0, 1, 1, 3, 4, 4, 6], [0, 1, 1, 3, 4, 4, 6], [0, 1, 2, 3, 4, 5, 6],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_hand_worked(case):
    rule, types, grids, seconds, *rows = CASES[case]
    positions = mrope_positions(types, grids, seconds, rule)
    assert positions.tolist() == rows
    assert next_position(positions) == max(map(max, rows)) + 1


@pytest.mark.parametrize(
    "types, grids, message",
    [
        ([0, 2], [(2, 2, 2)], "needs 2 video tokens"),
        ([0, 2, 2, 2], [(2, 2, 2)], "more video tokens"),
        ([0, 0], [(1, 2, 2)], "fewer video tokens"),
    ],
)
def test_tokens_and_grids_must_fit(types, grids, message):
    with pytest.raises(ValueError, match=message):
        mrope_positions(types, grids, [1.0] * len(grids), SECONDS)


@pytest.mark.parametrize("grid, seconds", [((4, 4, 8), 2.0), ((3, 8, 4), 0.7), ((1, 4, 4), 2.0), ((60, 4, 4), 1.9)])
def test_spatial_convention_is_the_library_s(qwen25_checkpoint, grid, seconds):
    """The library's prompt ids are the recorded alternative; where time does not pass space, both conventions agree."""
    from transformers import AutoConfig, Qwen2_5_VLForConditionalGeneration

    config = AutoConfig.from_pretrained(qwen25_checkpoint)
    with torch.device("meta"):
        model = Qwen2_5_VLForConditionalGeneration(config).model
    count = grid[0] * grid[1] * grid[2] // 4
    types = [0] * 5 + [2] * count + [0] * 7
    theirs, _ = model.get_rope_index(
        input_ids=torch.zeros(1, len(types), dtype=torch.long),
        mm_token_type_ids=torch.tensor([types]),
        video_grid_thw=torch.tensor([grid]),
        second_per_grid_ts=[seconds],
    )
    ours = mrope_positions(types, [grid], [seconds], rope_rule(config, "spatial"))
    assert torch.equal(theirs[:, 0], ours)
    largest = mrope_positions(types, [grid], [seconds], rope_rule(config))
    assert torch.equal(largest[:, : 5 + count], ours[:, : 5 + count])
    assert largest[0, 5 + count] == ours[:, 5 : 5 + count].max() + 1


def test_rules_by_architecture(qwen25_checkpoint, qwen3_checkpoint, smolvlm_checkpoint):
    from transformers import AutoConfig

    rules = [rope_rule(AutoConfig.from_pretrained(path)) for path in (qwen25_checkpoint, qwen3_checkpoint)]
    assert rules == [RopeRule("seconds", 2, 2.0), RopeRule("timestamps", 2, 1.0)]
    assert rope_rule(AutoConfig.from_pretrained(smolvlm_checkpoint)) is None
    assert rules[0].record()["after_video"] == "largest"
