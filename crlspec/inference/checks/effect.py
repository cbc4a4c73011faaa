"""Environments that cannot be told from the control."""

from __future__ import annotations

import numpy as np
from scipy.special import fdtrc, kolmogorov

from crlspec.inference.check import Check, chance
from crlspec.inference.checks.moments import Moments
from crlspec.inference.checks.two_samples import equality_p_value
from crlspec.numerics.ranks import distribution_distance

__all__ = ["check_effect", "no_effect"]

CUT = 3.0
"""Deviations at which components are cut off before they are multiplied."""


def no_effect(moments: Moments, kurtosis: float = 1.0) -> np.ndarray:
    """(interventional environment,) p-values of "mean and covariance are those of the control".

    kurtosis  by how much the fourth moments exceed normal ones: the likelihood ratio is divided by it
    """
    return np.array([equality_p_value(moments, 0, e, kurtosis) for e in range(1, len(moments.names))])


def check_effect(
    moments: Moments,
    gaussian: bool,
    kurtosis: float,
    alpha: float,
) -> list[Check]:
    """Names environments whose distribution is not told from the control's at level alpha.

    gaussian  whether means and covariances say all; else the distribution of each component is compared too (by the
              two-sample test of Kolmogorov and Smirnov), and the means of all products
    """
    checks = []
    y = moments.y
    for e, p_value in enumerate(no_effect(moments, kurtosis), start=1):
        name, found = moments.names[e], float(p_value)
        if found < alpha:
            continue
        if not gaussian:
            control = y[moments.names[0]]
            found = min(1.0, 3 * min(found, _distributions(control, y[name]), _products(control, y[name])))
        if found < alpha:
            continue
        checks.append(
            Check(
                "effect", "undecided", found, alpha,
                f"Environment '{name}' cannot be told from the control '{moments.names[0]}' ({chance(found)}). "
                "No effect of its intervention is seen, so its target cannot be found.",
                f"Give more samples or a stronger intervention, or leave '{name}' out.", (name, moments.names[0]),
            )
        )  # fmt: skip
    return checks


def _products(one: np.ndarray, other: np.ndarray) -> float:
    """p-value of equal means of all components and their products, (sample, component), cut off at ``CUT`` deviations
    so that no tail decides: Hotelling's test with the covariances as they are."""
    both = np.concatenate([one, other])
    centre, size = both.mean(0), both.std(0)
    if len(both) < 5 * one.shape[1] * (one.shape[1] + 3) / 2 or not (size > 0).all():
        return 1.0
    upper = np.triu_indices(one.shape[1])
    sides = []
    for y in (one, other):
        cut = np.clip((y - centre) / size, -CUT, CUT)
        sides.append(np.concatenate([cut, cut[:, upper[0]] * cut[:, upper[1]]], axis=1))
    gap = sides[0].mean(0) - sides[1].mean(0)
    spread = sum(np.cov(features.T).reshape(len(gap), -1) / len(features) for features in sides)
    statistic, free, count = float(gap @ np.linalg.pinv(spread) @ gap), len(both) - 2, len(gap)
    return float(fdtrc(count, free - count + 1, statistic * (free - count + 1) / (free * count)))


def _distributions(one: np.ndarray, other: np.ndarray) -> float:
    """p-value of equal distributions of every component, (sample, component): Bonferroni over components."""
    least = 1.0
    size = np.sqrt(len(one) * len(other) / (len(one) + len(other)))
    for a, b in zip(one.T, other.T, strict=True):
        least = min(least, float(kolmogorov(size * distribution_distance(a, b))))
    return min(1.0, least * one.shape[1])
