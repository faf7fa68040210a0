"""A stand-in for a GPU: it computes on the processor, and refuses to mix its tensors with those that lie elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

DEVICE = torch.device("meta")  # its name: gradients go back through it without a driver
ATEN = torch.ops.aten
MAY_MIX = (ATEN.index.Tensor, ATEN.index_put.default, ATEN.index_put_.default)  # a GPU takes indices that lie elsewhere


class Far(torch.Tensor):
    """A tensor whose values lie on the stand-in."""

    values: torch.Tensor

    @staticmethod
    def __new__(cls, values: torch.Tensor):
        far = torch.Tensor._make_wrapper_subclass(
            cls, values.shape, strides=values.stride(), dtype=values.dtype, device=DEVICE
        )
        far.values = values
        return far

    def tolist(self):
        return self.values.tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise AssertionError(f"{function} met a far tensor outside of OtherDevice")


class Made(TorchFunctionMode):
    """Has `torch.tensor` make its values on the processor first: right on DEVICE it would make none."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function is torch.tensor and torch.device(kwargs.get("device") or "cpu") == DEVICE:
            del kwargs["device"]
            return torch.tensor(*args, **kwargs).to(DEVICE)
        return function(*args, **kwargs)


class OtherDevice(TorchDispatchMode):
    """While it is on, tensors of DEVICE hold values, and operations that mix them with those of the processor fail."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
        far = any(isinstance(each, Far) for each in tensors)
        wanted = torch.device(kwargs["device"]) if kwargs.get("device") is not None else None
        if wanted is not None:
            kwargs["device"] = "cpu"
        near = [each for each in tensors if not isinstance(each, Far) and each.ndim]
        moves = function in (ATEN._to_copy.default, ATEN.copy_.default)
        if far and near and not moves and function not in MAY_MIX:
            raise RuntimeError(f"{function}: expected all tensors on one device, got two")
        found = function(*tree_map_only(Far, lambda each: each.values, args),
                         **tree_map_only(Far, lambda each: each.values, kwargs))  # fmt: skip
        if function._schema.name.endswith("_") and isinstance(args[0], torch.Tensor):
            return args[0]
        if wanted == DEVICE or (far and wanted is None):
            return tree_map_only(torch.Tensor, Far, found)
        return found


@contextmanager
def other_device() -> Iterator[torch.device]:
    """Within, there is a device beside the processor."""
    with Made(), OtherDevice():
        yield DEVICE


def lower_right(queries: int, keys: int) -> torch.Tensor:
    """What torch's `causal_lower_right` stands for, written out: its own class is not made beside the stand-in."""
    return torch.ones(queries, keys).tril(keys - queries).bool().to(DEVICE)
