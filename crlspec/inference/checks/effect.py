"""Environments that cannot be told from the control."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crlspec.inference.checks.base import Check, chance
from crlspec.inference.checks.moments import Moments
from crlspec.inference.checks.two_samples import equality_p_value

__all__ = ["check_effect", "no_effect"]


def no_effect(moments: Moments, kurtosis: float = 1.0) -> np.ndarray:
    """(interventional environment,) p-values of "mean and covariance are those of the control".

    kurtosis  by how much the fourth moments exceed normal ones: the likelihood ratio is divided by it
    """
    return np.array([equality_p_value(moments, 0, e, kurtosis) for e in range(1, len(moments.names))])


def check_effect(
    moments: Moments,
    gaussian: bool,
    kurtosis: float = 1.0,
    samples: Mapping[str, np.ndarray] | None = None,
    alpha: float = 0.01,
) -> list[Check]:
    """Names environments whose distribution is not told from the control's at level alpha.

    gaussian  whether means and covariances say all; else the distribution of each component is compared too, by the
              two-sample test of Kolmogorov and Smirnov
    """
    checks = []
    y = moments.y if samples is None else samples
    for e, p_value in enumerate(no_effect(moments, kurtosis), start=1):
        name, found = moments.names[e], float(p_value)
        if found < alpha:
            continue
        if not gaussian:
            found = min(found, _distributions(y[moments.names[0]], y[name]))
        if found < alpha:
            continue
        checks.append(
            Check(
                "effect", "undecided", found, alpha,
                f"Environment '{name}' cannot be told from the control '{moments.names[0]}' "
                f"({chance(found)}). No effect of "
                "its intervention is seen, so that its target cannot be found.",
                f"Give more samples or a stronger intervention, or leave '{name}' out.", (name, moments.names[0]),
            )
        )  # fmt: skip
    return checks


def _distributions(one: np.ndarray, other: np.ndarray) -> float:
    """p-value of equal distributions of every component, (sample, component): Bonferroni over components."""
    from scipy.special import kolmogorov

    least = 1.0
    size = np.sqrt(len(one) * len(other) / (len(one) + len(other)))
    for a, b in zip(one.T, other.T, strict=True):
        first, second = np.sort(a), np.sort(b)
        points = np.concatenate([first, second])
        gap = np.abs(
            np.searchsorted(first, points, side="right") / len(first)
            - np.searchsorted(second, points, side="right") / len(second)
        ).max()
        least = min(least, float(kolmogorov(size * gap)))
    return min(1.0, least * one.shape[1])
