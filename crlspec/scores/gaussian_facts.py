"""Means and covariances of Gaussian environments, and all that follows from them in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from crlspec.numerics.linalg import column_means, covariance

__all__ = ["GaussianFacts"]


@dataclass(frozen=True)
class GaussianFacts:
    """All that Gaussian environments say, the observational one first.

    means        (environment, component); all arrays may have further axes before
    covariances  (environment, component, component)
    counts       (environment,) samples
    """

    means: np.ndarray
    covariances: np.ndarray
    counts: tuple[int, ...]

    @classmethod
    def of(cls, samples: list[np.ndarray]) -> GaussianFacts:
        """Of one array (sample, component) per environment."""
        return cls(
            np.stack([column_means(y) for y in samples]),
            np.stack([covariance(y) for y in samples]),
            tuple(map(len, samples)),
        )

    @cached_property
    def precisions(self) -> np.ndarray:
        """(environment, component, component) inverse covariances."""
        return np.asarray(np.linalg.inv(self.covariances))

    @cached_property
    def slopes(self) -> np.ndarray:
        """(interventional environment, component, component): D with d^e(y) = D (y − μ_0) + shift."""
        precisions = self.precisions
        return np.asarray(precisions[..., 1:, :, :] - precisions[..., :1, :, :])

    @cached_property
    def shifts(self) -> np.ndarray:
        """(interventional environment, component): d^e at the observational mean."""
        gaps = self.means[..., :1, :] - self.means[..., 1:, :]
        return np.asarray((self.precisions[..., 1:, :, :] @ gaps[..., None])[..., 0])

    @cached_property
    def moments(self) -> np.ndarray:
        """E_obs[d dᵀ] (interventional environment, component, component), less the sampling variance of Θ̂ (Wishart):
        Cov(Θ̂ v) = (vᵀΘv Θ + Θv vᵀΘ) / N."""
        precisions, second = self.precisions, self.covariances[..., :1, :, :]
        read = precisions @ second
        traces = np.einsum("...ii->...", read)[..., None, None]
        noises = (precisions * traces + read @ precisions + precisions) / np.array(self.counts)[:, None, None]
        slopes, shifts = self.slopes, self.shifts
        found = slopes @ second @ slopes + shifts[..., :, None] * shifts[..., None, :]
        found = found - noises[..., 1:, :, :] - noises[..., :1, :, :]
        return np.asarray((found + np.swapaxes(found, -1, -2)) / 2)
