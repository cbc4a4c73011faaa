"""Whether observations are those that a result was made from: their latents are then among its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["SEEN", "seen_before"]

SEEN = 0.05
"""Share of rows, above what rounded data have among themselves, from which samples count as seen before."""
DECIMALS = 6
"""To which latents, in standard deviations, are the same."""


def seen_before(fresh: Mapping[str, np.ndarray], known: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Environment → how many of its rows are among those known; only environments where it is no accident.

    fresh, known  environment → latents (sample, latent), in standard deviations
    """
    found = {}
    for name, rows in fresh.items():
        old = _rows(known[name])
        count = sum(row in old for row in _rows(rows, distinct=False))
        copies = 1 - len(old) / max(1, len(known[name]))
        if count > (SEEN + 2 * copies) * len(rows):
            found[name] = count
    return found


def _rows(values: np.ndarray, distinct: bool = True) -> set[bytes] | list[bytes]:
    """Rows as they compare, rounded; −0 is 0."""
    rounded = np.round(np.asarray(values, dtype=float), DECIMALS) + 0.0
    rows = [row.tobytes() for row in np.ascontiguousarray(rounded)]
    return set(rows) if distinct else rows
