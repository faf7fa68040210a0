"""Verdicts of the audit in words, for its text and its sections alike."""

from collections.abc import Sequence

from bootstrap.acceptance import Bias


def biased(biases: Sequence[Bias]) -> str:
    """Which ratings are biased, the worst first."""
    found = [one for one in biases if one.verdict in ("too high", "too low")]
    found.sort(key=lambda one: -abs(one.gap.value or 0))
    return "; ".join(f"BIASED AT {one.target}: {one.verdict}" for one in found) or "None seen."


def fall(falls: bool | None, surely: bool | None) -> str:
    """Whether a text metric falls with the rating."""
    if falls is None:
        return "has no complete set to be of"
    if not falls:
        return "DOES NOT FALL from 4 to 1"
    return "falls from 4 to 1, every step surely" if surely else "falls from 4 to 1, but not every step surely"
