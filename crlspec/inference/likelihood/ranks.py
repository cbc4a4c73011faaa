"""Functions of ranks: bounded, whatever the tails."""

from __future__ import annotations

from torch import Tensor

__all__ = ["legendre"]


def legendre(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Legendre polynomials of degree 1, 2, 3 of the rank of each column (sample, column), of unit variance."""
    t = 2 * z.argsort(0).argsort(0).double() / len(z) - 1
    return 3**0.5 * t, 5**0.5 * (3 * t**2 - 1) / 2, 7**0.5 * (5 * t**3 - 3 * t) / 2
