"""Whether the declared control is the one environment from which all others differ by one mechanism."""

from __future__ import annotations

import numpy as np

from crlspec.inference.checks.base import Check, listed
from crlspec.inference.checks.moments import Moments
from crlspec.inference.checks.one_target import pairwise

__all__ = ["check_control"]

FITS = 0.01
"""p-value from which on an environment is said to fit as control."""


def check_control(moments: Moments, alpha: float = 1e-3) -> list[Check]:
    """One check where the declared control does not fit and another environment does.

    alpha  level, all environments together, below which an environment is more than one mechanism away
    """
    count = len(moments.names)
    found = pairwise(moments)
    level = alpha / max(count - 1, 1)
    away = np.flatnonzero(found[0, 1:] < level) + 1
    if len(away) == 0 or count < 3:
        return []
    least = np.array([np.delete(row, k).min() * (count - 1) for k, row in enumerate(found)])
    least[0] = 0.0
    best = int(least.argmax())
    if least[best] < FITS:
        return []
    control, fits = moments.names[0], moments.names[best]
    names = tuple(moments.names[e] for e in away)
    return [
        Check(
            "control", "refuted", float(found[0, 1:].min()), level,
            f"Environment{'s' * (len(names) > 1)} {listed(names)} differ{'s' * (len(names) == 1)} from the "
            "declared control "
            f"'{control}' by more than one mechanism. From '{fits}' all others differ by one.",
            f"Declare '{fits}' as the observational environment.", (*names, control, fits),
        )
    ]  # fmt: skip
