"""What fitted linear-Gaussian models say of every environment: means, covariances, and how many parameters were free.

A fit gives encoder rows H by position in a causal order. With z = H y, position i follows its regression on all
before it, one for each group of environments in which its mechanism is the same; under a hard intervention it is
independent of them, with a mean and a variance of its own. All of that is read off the moments in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlspec.numerics.linalg import weighted

__all__ = ["FittedModel", "SoftFit", "hard_model", "soft_fit", "soft_model"]


@dataclass(frozen=True)
class FittedModel:
    """A Gaussian model of every environment.

    means        (environment, component)
    covariances  (environment, component, component)
    free         number of free parameters, of means and covariances together
    """

    means: np.ndarray
    covariances: np.ndarray
    free: int


def hard_model(
    rows: np.ndarray, moments: np.ndarray, counts: np.ndarray, targeted: np.ndarray
) -> FittedModel:
    """The model of hard interventions that the likelihood fits, all predecessors as parents.

    rows      (position, component) encoder rows, roots first
    moments   (environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ]
    counts    (environment,) samples
    targeted  (position, environment) bool

    Free are the rows up to their scales, and of a position that is targeted nowhere up to its predecessors as well;
    intercept, slopes and variance of each regression; a mean and a variance of each target.
    """
    n = len(rows)
    z = _in_latents(rows, moments)
    maps, variances, intercepts = _empty(len(counts), n)
    free = n * (n - 1)
    for i in range(n):
        cut = targeted[i]
        if not cut.all():
            weights, constant, variance = _regression(_pooled(z, counts * ~cut), i)
            maps[~cut, i, :i], intercepts[~cut, i], variances[~cut, i] = weights, constant, variance
            free += i + 2
        intercepts[cut, i] = z[cut, 0, i + 1]
        variances[cut, i] = z[cut, i + 1, i + 1] - z[cut, 0, i + 1] ** 2
        free += 2 * int(cut.sum())
        free -= 0 if cut.any() else i
    return _model(rows, maps, intercepts, variances, free)


@dataclass(frozen=True)
class SoftFit:
    """A causal order fitted to soft interventions: (I − B) z = a + noise in every environment, z = rows · y.

    rows         (position, component) encoder rows, roots first
    groups       (position, group, environment) bool; each environment in one group of a position
    spread       (environment, position, position) (I − B)⁻¹
    intercepts   (environment, position) a
    variances    (environment, position) of the noise
    free         number of free parameters
    """

    rows: np.ndarray
    groups: np.ndarray
    spread: np.ndarray
    intercepts: np.ndarray
    variances: np.ndarray
    free: int

    @property
    def means(self) -> np.ndarray:
        """(environment, position) of z."""
        return np.einsum("eij,ej->ei", self.spread, self.intercepts)

    @property
    def covariances(self) -> np.ndarray:
        """(environment, position, position) of z."""
        return np.einsum("eij,ej,ekj->eik", self.spread, self.variances, self.spread)


def soft_fit(rows: np.ndarray, moments: np.ndarray, counts: np.ndarray, groups: np.ndarray) -> SoftFit:
    """One regression on all predecessors for each group of environments, read off the moments.

    Free are the rows up to their scales and predecessors, and every regression that some environment follows.
    """
    n = len(rows)
    z = _in_latents(rows, moments)
    maps, variances, intercepts = _empty(len(counts), n)
    free = n * (n - 1) // 2
    for i in range(n):
        for group in groups[i]:
            if not group.any():
                continue
            weights, constant, variance = _regression(_pooled(z, counts * group), i)
            maps[group, i, :i], intercepts[group, i], variances[group, i] = weights, constant, variance
            free += i + 2
    return SoftFit(rows, groups, np.linalg.inv(np.eye(n) - maps), intercepts, variances, free)


def soft_model(rows: np.ndarray, moments: np.ndarray, counts: np.ndarray, groups: np.ndarray) -> FittedModel:
    """The model of soft interventions, as :func:`soft_fit` has it."""
    fit, decoder = soft_fit(rows, moments, counts, groups), np.linalg.inv(rows)
    return FittedModel(fit.means @ decoder.T, decoder @ fit.covariances @ decoder.T, fit.free)


def _in_latents(rows: np.ndarray, moments: np.ndarray) -> np.ndarray:
    extended = np.eye(len(rows) + 1)
    extended[1:, 1:] = rows
    return np.asarray(extended @ moments @ extended.T)


def _empty(environments: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros((environments, n, n)), np.zeros((environments, n)), np.zeros((environments, n))


def _pooled(z: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return weighted(counts / counts.sum(), z)


def _regression(pooled: np.ndarray, i: int) -> tuple[np.ndarray, float, float]:
    """Slopes (i,), intercept and residual variance of position i on those before it."""
    known, asked = pooled[: i + 1, : i + 1], pooled[: i + 1, i + 1]
    slopes = np.linalg.solve(known, asked)
    return slopes[1:], float(slopes[0]), float(pooled[i + 1, i + 1] - slopes @ asked)


def _model(
    rows: np.ndarray, maps: np.ndarray, intercepts: np.ndarray, variances: np.ndarray, free: int
) -> FittedModel:
    """With (I − B) z = a + noise and y = H⁻¹ z."""
    decoder = np.linalg.inv(rows)
    spread = decoder @ np.linalg.inv(np.eye(len(rows)) - maps)
    covariances = np.einsum("eij,ej,ekj->eik", spread, variances, spread)
    return FittedModel(np.einsum("eij,ej->ei", spread, intercepts), covariances, free)
