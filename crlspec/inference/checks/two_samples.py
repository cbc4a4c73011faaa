"""Two Gaussian samples compared: likelihood ratios of equal distributions and of few changed directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from crlspec.inference.checks.moments import Moments

__all__ = ["Relative", "box", "cost", "equality", "relative"]


@dataclass(frozen=True)
class Relative:
    """The covariance of one sample relative to that of another.

    values   (component,) generalised eigenvalues λ of (S_other, S_one), those least like one first
    rows     (component, component) functionals w_k with w S_one wᵀ = I and w S_other wᵀ = diag λ; where all of the
             change is in one mechanism, those with λ ≠ 1 span its encoder rows
    costs    (component,) likelihood ratios of λ_k = 1
    one      degrees of freedom of the first covariance
    other    degrees of freedom of the second covariance
    """

    values: np.ndarray
    rows: np.ndarray
    costs: np.ndarray
    one: float
    other: float


def relative(first: np.ndarray, second: np.ndarray, one: float, other: float) -> Relative:
    """Of covariances (component, component) with so many degrees of freedom."""
    back = np.linalg.inv(np.linalg.cholesky(first))
    values, vectors = np.linalg.eigh(back @ second @ back.T)
    values = np.maximum(values, 1e-300)
    costs = cost(values, one, other)
    order = np.argsort(-costs, kind="stable")
    return Relative(values[order], (vectors.T @ back)[order], costs[order], one, other)


def cost(values: np.ndarray, one: float, other: float) -> np.ndarray:
    """Twice the log likelihood that λ = 1 costs along each generalised eigenvector."""
    total = one + other
    return np.asarray(total * np.log((one + other * values) / total) - other * np.log(values))


def box(one: float, other: float, size: int) -> float:
    """The factor that brings the likelihood ratio of two equal covariances to its χ² mean (Box, Biometrika 36, 1949);
    negative where there are too few samples for any."""
    if min(one, other) <= size + 1 or size == 0:
        return -1.0
    inverse = 1 / one + 1 / other - 1 / (one + other)
    return float(1 - inverse * (2 * size**2 + 3 * size - 1) / (6 * (size + 1)))


def equality(moments: Moments, a: int, b: int) -> float:
    """The likelihood ratio of equal means and covariances of two environments, about χ² with n(n + 3)/2 degrees of
    freedom where they are equal; sums of Box's statistic and of Hotelling's."""
    one, other = moments.counts[a] - 1, moments.counts[b] - 1
    found = relative(moments.covariances[a], moments.covariances[b], one, other)
    pooled = (one * moments.covariances[a] + other * moments.covariances[b]) / (one + other)
    gap = moments.means[a] - moments.means[b]
    hotelling = gap @ np.linalg.solve(pooled, gap) / (1 / moments.counts[a] + 1 / moments.counts[b])
    free = one + other - (moments.size - 1)
    shift = (
        max(one + other + 1 - (moments.size + 4) / 2, 1.0) * np.log1p(hotelling / (one + other))
        if free > 0
        else 0.0
    )
    return float(max(box(one, other, moments.size), 0.0) * found.costs.sum() + shift)


def equality_p_value(moments: Moments, a: int, b: int, kurtosis: float = 1.0) -> float:
    """p-value of equal means and covariances; ``kurtosis`` is that of the columns over the normal one, at least 1."""
    return float(chdtrc(moments.size * (moments.size + 3) / 2, equality(moments, a, b) / max(kurtosis, 1.0)))
