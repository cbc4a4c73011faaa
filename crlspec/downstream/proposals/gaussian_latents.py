"""Linear-Gaussian latents as a result has them: what an environment, there or not yet, shows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["GaussianLatents", "drawn"]


@dataclass(frozen=True)
class GaussianLatents:
    """z_i = a_i + Σ_j w_ij z_j + noise, every latent on all before it in a causal order.

    names       of the latents, in the order of the columns of the samples
    order       their indices, roots first
    weights     (latent, latent), ``[i, j]`` for j → i
    intercepts, variances  (latent,)
    """

    names: tuple[str, ...]
    order: tuple[int, ...]
    weights: np.ndarray
    intercepts: np.ndarray
    variances: np.ndarray

    @classmethod
    def fit(
        cls,
        samples: Mapping[str, np.ndarray],
        targets: Mapping[str, Sequence[str]],
        names: Sequence[str],
        order: Sequence[str],
    ) -> GaussianLatents:
        """By least squares, each latent from all environments that leave it alone.

        samples  environment → (sample, latent)
        targets  environment → the latents that it targets; others have none
        """
        n, place = len(names), [list(names).index(name) for name in order]
        weights, intercepts, variances = np.zeros((n, n)), np.zeros(n), np.zeros(n)
        for position, i in enumerate(place):
            free = [z for e, z in samples.items() if names[i] not in targets.get(e, ())]
            z, before = np.concatenate(free), place[:position]
            known = np.column_stack([np.ones(len(z)), z[:, before]])
            slopes = np.linalg.lstsq(known, z[:, i], rcond=None)[0]
            intercepts[i], weights[i, before] = slopes[0], slopes[1:]
            variances[i] = float(np.mean((z[:, i] - known @ slopes) ** 2))
        return cls(tuple(names), tuple(place), weights, intercepts, variances)

    def moments(self, replaced: Mapping[str, tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
        """Mean (latent,) and covariance (latent, latent) where hard interventions give some latents a mean and a
        variance."""
        weights, intercepts, variances = self.weights.copy(), self.intercepts.copy(), self.variances.copy()
        for name, (mean, variance) in replaced.items():
            i = self.names.index(name)
            weights[i], intercepts[i], variances[i] = 0.0, mean, variance
        spread = np.linalg.inv(np.eye(len(weights)) - weights)
        return spread @ intercepts, spread @ np.diag(variances) @ spread.T


def drawn(
    mean: np.ndarray, covariance: np.ndarray, rows: int, rng: np.random.Generator, exact: bool = False
) -> np.ndarray:
    """Rows (sample, latent) of a Gaussian; ``exact``: with its very mean and covariance, as infinitely many have."""
    n = len(mean)
    noise = rng.normal(size=(max(rows, n + 2) if exact else rows, n))
    if exact:
        noise = noise - noise.mean(0)
        noise = np.linalg.solve(np.linalg.cholesky(noise.T @ noise / len(noise)), noise.T).T
    return np.asarray(mean + noise @ np.linalg.cholesky(covariance).T)
