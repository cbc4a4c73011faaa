"""A partial correlation after smooth regression, with its error, and how much of it leftover mixing could make."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import norm

__all__ = ["PartialCorrelation", "holm", "partial_correlation"]


@dataclass(frozen=True)
class PartialCorrelation:
    """An estimate with standard error, and ``margin``, the most that mixing of the latents could make of it."""

    value: float
    error: float
    margin: float

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The normal interval."""
        half = float(norm.isf((1 - level) / 2)) * self.error
        return max(-1.0, self.value - half), min(1.0, self.value + half)

    @property
    def p_value(self) -> float:
        """Of "there is none"."""
        return float(2 * norm.sf(abs(self.value) / self.error)) if self.error > 0 else 1.0

    @property
    def p_beyond(self) -> float:
        """Of "it is no larger than the margin": small where mixing cannot have made it."""
        return float(norm.sf((abs(self.value) - self.margin) / self.error)) if self.error > 0 else 1.0


def partial_correlation(
    z: np.ndarray, first: int, second: int, given: tuple[int, ...], groups: np.ndarray | None, mixing: float
) -> PartialCorrelation:
    """Correlation of what is left of two latents after regression on others: the generalised covariance measure.

    z       (sample, latent), in observational standard deviations
    given   columns of the regressors; enter as cubic polynomials and products of pairs
    groups  (sample,) numbers of environments whose means are taken out first; None for a common mean
    mixing  ε: each latent may hold up to ε of any other, ẑ = (I + E) z with |E_kl| ≤ ε off the diagonal

    The error is robust to changing variances (Shah & Peters, Annals of Statistics 2020). The margin is the largest
    change of the correlation over all such E, to first order: since residuals are orthogonal to the regressors, only
    the shift of both latents, and of the regressors within both fits, enters.
    """
    z = z - (z.mean(axis=0) if groups is None else _means(z, groups))
    features, slopes = _features(z[:, list(given)])
    left, derivatives = [], []
    for column in (first, second):
        weights = np.linalg.lstsq(features, z[:, column])[0]
        left.append(z[:, column] - features @ weights)
        derivatives.append([slope @ weights for slope in slopes])
    spread = float(left[0].std() * left[1].std())
    if spread == 0:
        return PartialCorrelation(0.0, 0.0, 0.0)
    product = left[0] * left[1]
    shift = 0.0
    for column, derivative, other in ((first, derivatives[0], left[1]), (second, derivatives[1], left[0])):
        shift += _off(z.T @ other / len(z), column)
        for regressor, slope in zip(given, derivative, strict=True):
            shift += _off((z * slope[:, None]).T @ other / len(z), regressor)
    return PartialCorrelation(
        float(product.mean()) / spread,
        float(product.std()) / spread / np.sqrt(len(z)),
        mixing * shift / spread,
    )


def holm(p_values: np.ndarray) -> np.ndarray:
    """p-values corrected for their number, by Holm (Scandinavian Journal of Statistics 1979)."""
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def _off(shares: np.ndarray, column: int) -> float:
    """Sum of magnitudes but for one latent's own, which changes its scale alone."""
    return float(np.abs(np.delete(shares, column)).sum())


def _means(z: np.ndarray, groups: np.ndarray) -> np.ndarray:
    counts = np.bincount(groups)
    sums = np.stack([np.bincount(groups, column) for column in z.T], axis=1)
    return np.asarray((sums / np.maximum(counts, 1)[:, None])[groups])


def _features(s: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """(sample, feature) polynomials of the regressors, and for each regressor their derivatives by it."""
    count, n = s.shape
    zero, one = np.zeros(count), np.ones(count)
    columns = [one]
    slopes: list[list[np.ndarray]] = [[zero] for _ in range(n)]
    for k in range(n):
        columns += [s[:, k], s[:, k] ** 2, s[:, k] ** 3]
        for j in range(n):
            slopes[j] += [one, 2 * s[:, k], 3 * s[:, k] ** 2] if j == k else [zero, zero, zero]
    for a, b in combinations(range(n), 2):
        columns.append(s[:, a] * s[:, b])
        for j in range(n):
            slopes[j].append(s[:, b] if j == a else s[:, a] if j == b else zero)
    return np.stack(columns, axis=1), [np.stack(slope, axis=1) for slope in slopes]
