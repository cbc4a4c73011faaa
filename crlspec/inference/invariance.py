"""Is a causal order right? What precedes an intervened latent must keep its distribution.

In nested coordinates u of a causal order, whose first k entries span the first k latents, an environment that
changes the mechanism at position j leaves the joint distribution of u_1 … u_{j−1} as it is: modularity of the
mechanisms. Moments of features of (u_i | u_before) must therefore agree between that environment and all others
that change nothing up to i. The nesting itself is known up to sampling error alone, so it is first moved to where the
moments agree best: the generalised method of moments with its test of overidentifying restrictions (Hansen,
Econometrica 1982), two Gauss–Newton steps from the maximum likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crlspec.inference.flexible_likelihood import FlexibleLikelihood, Sample

__all__ = ["Invariance", "invariance"]

CLIP = 4.0  # standard deviations: features stay bounded, so that means are near normal


@dataclass(frozen=True)
class Invariance:
    """How far the moments of each position change in the environments that must not change them.

    order       indices of the interventional environments, roots first
    statistics  (position, position): ``[i, j]`` χ² of "u_i given u_before is as it was" in the environment of j > i
    freedom     (position, position) degrees of freedom; 0 where nothing is tested
    overall     χ² of all of them together, over its degrees of freedom: about 1 for a right order
    """

    order: tuple[int, ...]
    statistics: np.ndarray
    freedom: np.ndarray
    overall: float


def invariance(model: FlexibleLikelihood, sample: Sample, steps: int = 2) -> Invariance:
    """The test for a fitted model of one candidate order; its nesting moves by Gauss–Newton steps."""
    moments = _Moments(model, sample)
    change = torch.zeros(moments.upper.shape[1], dtype=torch.float64)
    for _ in range(steps):
        gaps = moments.gaps(change)
        covariance = moments.covariance(change)
        slope = moments.slope(change, gaps)
        weighted = torch.linalg.solve(covariance, slope)
        normal = slope.T @ weighted
        normal = normal + 1e-9 * torch.diag(normal.diagonal() + 1e-12)
        change = change - torch.linalg.solve(normal, weighted.T @ gaps).clamp(-0.1, 0.1)
    gaps, covariance = moments.gaps(change), moments.covariance(change)
    n = moments.n
    statistics, freedom, at = np.zeros((n, n)), np.zeros((n, n)), 0
    for i in range(n):
        for j in range(i + 1, n):
            part = slice(at, at := at + moments.features(i))
            own = gaps[part]
            statistics[i, j] = float(own @ torch.linalg.solve(covariance[part, part], own))
            freedom[i, j] = len(own)
    overall = float(gaps @ torch.linalg.solve(covariance, gaps)) / max(len(gaps) - len(change), 1)
    return Invariance(tuple(int(t) - 1 for t in model.targets[0]), statistics, freedom, overall)


class _Moments:
    """Differences of feature means between environments, as a function of a relative change of the nesting."""

    def __init__(self, model: FlexibleLikelihood, sample: Sample) -> None:
        self.model, self.n = model, model.shape[1]
        self.upper = torch.triu_indices(self.n, self.n, 1)
        self.basis = model.coordinates()[0].detach()
        own = model.targets[0].tolist()
        self.samples = [
            sample.y[sample.environment == e] for e in (0, *own)
        ]  # by position, observational first
        u, residuals = self._coordinates(torch.zeros(self.upper.shape[1]), self.samples[0])
        self.scales = u.std(0), residuals.std(0)

    @staticmethod
    def features(position: int) -> int:
        """How many features u_i has: four of its residual, two products with each coordinate before it."""
        return 4 + 2 * position

    def _coordinates(self, change: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        moved = torch.zeros(self.n, self.n).index_put((self.upper[0], self.upper[1]), change.float())
        with torch.no_grad():
            u = y @ ((torch.eye(self.n) + moved) @ self.basis).T
            return u, self.model.terms(u[None])[0][0].T

    def _features(self, change: Tensor, y: Tensor) -> list[Tensor]:
        """Per position (sample, feature), float64."""
        u, residuals = self._coordinates(change, y)
        u, residuals = u / self.scales[0], residuals / self.scales[1]
        u, residuals = u.clamp(-CLIP, CLIP).double(), residuals.clamp(-CLIP, CLIP).double()
        found = []
        for i in range(self.n):
            r = residuals[:, i, None]
            found.append(torch.cat([r, r**2, r.abs(), torch.tanh(2 * r), r * u[:, :i], r**2 * u[:, :i]], 1))
        return found

    def _contrast(self, i: int) -> Tensor:
        """Rows: the environment of each position after i, less the mean of the others that leave u_1 … u_i alone."""
        others = self.n - 1 - i
        return torch.cat(
            [
                torch.full((others, 1), -1 / others, dtype=torch.float64),
                torch.eye(others, dtype=torch.float64) * (1 + 1 / others) - 1 / others,
            ],
            1,
        )

    def gaps(self, change: Tensor) -> Tensor:
        """(moment,): all differences of means, by position and then by environment."""
        means = [[f.mean(0) for f in self._features(change, y)] for y in self.samples]
        parts = []
        for i in range(self.n - 1):
            stacked = torch.stack([means[0][i], *(means[k + 1][i] for k in range(i + 1, self.n))])
            parts.append((self._contrast(i) @ stacked).flatten())
        return torch.cat(parts)

    def covariance(self, change: Tensor) -> Tensor:
        """Sampling covariance (moment, moment) of the gaps; positions are taken as uncorrelated."""
        spreads = [
            [torch.cov(f.T) / len(y) for f in self._features(change, y)[: self.n - 1]] for y in self.samples
        ]
        parts = []
        for i in range(self.n - 1):
            contrast = self._contrast(i)
            each = torch.stack([spreads[0][i], *(spreads[k + 1][i] for k in range(i + 1, self.n))])
            size = len(contrast) * self.features(i)
            parts.append(torch.einsum("ak,bk,kfg->afbg", contrast, contrast, each).reshape(size, size))
        total = torch.block_diag(*parts)
        return total + 1e-8 * torch.diag(total.diagonal())

    def slope(self, change: Tensor, gaps: Tensor, width: float = 0.02) -> Tensor:
        """Derivatives (moment, parameter) of the gaps by forward differences."""
        columns = [
            (self.gaps(change + width * unit) - gaps) / width
            for unit in torch.eye(len(change), dtype=torch.float64)
        ]
        return torch.stack(columns, 1)
