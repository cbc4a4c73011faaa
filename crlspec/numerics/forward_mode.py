"""Forward-mode derivatives, one thread at a time: torch keeps one level of dual numbers for the whole process."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock

import torch
from torch import Tensor

__all__ = ["FORWARD_MODE", "jacobians"]

FORWARD_MODE = RLock()
"""To be held around whatever differentiates forward (``jacfwd``, ``jvp``, ``hessian``). Without it, a thread that
leaves takes the tangents of the others with it: they fail, or come out wrong."""


def jacobians(function: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """∂f/∂u at each of the points: (sample, input) → (sample, output, input)."""
    with FORWARD_MODE:
        return torch.vmap(torch.func.jacfwd(function))(points)
