"""What training steps cost, counted: the arithmetic limit that the benchmark holds speeds against."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from training.features import merged_features, tower_features, vision_features
from training.sft import PREFIX, Packed, pack, target_losses
from workbench.backends.encoding import Encoded

Way = Literal["plain", "cached", "packed"]
KERNELS = ("flash_attention_for_cpu", "flash_attention", "efficient_attention", "cudnn_attention")


class Work(NamedTuple):
    """Floating-point operations: of the tower for a video, and of a forward pass over the prefix and over a branch."""

    vision: float
    prefix: float
    branch: float

    def limit(self, way: Way, rows: int) -> float:
        """How many times faster than plain a way is if every operation takes as long; going back counts as two forward.

        Packed: rows * (V + 3P + 3S) / (3P + rows * 3S).
        """
        plain = rows * (self.vision + 3 * self.prefix + 3 * self.branch)
        cached = rows * 3 * (self.prefix + self.branch)
        packed = 3 * self.prefix + rows * 3 * self.branch
        return plain / {"plain": plain, "cached": cached, "packed": packed}[way]


def count_operations(do: Callable[[], Any]) -> float:
    """Multiplications and additions in matrix products and attention; causal attention at what its mask leaves."""
    forward = [getattr(torch.ops.aten, f"_scaled_dot_product_{name}") for name in KERNELS]
    backward = [getattr(torch.ops.aten, f"_scaled_dot_product_{name}_backward") for name in KERNELS]
    formulas = {op: partial(_attention_operations, op, 0, 2) for op in forward}
    formulas |= {op: partial(_attention_operations, op, 1, 5) for op in backward}
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        do()
    return float(counter.get_total_flops())


def _attention_operations(op: Any, first: int, products: int, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
    """`products` matrix products of [n, size] with [size, m]: 2 forward, 5 backward (one of them repeats the scores)."""
    (batch, heads, n, size), (_, _, m, _) = args[first], args[first + 1]
    names = [argument.name for argument in op.default._schema.arguments]
    place = names.index("is_causal")
    causal = args[place] if place < len(args) else kwargs.get("is_causal", False)
    pairs = n * m - n * (n - 1) // 2 if causal else n * m
    return 2 * products * batch * heads * pairs * size


def count_work(model: Any, rows: Sequence[Encoded]) -> Work:
    """V, P and S by counting forward passes: the tower's, the prefix's (with the merger), and the rest of a pack's."""
    videos, whole = [rows[0].vision], pack(rows)
    tower = tower_features(model, videos)
    with torch.no_grad():
        merger = count_operations(lambda: merged_features(model, tower))
        vision = count_operations(lambda: vision_features(model, videos)) - merger
        features = merged_features(model, tower)
        prefix = count_operations(lambda: target_losses(model, [_prefix_alone(whole)], features))
        packed = count_operations(lambda: target_losses(model, [whole], features))
    return Work(vision, prefix + merger, (packed - prefix) / len(rows))


def _prefix_alone(whole: Packed) -> Packed:
    shared = int((whole.branches == PREFIX).sum())
    return Packed(*(field[..., :shared] for field in whole))
