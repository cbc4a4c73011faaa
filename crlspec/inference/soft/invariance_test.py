"""Is a causal order right? An intervention changes one mechanism, and leaves the others as they are.

In nested coordinates u of a causal order, whose first k entries span the first k latents, an environment that
changes the mechanism at position j leaves the joint distribution of u_1 … u_{j−1} as it is, and the conditional
distributions of u_{j+1} … u_n given what is before each: modularity of the mechanisms. Moments of the residual
of u_i given u_before must therefore agree between environments, all but its own. The nesting itself is known up to
sampling error alone, so it is first moved to where the moments agree best: the generalised method of moments with
its test of overidentifying restrictions (Hansen, Econometrica 1982), Gauss–Newton steps from the maximum likelihood.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.numerics.sample import Sample

__all__ = ["FREEDOM", "Invariance", "invariance"]

CLIP = 4.0  # standard deviations: features stay bounded, so that means are near normal
TAIL = 8.0  # the same for the coordinates that residuals are regressed on
KINKS = (-3.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0)
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
    change = sample.y.new_zeros(moments.upper.shape[1], dtype=torch.float64)
    for _ in range(steps):
        gaps, covariance = moments.at(change)
        slope = moments.slope(change)
        weighted = torch.linalg.solve(covariance, slope)
        normal = slope.T @ weighted
        normal = normal + 1e-9 * torch.diag(normal.diagonal() + 1e-12)
        change = change - torch.linalg.solve(normal, weighted.T @ gaps).clamp(-0.1, 0.1)
    gaps, covariance = moments.at(change)
    statistics = np.zeros((moments.n, moments.n))
    for i, j in zip(*np.triu_indices(moments.n, 1), strict=True):
        pair = moments.of_pair(int(i), int(j))
        statistics[i, j] = float(gaps[pair] @ torch.linalg.solve(covariance[pair][:, pair], gaps[pair]))
    freedom = max(len(gaps) - len(change), 1)
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
        self.model, self.n = model, model.shape[1]
        self.upper = torch.triu_indices(self.n, self.n, 1, device=sample.y.device)
        self.basis = model.coordinates()[0].detach()
        own = model.targets[0].tolist()
        self.samples = [
            sample.y[sample.environment == e] for e in (0, *own)
        ]  # by position, observational first
        u, residuals = self._coordinates(sample.y.new_zeros(self.upper.shape[1]), self.samples[0])
        self.scales = u.std(0), residuals.std(0)

    def at(self, change: Tensor) -> tuple[Tensor, Tensor]:
        """Means of the moments (moment,) and their sampling covariance; positions are taken as uncorrelated."""
        u, residuals = self._all(change)
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

    def slope(self, change: Tensor, width: float = 0.02, most: int = 2000) -> Tensor:
        """Derivatives (moment, parameter) by forward differences, on the first samples of each environment."""
        few = copy(self)
        few.samples = [y[:most] for y in self.samples]
        here, _ = few.at(change)
        units = torch.eye(len(change), dtype=change.dtype, device=change.device)
        return torch.stack([(few.at(change + width * unit)[0] - here) / width for unit in units], 1)

    def _coordinates(self, change: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        moved = y.new_zeros(self.n, self.n).index_put((self.upper[0], self.upper[1]), change.to(y))
        with torch.no_grad():
            eye = torch.eye(self.n, dtype=y.dtype, device=y.device)
            u = y @ ((eye + moved) @ self.basis).T
            return u, self.model.terms(u[None])[0][0].T

    def _all(self, change: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Coordinates and residuals (sample, position) of each environment, in observational deviations."""
        pairs = [self._coordinates(change, y) for y in self.samples]
        u = [(u / self.scales[0]).clamp(-TAIL, TAIL).double() for u, _ in pairs]
        return u, [(r / self.scales[1]).clamp(-CLIP, CLIP).double() for _, r in pairs]


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
    free = _less_regression(torch.cat([instruments, r, r**2], 1), _smooth_functions(everything))
    return torch.cat([free[:, : 2 * i] * free[:, [-2]], free[:, : 2 * i] * free[:, [-1]]], 1)


def _smooth_functions(u: Tensor) -> Tensor:
    """(sample, function): cubic polynomials and kinks of each column of u, products of pairs to third order."""
    first, second = torch.triu_indices(u.shape[1], u.shape[1], 1, device=u.device)
    a, b = u[:, first], u[:, second]
    kinks = [(u - at).abs() for at in KINKS]
    return torch.cat(
        [torch.ones_like(u[:, :1]), u, u**2, u**3, *kinks, a * b, a * a * b, a * b * b, (a * b).abs()], 1
    )


def _less_regression(targets: Tensor, inputs: Tensor) -> Tensor:
    """Residuals (sample, target) of the least-squares regression on the inputs (sample, input)."""
    inputs = inputs / inputs.norm(dim=0)
    normal = inputs.T @ inputs + 1e-10 * torch.eye(inputs.shape[1], dtype=inputs.dtype, device=inputs.device)
    return targets - inputs @ torch.linalg.solve(normal, inputs.T @ targets)
