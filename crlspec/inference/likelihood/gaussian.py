"""The joint likelihood of linear-Gaussian latents under hard interventions: closed forms, order search, Wald tests.

With z = H y, every environment e has log p^e(y) = log|det H| + Σ_i log p_i^e(z_i | z_before), where p_i is the
regression on all predecessors, and q_i^e = N(μ_i^e, v_i^e) in the environments that target i. For a given H and
order the regressions are profiled out in closed form, so that only H is searched.

Which environment targets which latent is the signature, (latent, environment) bool; None stands for the identity:
one environment per latent, named by its index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from crlspec.numerics.optimum import minimised

__all__ = ["GaussianFit", "WaldTests", "fit_order", "loss_of", "search_order", "wald_tests"]


@dataclass(frozen=True)
class GaussianFit:
    """The likelihood's optimum for one order.

    order  indices of the latents (of their environments, where the signature is the identity), roots first
    rows   (position, component): encoder rows H by position in the order
    loss   mean negative log likelihood, up to a constant
    settled, gradient  whether it is an optimum, and the relative gradient there
    """

    order: tuple[int, ...]
    rows: np.ndarray
    loss: float
    settled: bool = True
    gradient: float = 0.0


@dataclass(frozen=True)
class _Moments:
    """(environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ] and sample counts, observational first."""

    values: Tensor
    counts: Tensor


def fit_order(
    order: tuple[int, ...],
    start: np.ndarray,
    moments: np.ndarray,
    counts: np.ndarray,
    signature: np.ndarray | None = None,
    tolerance: float = 1e-13,
) -> GaussianFit:
    """Maximise over H from a start (position, component) by L-BFGS, to a relative tolerance of the likelihood.

    moments    (environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ], the observational first
    counts     (environment,) samples
    signature  (latent, interventional environment) bool
    """
    n = len(order)
    found = minimised(
        _Profile(moments, counts, _targeted(order, signature)),
        start.ravel(),
        options={"maxiter": 500, "ftol": tolerance, "gtol": 1e-8},
    )
    return GaussianFit(order, found.x.reshape(n, n), found.value, found.settled, found.gradient)


def loss_of(
    fit: GaussianFit, moments: np.ndarray, counts: np.ndarray, signature: np.ndarray | None = None
) -> float:
    """The mean negative log likelihood at the rows of a fit, under another signature; as ``GaussianFit.loss``."""
    return _Profile(moments, counts, _targeted(fit.order, signature))(fit.rows.ravel())[0]


Refit = Callable[[tuple[int, ...], np.ndarray], GaussianFit]
"""A fit of an order from a start (position, component)."""


def search_order(first: GaussianFit, refit: Refit, margin: float, rounds: int = 20) -> GaussianFit:
    """Swap neighbours in the order, from the present rows, while the likelihood grows by more than ``margin``."""
    best, seen = first, {first.order}
    for _ in range(rounds):
        better = None
        for k in range(len(best.order) - 1):
            swap = list(range(len(best.order)))
            swap[k], swap[k + 1] = k + 1, k
            order = tuple(best.order[p] for p in swap)
            if order in seen:
                continue
            seen.add(order)
            fit = refit(order, best.rows[swap])
            if fit.loss < best.loss - margin and (better is None or fit.loss < better.loss):
                better = fit
        if better is None:
            return best
        best = better
    return best


class _Profile:
    """Mean negative log likelihood with all regressions profiled out, up to a constant, and its gradient in H.

    With S the pooled moments of (1, z) where position i is left alone and S = L Lᵀ, row i of L⁻¹ is the residual of
    z_i on those before it, in its own deviations; by the envelope theorem the regressions need no derivative.
    """

    def __init__(self, moments: np.ndarray, counts: np.ndarray, targeted: np.ndarray) -> None:
        counted = counts * ~targeted
        self.total, self.kept = counts.sum(), counted.sum(1)
        self.pooled = np.tensordot(counted, moments, 1) / self.kept[:, None, None]
        self.position, environment = targeted.nonzero()
        means = moments[environment, 0, 1:]
        self.covariances = moments[environment, 1:, 1:] - means[:, :, None] * means[:, None, :]
        self.counts = counts[environment]

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        n = len(self.kept)
        rows, extended, at = flat.reshape(n, n), np.eye(n + 1), np.arange(n)
        extended[1:, 1:] = rows
        half = extended @ self.pooled
        factors = np.linalg.cholesky(half @ extended.T)
        residuals = np.linalg.inv(factors)[at, at + 1]
        targeted = np.einsum("tij,tj->ti", self.covariances, rows[self.position])
        cut = (targeted * rows[self.position]).sum(1)
        loss = self.kept @ np.log(factors[at, at + 1, at + 1]) + 0.5 * self.counts @ np.log(cut)
        gradient = np.einsum("p,pi,pj->ij", self.kept, residuals, np.einsum("pi,pij->pj", residuals, half))[
            1:, 1:
        ]
        np.add.at(gradient, self.position, (self.counts / cut)[:, None] * targeted)
        gradient = gradient / self.total - np.linalg.inv(rows).T
        return float(loss / self.total - np.linalg.slogdet(rows)[1]), gradient.ravel()


def _targeted(order: tuple[int, ...], signature: np.ndarray | None) -> np.ndarray:
    """(position, environment) bool, the observational environment first: who is targeted where."""
    rows = np.eye(len(order), dtype=bool) if signature is None else np.asarray(signature, dtype=bool)
    return np.concatenate([np.zeros((len(order), 1), dtype=bool), rows[list(order)]], 1)


def _untargeted(second: Tensor, targeted: Tensor, data: _Moments) -> tuple[Tensor, Tensor]:
    """Per position the pooled moments (position, 1 + latent, 1 + latent) of the environments that leave it alone,
    and how many samples they have."""
    counted = data.counts * ~targeted
    kept = counted.sum(1)
    return torch.einsum("pe,eij->pij", counted, second) / kept[:, None, None], kept


def _latent_moments(rows: Tensor, data: _Moments) -> Tensor:
    n = rows.shape[0]
    extended = torch.cat([rows.new_zeros(n, 1), rows], 1)
    extended = torch.cat([torch.eye(1, n + 1, dtype=rows.dtype, device=rows.device), extended], 0)
    return extended @ data.values @ extended.T


@dataclass(frozen=True)
class WaldTests:
    """What the information matrix says of an optimum; ``[i, j]`` by position, for the edge j → i or for z_j in ẑ_i.

    strengths  standardised weights
    p_values   two-sided, of "no edge"
    errors     standard errors of the strengths
    leftovers  standard error of what ẑ_i holds of z_j, in standard deviations of the two
    """

    strengths: np.ndarray
    p_values: np.ndarray
    errors: np.ndarray
    leftovers: np.ndarray


def wald_tests(
    fit: GaussianFit, moments: np.ndarray, counts: np.ndarray, signature: np.ndarray | None = None
) -> WaldTests:
    """Tests of every edge, and how far the latents may be off.

    The information matrix is that of all parameters together, so that a p-value knows how far Ĥ is from H.
    """
    data = _Moments(torch.as_tensor(moments), torch.as_tensor(counts, dtype=torch.float64))
    n = len(fit.order)
    targeted = torch.as_tensor(_targeted(fit.order, signature))
    where, environment = targeted.nonzero().T
    lower = torch.tril_indices(n, n, -1)
    sizes = [n * n, lower.shape[1], n, len(where), len(where)]
    counted = (data.counts * ~targeted).T

    def loss(parameters: Tensor) -> Tensor:
        flat, weights, intercepts, means, log_variances = torch.split(parameters, sizes)
        rows = flat.reshape(n, n)
        weight = rows.new_zeros(n, n).index_put((lower[0], lower[1]), weights)
        eye = torch.eye(n, dtype=rows.dtype, device=rows.device)
        residual = torch.cat([-intercepts[:, None], (eye - weight) @ rows], 1)
        cut = torch.cat([-means[:, None], rows[where]], 1)
        squares = torch.einsum("pi,eij,pj->ep", residual, data.values, residual)
        changed = torch.einsum("ti,tij,tj->t", cut, data.values[environment], cut)
        terms = 0.5 * (counted * squares).sum()
        terms = (
            terms + 0.5 * (data.counts[environment] * (changed / log_variances.exp() + log_variances)).sum()
        )
        return terms - data.counts.sum() * torch.linalg.slogdet(rows)[1]

    point, pooled_sd = _standardised_point(fit, data, targeted, lower)
    # twice backwards: torch.func.hessian goes forwards, for which torch loads its compiler, seconds for each process
    information = torch.autograd.functional.hessian(loss, point, vectorize=True)
    covariance = torch.linalg.pinv(information, hermitian=True)
    weights = point[sizes[0] : sizes[0] + sizes[1]]
    errors = covariance.diagonal()[sizes[0] : sizes[0] + sizes[1]].clamp(min=0).sqrt()
    strengths, p_values, spread = np.zeros((n, n)), np.ones((n, n)), np.zeros((n, n))
    at = (lower[0].numpy(), lower[1].numpy())
    unit = (pooled_sd[lower[1]] / pooled_sd[lower[0]]).numpy()
    strengths[at], spread[at] = weights.numpy() * unit, errors.numpy() * unit
    p_values[at] = 2 * stats.norm.sf(np.abs((weights / errors).numpy()))
    leftovers = _leftovers(point[: n * n].reshape(n, n), covariance[: n * n, : n * n], pooled_sd)
    return WaldTests(strengths, p_values, spread, leftovers)


def _leftovers(rows: Tensor, covariance: Tensor, deviations: Tensor) -> np.ndarray:
    """(position, position): an error δh of row i puts δh G_j of z_j into ẑ_i, with G = H⁻¹."""
    n = len(rows)
    decoder = torch.linalg.inv(rows)
    blocks = torch.stack([covariance[i * n : (i + 1) * n, i * n : (i + 1) * n] for i in range(n)])
    variances = torch.einsum("aj,iab,bj->ij", decoder, blocks, decoder).clamp(min=0)
    found = (variances.sqrt() * deviations[None, :] / deviations[:, None]).numpy().copy()
    np.fill_diagonal(found, 0.0)
    return np.asarray(found)


def _standardised_point(
    fit: GaussianFit, data: _Moments, targeted: Tensor, lower: Tensor
) -> tuple[Tensor, Tensor]:
    """All parameters at the optimum, each row scaled to unit residual variance; observational deviations."""
    n = len(fit.order)
    rows = torch.as_tensor(fit.rows)
    second = _latent_moments(rows, data)
    others, _ = _untargeted(second, targeted, data)
    where, environment = targeted.nonzero().T
    weight = rows.new_zeros(n, n)
    intercept, variance = rows.new_zeros(n), rows.new_zeros(n)
    for p, pooled in enumerate(others):
        slope = torch.linalg.solve(pooled[: p + 1, : p + 1], pooled[: p + 1, p + 1])
        intercept[p], weight[p, :p] = slope[0], slope[1:]
        variance[p] = pooled[p + 1, p + 1] - slope @ pooled[: p + 1, p + 1]
    scale = variance.sqrt()
    mean = second[environment, 0, where + 1]
    cut = second[environment, where + 1, where + 1] - mean**2
    weight = weight * scale[None, :] / scale[:, None]
    observational = second[0].diagonal()[1:] - second[0][0, 1:] ** 2
    parts = [
        (rows / scale[:, None]).reshape(-1), weight[lower[0], lower[1]], intercept / scale, mean / scale[where],
        torch.log(cut / variance[where]),
    ]  # fmt: skip
    return torch.cat(parts), observational.sqrt() / scale
