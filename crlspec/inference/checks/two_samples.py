"""Two Gaussian samples compared: likelihood ratios of equal distributions and of few changed directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc

if TYPE_CHECKING:
    from crlspec.inference.checks.moments import Moments


__all__ = ["Relative", "box", "cost", "equalities", "equality", "equality_p_value", "relative", "relatives"]


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
    return relatives(first[None], second[None], np.array([one]), np.array([other]))[0]


def relatives(first: np.ndarray, second: np.ndarray, one: np.ndarray, other: np.ndarray) -> list[Relative]:
    """The same for several pairs (pair, component, component) with (pair,) degrees of freedom."""
    back = np.linalg.inv(np.linalg.cholesky(first))
    values, vectors = np.linalg.eigh(back @ second @ np.swapaxes(back, 1, 2))
    values = np.maximum(values, 1e-300)
    costs = cost(values, one[:, None], other[:, None])
    rows, found = np.swapaxes(vectors, 1, 2) @ back, []
    for k, order in enumerate(np.argsort(-costs, axis=1, kind="stable")):
        parts = (values[k, order], rows[k, order], costs[k, order])
        found.append(Relative(*parts, float(one[k]), float(other[k])))
    return found


def cost(values: np.ndarray, one: float | np.ndarray, other: float | np.ndarray) -> np.ndarray:
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
    return float(moments.equalities[a, b])


def equalities(means: np.ndarray, covariances: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """These ratios for all pairs (environment, environment) of samples with means (environment, component) and
    covariances (environment, component, component)."""
    count, size = means.shape
    a, b = np.triu_indices(count, 1)
    found = np.zeros((count, count))
    if not len(a):
        return found
    one, other = counts[a] - 1, counts[b] - 1
    both = one + other
    back = np.linalg.inv(np.linalg.cholesky(covariances))[a]
    values = np.linalg.eigvalsh(back @ covariances[b] @ np.swapaxes(back, 1, 2))
    costs = cost(np.maximum(values, 1e-300), one[:, None], other[:, None]).sum(1)
    factors = np.array([max(box(x, y, size), 0.0) for x, y in zip(one, other, strict=True)])
    pooled = (one[:, None, None] * covariances[a] + other[:, None, None] * covariances[b]) / both[
        :, None, None
    ]
    gaps = means[a] - means[b]
    spread = (gaps * np.linalg.solve(pooled, gaps[..., None])[..., 0]).sum(1)
    hotelling = spread / (1 / counts[a] + 1 / counts[b])
    shifts = np.maximum(both + 1 - (size + 4) / 2, 1.0) * np.log1p(hotelling / both)
    found[a, b] = found[b, a] = factors * costs + np.where(both > size - 1, shifts, 0.0)
    return found


def equality_p_value(moments: Moments, a: int, b: int, kurtosis: float = 1.0) -> float:
    """p-value of equal means and covariances; ``kurtosis`` is that of the columns over the normal one, at least 1."""
    return float(chdtrc(moments.size * (moments.size + 3) / 2, equality(moments, a, b) / max(kurtosis, 1.0)))
