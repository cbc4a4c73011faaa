"""Functions of ranks: bounded, whatever the tails."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["legendre"]


def legendre(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Legendre polynomials of degree 1, 2, 3 of the rank of each column (sample, column), of unit variance."""
    sorted_, places = z.argsort(0), torch.arange(len(z), device=z.device)[:, None].expand(z.shape)
    t = 2 * torch.empty_like(sorted_).scatter_(0, sorted_, places).double() / len(z) - 1
    return 3**0.5 * t, 5**0.5 * (3 * t**2 - 1) / 2, 7**0.5 * (5 * t**3 - 3 * t) / 2
