"""Functions of ranks: bounded, whatever the tails."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["legendre"]


def legendre(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Legendre polynomials of degree 1, 2, 3 of the rank of each column (sample, column), of unit variance."""
    sorted_ = torch.as_tensor(np.argsort(z.T.numpy(force=True), 1), device=z.device)
    places = torch.arange(len(z), device=z.device).expand(sorted_.shape)
    t = (2 * torch.empty_like(sorted_).scatter_(1, sorted_, places).double() / len(z) - 1).T
    return 3**0.5 * t, 5**0.5 * (3 * t**2 - 1) / 2, 7**0.5 * (5 * t**3 - 3 * t) / 2
