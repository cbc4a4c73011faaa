"""One rule for devices and dtypes: every tensor is made where its inputs live, and in their dtype."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

__all__ = ["all_in"]


class all_in(TorchFunctionMode):  # noqa: N801  a condition, as one writes it
    """Within ``with all_in(dtype, device):`` a tensor on another device, or floating-point in another dtype, is an
    AssertionError: where torch takes it as well as where torch makes it.

    On the device ``meta`` tensors have shapes and no numbers, so that the rule can be tested for a device that is not
    there. What is read off tensors in Python (``float(t)``) fails there too. What torch's own function transforms
    count with, such as numbers of elements, is their business.
    """

    def __init__(self, dtype: torch.dtype, device: torch.device | str) -> None:
        super().__init__()
        self.dtype, self.device = dtype, torch.device(device)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        if str(sys._getframe(1).f_globals.get("__name__", "")).startswith("torch._functorch"):
            return found
        for tensor in tree_leaves((args, dict(kwargs or {}), found)):
            if isinstance(tensor, torch.Tensor):
                self._require(tensor, getattr(func, "__name__", str(func)))
        return found

    def _require(self, tensor: torch.Tensor, name: str) -> None:
        place = tensor.device.type
        if place != self.device.type:
            raise AssertionError(
                f"{name}: a tensor of shape {tuple(tensor.shape)} is on {place}, not {self.device}"
            )
        if tensor.is_floating_point() and tensor.dtype != self.dtype:
            raise AssertionError(
                f"{name}: a tensor of shape {tuple(tensor.shape)} is {tensor.dtype}, not {self.dtype}"
            )
