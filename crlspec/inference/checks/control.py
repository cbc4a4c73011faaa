"""Whether the declared control is the one environment from which all others differ by one mechanism."""

from __future__ import annotations

import numpy as np

from crlspec.inference.check import Check
from crlspec.inference.checks.moments import Moments
from crlspec.inference.checks.one_target import pairwise
from crlspec.inference.design_thresholds import DesignThresholds

__all__ = ["better_control", "check_control"]


def check_control(moments: Moments, alpha: float, limits: DesignThresholds) -> list[Check]:
    """One check where two environments or more lie off the declared control and another one fits in its place.

    alpha  level, all environments together, below which an environment is more than one mechanism away
    """
    away, fits = better_control(moments, alpha, limits)
    if len(away) < 2 or fits is None:
        return []
    control, names = moments.names[0], tuple(moments.names[e] for e in away)
    least = float(pairwise(moments, limits.both_ways)[0, 1:].min())
    return [
        Check(
            "control", "refuted", least, alpha / (len(moments.names) - 1),
            f"'{fits}' looks like the control, not '{control}'. All others differ from '{fits}' by one mechanism, "
            f"and {len(away)} of them from '{control}' by more.",
            f"Declare '{fits}' as the observational environment.", (*names, control, fits),
        )
    ]  # fmt: skip


def better_control(
    moments: Moments, alpha: float, limits: DesignThresholds
) -> tuple[tuple[int, ...], str | None]:
    """The environments that lie more than one mechanism off the control, and the environment from which all others
    differ by one, where there is one (p ≥ ``limits.control`` for all of them together)."""
    count, found = len(moments.names), pairwise(moments, limits.both_ways)
    away = tuple(int(e) for e in np.flatnonzero(found[0, 1:] < alpha / max(count - 1, 1)) + 1)
    least = np.array([np.delete(row, k).min() * (count - 1) for k, row in enumerate(found)])
    best = 1 + int(least[1:].argmax())
    return away, moments.names[best] if count > 2 and least[best] >= limits.control else None
