"""Is a causal order right? An intervention changes one mechanism, and leaves the others as they are.

In nested coordinates u of a causal order, whose first k entries span the first k latents, an environment that
changes the mechanism at position j leaves the joint distribution of u_1 … u_{j−1} as it is, and the conditional
distributions of u_{j+1} … u_n given what is before each: modularity of the mechanisms. Moments of the residual
of u_i given u_before must therefore agree between environments, all but its own. The nesting itself is known up to
sampling error alone, so it is first moved to where the moments agree best: the generalised method of moments with
its test of overidentifying restrictions (Hansen, Econometrica 1982), Gauss–Newton steps from the maximum likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.soft.nesting import CLIP, Nesting, less_regression, slope, smooth_functions
from crlspec.numerics.overidentified import fitted_moments
from crlspec.numerics.sample import Sample

__all__ = ["FREEDOM", "Invariance", "invariance"]

FREEDOM = 8  # moments of a pair: four of what comes before, four of what comes after


@dataclass(frozen=True)
class Invariance:
    """How far mechanisms change in environments that must not change them.

    order       indices of the interventional environments, roots first
    statistics  (position, position): ``[i, j]``, i < j: χ² with ``FREEDOM`` degrees of "u_i given u_before is as it
                was in the environment of j, and u_j given u_before in that of i"; 0 elsewhere
    overall     χ² of all moments together over its degrees of freedom: about 1 for a right order
    freedom     those degrees of freedom
    """

    order: tuple[int, ...]
    statistics: np.ndarray
    overall: float
    freedom: int


def invariance(model: FlexibleLikelihood, sample: Sample, steps: int = 3) -> Invariance:
    """The test for a fitted model of one candidate order; its nesting moves by Gauss–Newton steps."""
    moments = _Moments(model, sample)
    start = moments.nesting.start(sample.y).double()
    gaps, covariance = fitted_moments(moments.at, moments.slope, start, steps)
    statistics = np.zeros((moments.n, moments.n))
    for i, j in zip(*np.triu_indices(moments.n, 1), strict=True):
        pair = moments.of_pair(int(i), int(j))
        statistics[i, j] = float(gaps[pair] @ torch.linalg.solve(covariance[pair][:, pair], gaps[pair]))
    freedom = max(len(gaps) - len(start), 1)
    overall = float(gaps @ torch.linalg.solve(covariance, gaps)) / freedom
    return Invariance(tuple(int(t) - 1 for t in model.targets[0]), statistics, overall, freedom)


class _Moments:
    """Moments that are zero under a right order, as a function of a relative change of the nesting.

    Of what comes before an intervention: differences of feature means between environments, by position and then
    by environment. Of what comes after it, behind those: products of residuals, and of their squares, with
    instruments that tell the environment from the others; both are taken less their regression on smooth functions
    of u_before, so that what the networks have left of those does not matter.
    """

    def __init__(self, model: FlexibleLikelihood, sample: Sample) -> None:
        own = model.targets[0].tolist()
        self.samples = [
            sample.y[sample.environment == e] for e in (0, *own)
        ]  # by position, observational first
        self.nesting = Nesting(model, self.samples[0])
        self.n = self.nesting.n

    def at(self, change: Tensor) -> tuple[Tensor, Tensor]:
        """Means of the moments (moment,) and their sampling covariance; positions are taken as uncorrelated."""
        return self._of(change, self.samples)

    def slope(self, change: Tensor) -> Tensor:
        """Derivatives (moment, parameter)."""
        return slope(lambda change, samples: self._of(change, samples)[0], change, self.samples)

    def _of(self, change: Tensor, samples: list[Tensor]) -> tuple[Tensor, Tensor]:
        u, residuals, _ = zip(*(self.nesting.at(change, y) for y in samples), strict=True)
        means, spreads = [], []
        for i in range(self.n - 1):
            unmoved = [0, *range(i + 2, self.n + 1)]
            features = [_features(u[e][:, :i].clamp(-CLIP, CLIP), residuals[e][:, i, None]) for e in unmoved]
            contrast, size = _contrast(len(unmoved), features[0]), features[0].shape[1] * (len(unmoved) - 1)
            means.append((contrast @ torch.stack([f.mean(0) for f in features])).flatten())
            spread = torch.stack([torch.cov(f.T) / len(f) for f in features])
            spreads.append(torch.einsum("ak,bk,kfg->afbg", contrast, contrast, spread).reshape(size, size))
        for i in range(1, self.n):
            unchanged = [e for e in range(self.n + 1) if e != i + 1]
            products = _products([u[e][:, :i] for e in unchanged], [residuals[e][:, i] for e in unchanged])
            means.append(products.mean(0))
            spreads.append(products.T @ products / len(products) ** 2)
        total = torch.block_diag(*spreads)
        return torch.cat(means), total + 1e-8 * torch.diag(total.diagonal())

    def of_pair(self, i: int, j: int) -> list[int]:
        """Places of the moments of positions i < j: u_i in the environment of j, u_j in that of i."""
        sizes = [(4 + 2 * p) * (self.n - 1 - p) for p in range(self.n - 1)]
        before = sum(sizes[:i]) + (4 + 2 * i) * (j - i - 1)
        after = sum(sizes) + sum(4 * p for p in range(1, j)) + 2 * i
        return [*range(before, before + 4), after, after + 1, after + 2 * j, after + 2 * j + 1]


def _features(before: Tensor, r: Tensor) -> Tensor:
    """Four of the residual (sample, 1), two products of it with each coordinate before it: (sample, feature)."""
    return torch.cat([r, r**2, r.abs(), torch.tanh(2 * r), r * before, r**2 * before], 1)


def _contrast(count: int, like: Tensor) -> Tensor:
    """(count − 1, count): each but the first, less the mean of all others; where ``like`` is."""
    others = count - 1
    each = torch.eye(others, dtype=like.dtype, device=like.device) * (1 + 1 / others) - 1 / others
    return torch.cat([like.new_full((others, 1), -1 / others), each], 1)


def _products(before: list[Tensor], residual: list[Tensor]) -> Tensor:
    """(sample, 4 i): instruments times residual, then instruments times its square.

    The instruments are 1 and u_k in the environment of each position k < i, environments 1 to i of the lists.
    """
    i, everything = before[0].shape[1], torch.cat(before)
    instruments = everything.new_zeros(len(everything), 2 * i)
    start = len(before[0])
    for k in range(i):
        rows = slice(start, start := start + len(before[k + 1]))
        instruments[rows, 2 * k], instruments[rows, 2 * k + 1] = 1, before[k + 1][:, k]
    r = torch.cat(residual)[:, None]
    free = less_regression(torch.cat([instruments, r, r**2], 1), smooth_functions(everything))
    return torch.cat([free[:, : 2 * i] * free[:, [-2]], free[:, : 2 * i] * free[:, [-1]]], 1)
