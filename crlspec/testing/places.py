"""Rules for devices: tensors are made where their inputs live, in their dtype; a step of a training never waits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["all_in", "never_waits"]

WAITING = frozenset(
    {
        "_local_scalar_dense",
        "_unique2",
        "bincount",
        "equal",
        "is_nonzero",
        "masked_select",
        "nonzero",
        "unique_dim",
    }
)
"""Operators whose answer, or its size, has to come from the device first."""


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


@contextmanager
def never_waits(device: torch.device | str) -> Iterator[None]:
    """Within ``with never_waits("meta"):`` a call that would make a program wait for its device, or bring numbers to
    it from elsewhere, is an AssertionError: derivatives too. What passes can be captured as a graph.

    Tensors of no dimension may lie on the CPU: kernels take them as numbers.
    """
    with _NoLists(), _NoWaiting(torch.device(device)):
        yield


class _NoLists(TorchFunctionMode):
    """Lists of places become tensors on their way to the device, where no operator sees it."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if getattr(func, "__name__", "") in ("__getitem__", "__setitem__"):
            places = args[1] if isinstance(args[1], tuple) else args[1:2]
            if any(isinstance(place, list | np.ndarray) for place in places):
                raise AssertionError(f"a list of places comes from the program: {places}")
        return func(*args, **(kwargs or {}))


class _NoWaiting(TorchDispatchMode):
    """Operators that wait, and tensors that come from elsewhere."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device

    def __torch_dispatch__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = func.overloadpacket.__name__
        given = [one for one in tree_leaves((args, dict(kwargs or {}))) if isinstance(one, torch.Tensor)]
        masks = name in ("index", "index_put", "index_put_") and any(
            one.dtype == torch.bool for one in given[1:]
        )
        if name in WAITING or masks:
            raise AssertionError(f"{name} waits for {self.device}")
        for tensor in given:
            if tensor.ndim and tensor.device.type != self.device.type:
                raise AssertionError(
                    f"{name}: a tensor of shape {tuple(tensor.shape)} comes from {tensor.device.type}, not "
                    f"{self.device}"
                )
        return func(*args, **(kwargs or {}))
