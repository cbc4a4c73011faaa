"""Means and covariances of Gaussian environments, and all that follows from them in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from crlspec.numerics.linalg import column_means

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
        covariances = [np.cov(y.T).reshape(y.shape[1], -1) for y in samples]
        return cls(
            np.stack([column_means(y) for y in samples]), np.stack(covariances), tuple(map(len, samples))
        )

    @property
    def slopes(self) -> np.ndarray:
        """(interventional environment, component, component): D with d^e(y) = D (y − μ_0) + shift."""
        precisions = np.linalg.inv(self.covariances)
        return np.asarray(precisions[..., 1:, :, :] - precisions[..., :1, :, :])

    @property
    def shifts(self) -> np.ndarray:
        """(interventional environment, component): d^e at the observational mean."""
        precisions = np.linalg.inv(self.covariances[..., 1:, :, :])
        gaps = self.means[..., :1, :] - self.means[..., 1:, :]
        return np.asarray((precisions @ gaps[..., None])[..., 0])

    @property
    def moments(self) -> np.ndarray:
        """E_obs[d dᵀ] (interventional environment, component, component), less the sampling variance of Θ̂ (Wishart):
        Cov(Θ̂ v) = (vᵀΘv Θ + Θv vᵀΘ) / N."""
        precisions, second = np.linalg.inv(self.covariances), self.covariances[..., :1, :, :]
        read = precisions @ second
        traces = np.einsum("...ii->...", read)[..., None, None]
        noises = (precisions * traces + read @ precisions + precisions) / np.array(self.counts)[:, None, None]
        slopes, shifts = precisions[..., 1:, :, :] - precisions[..., :1, :, :], self.shifts
        found = slopes @ second @ slopes + shifts[..., :, None] * shifts[..., None, :]
        found = found - noises[..., 1:, :, :] - noises[..., :1, :, :]
        return np.asarray((found + np.swapaxes(found, -1, -2)) / 2)

    def deviations(self, at_once: int = 256) -> Iterator[tuple[GaussianFacts, GaussianFacts]]:
        """Facts moved up and down by one standard deviation in each independent direction of their sampling error.

        With (f(up) − f(down)) / 2 as columns of J, the sampling covariance of a smooth f is JJᵀ to first order (the
        delta method with sigma points). Directions: of a covariance LLᵀ from N samples L W Lᵀ/√N, where W is
        symmetric with independent entries of variance one, two on the diagonal; of a mean L w/√N.

        at_once  directions in one pair of facts, whose arrays have them as their first axis
        """
        environments, n = self.means.shape
        a, b = np.tril_indices(n)
        size = np.where(a == b, 2.0, 1.0)
        for e in range(environments):
            count, root = self.counts[e], np.linalg.cholesky(self.covariances[e])
            products = root.T[a][:, :, None] * root.T[b][:, None, :]
            turned = (products + np.swapaxes(products, 1, 2)) / np.sqrt(size * count)[:, None, None]
            means = np.concatenate([root.T / count**0.5, np.zeros((len(a), n))])
            covariances = np.concatenate([np.zeros((n, n, n)), turned])
            for first in range(0, len(means), at_once):
                part = slice(first, first + at_once)
                yield (
                    self._moved(e, means[part], covariances[part], 1),
                    self._moved(e, means[part], covariances[part], -1),
                )

    def _moved(self, e: int, mean: np.ndarray, covariance: np.ndarray, sign: int) -> GaussianFacts:
        """Environment e moved by (direction, component) and (direction, component, component)."""
        means, covariances = (np.repeat(x[None], len(mean), axis=0) for x in (self.means, self.covariances))
        means[:, e] += sign * mean
        covariances[:, e] += sign * covariance
        return replace(self, means=means, covariances=covariances)
