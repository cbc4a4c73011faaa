"""Means and covariances of Gaussian environments, and all that follows from them in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

__all__ = ["GaussianFacts"]


@dataclass(frozen=True)
class GaussianFacts:
    """All that Gaussian environments say, the observational one first.

    means        (environment, component)
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
        return cls(np.stack([y.mean(0) for y in samples]), np.stack(covariances), tuple(map(len, samples)))

    @property
    def slopes(self) -> np.ndarray:
        """(interventional environment, component, component): D with d^e(y) = D (y − μ_0) + shift."""
        precisions = np.linalg.inv(self.covariances)
        return np.asarray(precisions[1:] - precisions[0])

    @property
    def shifts(self) -> np.ndarray:
        """(interventional environment, component): d^e at the observational mean."""
        precisions = np.linalg.inv(self.covariances[1:])
        return np.asarray(np.einsum("eij,ej->ei", precisions, self.means[0] - self.means[1:]))

    @property
    def moments(self) -> np.ndarray:
        """E_obs[d dᵀ] (interventional environment, component, component), less the sampling variance of Θ̂ (Wishart):
        Cov(Θ̂ v) = (vᵀΘv Θ + Θv vᵀΘ) / N."""
        precisions, second = np.linalg.inv(self.covariances), self.covariances[0]
        slopes, shifts = self.slopes, self.shifts
        noises = [
            (theta * np.trace(theta @ second) + theta @ second @ theta + theta) / count
            for theta, count in zip(precisions, self.counts, strict=True)
        ]
        found = []
        for slope, shift, noise in zip(slopes, shifts, noises[1:], strict=True):
            moment = slope @ second @ slope + np.outer(shift, shift) - noise - noises[0]
            found.append((moment + moment.T) / 2)
        return np.stack(found)

    def deviations(self) -> Iterator[tuple[GaussianFacts, GaussianFacts]]:
        """Facts moved up and down by one standard deviation in each independent direction of their sampling error.

        With (f(up) − f(down)) / 2 as columns of J, the sampling covariance of a smooth f is JJᵀ to first order (the
        delta method with sigma points). Directions: of a covariance LLᵀ from N samples L W Lᵀ/√N, where W is
        symmetric with independent entries of variance one, two on the diagonal; of a mean L w/√N.
        """
        n = self.means.shape[1]
        for e, count in enumerate(self.counts):
            root = np.linalg.cholesky(self.covariances[e])
            for a in range(n):
                yield self._moved(e, mean=root[:, a] / count**0.5)
                for b in range(a + 1):
                    product = np.outer(root[:, a], root[:, b])
                    size = (2 * count if a == b else count) ** 0.5
                    yield self._moved(e, covariance=(product + product.T) / size)

    def _moved(
        self, e: int, mean: np.ndarray | float = 0.0, covariance: np.ndarray | float = 0.0
    ) -> tuple[GaussianFacts, GaussianFacts]:
        both = []
        for sign in (1, -1):
            means, covariances = self.means.copy(), self.covariances.copy()
            means[e] += sign * np.asarray(mean)
            covariances[e] += sign * np.asarray(covariance)
            both.append(replace(self, means=means, covariances=covariances))
        return both[0], both[1]
