"""Smooth functions of several variables: products of low polynomials, bounded where tails would rule."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
from torch import Tensor

__all__ = ["SmoothBasis"]

DEGREES = ((1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3))
"""Of the products of two variables."""
MOST_FOR_TRIPLES = 5
"""With more variables there are no products of three."""


class SmoothBasis:
    """1; each variable, and Legendre polynomials of degree 2 and 3 of it, squashed into (−1, 1); their products.

    support  (function, variable) bool: what each function depends on
    """

    support: np.ndarray

    def __init__(self, z: Tensor) -> None:
        n = z.shape[1]
        self.scale = 1.5 * z.std(0)
        self.pairs = list(combinations(range(n), 2))
        self.triples = list(combinations(range(n), 3)) if n <= MOST_FOR_TRIPLES else []
        single = [(a,) for _ in range(3) for a in range(n)]
        double = [pair for _ in DEGREES for pair in self.pairs]
        listed = [(), *single, *double, *self.triples]
        self.support = np.array([[a in variables for a in range(n)] for variables in listed])

    def __call__(self, z: Tensor) -> Tensor:
        """(sample, variable) → (sample, function)."""
        u = torch.tanh(z / self.scale)
        first, second, third = 3**0.5 * u, 5**0.5 * (3 * u**2 - 1) / 2, 7**0.5 * (5 * u**3 - 3 * u) / 2
        polynomials = {1: first, 2: second, 3: third}
        parts = [torch.ones_like(z[:, :1]), z, second, third]
        if self.pairs:
            left, right = (list(side) for side in zip(*self.pairs, strict=True))
            parts += [polynomials[a][:, left] * polynomials[b][:, right] for a, b in DEGREES]
        parts += [first[:, list(triple)].prod(1, keepdim=True) for triple in self.triples]
        return torch.cat(parts, 1)
