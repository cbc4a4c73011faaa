"""Latents that an encoder left mixed by some per cent, smoothly."""

from __future__ import annotations

import numpy as np

__all__ = ["CHAIN", "NONE", "PAIRS", "latents"]

PAIRS = ((1, 2), (3, 4), (5, 6))
CHAIN = {(2, 0), (0, 1)}
"""Edges (cause, effect): c → a, even, and a → b, of latents a, b, c."""
NONE: set[tuple[int, int]] = set()


def latents(seed: int, edges: set[tuple[int, int]], mixing: float, count: int = 2000) -> list[np.ndarray]:
    """Observational, then two hard interventions on each of a, b, c; every estimate holds some of the others."""
    rng, found = np.random.default_rng(seed), []
    weights = rng.normal(size=(3, 3)) / 2
    for environment in range(7):
        deviation = np.ones(3)
        hit = (environment - 1) // 2 if environment else None
        if hit is not None:
            deviation[hit] = 0.5 if environment % 2 else 2.0
        c, a, b = (deviation[k] * rng.normal(size=count) for k in (2, 0, 1))
        a = a + (np.sqrt(1 + 4 * c**2) if (2, 0) in edges and hit != 0 else 0)
        b = b + (0.7 * a if (0, 1) in edges and hit != 1 else 0)
        z = np.stack([a, b, c], axis=1)
        found.append(
            z + mixing * (np.roll(z, 1, axis=1) + np.sin(z @ weights) + 0.3 * np.roll(z, 2, axis=1) ** 2)
        )
    return found
