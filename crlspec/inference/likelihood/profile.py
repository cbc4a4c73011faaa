"""The Gaussian likelihood of many causal orders at once, all regressions profiled out, with two derivatives.

With z = H y, position i follows in each of its groups of environments one regression on the positions before it, or,
in the environments that cut it off, a mean and a variance alone. Of each regression only the residual variance is
left: with the pooled covariance H P Hᵀ = L Lᵀ it is L_ii². So the mean negative log likelihood is, up to a constant,
Σ w log L_ii + ½ Σ w log (H C Hᵀ)_ii − log |det H|, weights w being shares of the samples.

Derivatives are those in Δ of (I + Δ) H at Δ = 0. With l and u column i of L and row i of L⁻¹, T = Σ_{k>i} l_k l_kᵀ,
Q = Σ_{k≤i} u_k u_kᵀ and F = Σ_{k<i} l_k u_kᵀ, log L_ii has gradient u lᵀ and second derivatives
u_a u_c T_bd − Q_ac l_b l_d − u_a l_d F_bc − u_c l_b F_da in Δ_ab and Δ_cd: products of n² × n² matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crlspec.numerics.linalg import weighted

__all__ = ["Entries", "Expansion", "Profiles", "environments_apart", "in_groups", "pooled_within"]


@dataclass(frozen=True)
class Entries:
    """Entries of Δ that are free.

    row, column   (free,) where they are
    upper         where in the flat matrix those are on the diagonal and above it, which is all there is of symmetric
                  matrices and of upper triangular ones, whose products are summed
    both, turned  (free, free): which of the products of two such entries, ac with bd and ad with cb, belong to the
                  second derivative in Δ_ab and Δ_cd
    ordered       (free, free) whether a ≤ d and c ≤ b; elsewhere upper triangular matrices are zero
    crossed       (free, free) whether a = d and b = c
    """

    row: np.ndarray
    column: np.ndarray
    upper: np.ndarray
    both: np.ndarray
    turned: np.ndarray
    ordered: np.ndarray
    crossed: np.ndarray

    @classmethod
    def of(cls, free: np.ndarray) -> Entries:
        """Those that are true in (n, n)."""
        row, column = np.nonzero(free)
        upper, place = np.triu_indices(len(free)), np.zeros(free.shape, dtype=int)
        size = len(upper[0])
        place[upper] = np.arange(size)
        place = np.maximum(place, place.T)
        a, b, c, d = row[:, None], column[:, None], row, column
        both, turned = (
            place[one] * size + place[other] for one, other in (((a, c), (b, d)), ((a, d), (c, b)))
        )
        flat = upper[0] * len(free) + upper[1]
        return cls(row, column, flat, both, turned, (a <= d) & (c <= b), (a == d) & (b == c))

    def products(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
        """(fit, entry · entry) products of entries of two (fit, position, group, n, n), summed over all else."""
        fits, n = first[0].shape[0], first[0].shape[-1]
        one, other = (
            np.concatenate([each.reshape(fits, -1, n * n).take(self.upper, 2) for each in given], 1)
            for given in (first, second)
        )
        return np.asarray((np.swapaxes(one, 1, 2) @ other).reshape(fits, -1))


@dataclass(frozen=True)
class Expansion:
    """Gradients (fit, free) and second derivatives (fit, free, free) of the losses at present rows."""

    gradients: np.ndarray
    curvatures: np.ndarray


@dataclass(frozen=True)
class Profiles:
    """The likelihoods of several fits, each an order with its own environments.

    pooled  (fit, position, group, component, component) covariance within each group, about the mean of all of it
    shares  (fit, position, group) of all samples
    alone   (fit, environment, component, component) covariance of each environment; the first axis may be one
    cut     (fit, position, environment) share of all samples, where the environment cuts the position off; else 0
    """

    pooled: np.ndarray
    shares: np.ndarray
    alone: np.ndarray
    cut: np.ndarray

    def of(self, fits: np.ndarray) -> Profiles:
        """Those of some fits, by index, in their order."""
        if len(fits) == len(self.pooled):
            return self
        alone = self.alone if len(self.alone) == 1 else self.alone[fits]
        return Profiles(self.pooled[fits], self.shares[fits], alone, self.cut[fits])

    def losses(self, rows: np.ndarray) -> np.ndarray:
        """(fit,) at rows (fit, position, component); infinite where these are singular."""
        residuals = np.einsum("figii->fig", self._factors(rows))
        with np.errstate(divide="ignore", invalid="ignore"):
            losses = (self.shares * np.log(residuals)).sum((1, 2)) - np.linalg.slogdet(rows)[1]
            if self.cut.any():
                variances = self._variances(rows)[1]
                logs = np.log(np.where(self.cut > 0, np.swapaxes(variances, 1, 2), 1.0))
                losses = losses + 0.5 * (self.cut * logs).sum((1, 2))
        return np.where(np.isfinite(losses), losses, np.inf)

    def together(self) -> np.ndarray:
        """(fit, component, component) covariance of the first position's groups, each counted by its share."""
        second = np.einsum("fg,fgij->fij", self.shares[:, 0], self.pooled[:, 0])
        if self.cut.any():
            wide = np.broadcast_to(self.alone, (len(self.cut), *self.alone.shape[1:]))
            second = second + np.einsum("fe,feij->fij", self.cut[:, 0], wide)
        return np.asarray(second)

    def expanded(self, rows: np.ndarray, free: Entries) -> Expansion:
        """The expansion in the free entries of Δ."""
        fits, n = rows.shape[:2]
        factors = self._factors(rows)
        inverse = np.linalg.inv(factors)
        at = np.arange(n)
        left = np.einsum("fjgij->fjgi", factors)
        up = np.einsum("fjgji->fjgi", inverse)
        weights = self.shares[..., None]
        after = factors * (at > at[:, None])[:, None, None]
        before = factors * (at < at[:, None])[:, None, None]
        upto = inverse * (at <= at[:, None])[:, None, :, None]
        outer = up[..., :, None] * up[..., None, :] * weights[..., None]
        known = np.swapaxes(upto, -1, -2) @ upto * -weights[..., None]
        mixed = up[..., :, None] * left[..., None, :]
        ends = left[..., :, None] * left[..., None, :]
        both = free.products([outer, known], [after @ np.swapaxes(after, -1, -2), ends])
        crossed = free.products([mixed * weights[..., None]], [np.swapaxes(before @ inverse, -1, -2)])
        turned = crossed.take(free.turned, 1) * free.ordered
        curvatures = both.take(free.both, 1) - turned - np.swapaxes(turned, 1, 2) + free.crossed
        gradients = (weights * up).reshape(fits, -1, n).swapaxes(1, 2) @ left.reshape(fits, -1, n)
        gradients = gradients[:, free.row, free.column] - (free.row == free.column)
        if self.cut.any():
            slopes, bends = self._cut_off(rows)
            gradients += slopes[:, free.row, free.column]
            same = free.row[:, None] == free.row
            curvatures += np.where(same, bends[:, free.row[:, None], free.column[:, None], free.column], 0.0)
        return Expansion(gradients, curvatures)

    def _factors(self, rows: np.ndarray) -> np.ndarray:
        """Cholesky factors (fit, position, group, n, n) of the latents' covariances; NaN where there is none."""
        wide = rows[:, None, None]
        covariances = wide @ self.pooled @ np.swapaxes(wide, -1, -2)
        try:
            return np.linalg.cholesky(covariances)
        except np.linalg.LinAlgError:
            return np.stack([_factor(each) for each in covariances])

    def _variances(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(fit, environment, position, component) H C, and (fit, environment, position) variances of z."""
        targeted = rows[:, None] @ self.alone
        return targeted, (targeted * rows[:, None]).sum(-1)

    def _cut_off(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient (fit, position, n) and second derivatives (fit, position, n, n) of ½ Σ w log (H C Hᵀ)_ii."""
        targeted, variances = self._variances(rows)
        second = targeted @ np.swapaxes(rows, -1, -2)[:, None]  # (fit, environment, n, n)
        weights = self.cut / np.swapaxes(variances, 1, 2)
        slopes = np.einsum("fie,feij->fij", weights, second)
        scaled = weights / np.swapaxes(variances, 1, 2)
        bends = np.einsum("fie,febd->fibd", weights, second)
        return slopes, bends - 2 * np.einsum("fie,feib,feid->fibd", scaled, second, second)


def in_groups(groups: np.ndarray, moments: np.ndarray, counts: np.ndarray) -> Profiles:
    """The likelihoods where each position follows one regression in every group of environments.

    groups   (fit, position, group, environment) bool
    moments  (environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ], or (fit, environment, …)
    counts   (environment,) samples
    """
    n, shares = groups.shape[1], groups * (counts / counts.sum())
    none = np.zeros((1, 0, n, n)), np.zeros((len(shares), n, 0))
    return Profiles(pooled_within(shares, moments), shares.sum(-1), *none)


def environments_apart(moments: np.ndarray) -> np.ndarray:
    """Covariances (…, component, component) of moments (…, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ]."""
    means = moments[..., 0, 1:]
    return np.asarray(moments[..., 1:, 1:] - means[..., :, None] * means[..., None, :])


def pooled_within(weights: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Covariances (…, component, component) of environments pooled by weights (…, environment); I where all are 0.

    moments  (environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ], or one of these for each entry of the
             first axis of the weights
    """
    sizes = weights.sum(-1)[..., None]
    scaled = weights / np.where(sizes > 0, sizes, 1.0)
    if moments.ndim == 3:
        pool = weighted(scaled, moments)
    else:
        pool = np.einsum("f...e,feij->f...ij", scaled, moments, optimize=True)
    empty = (sizes == 0)[..., None] * np.eye(moments.shape[-1] - 1)
    return environments_apart(pool) + empty


def _factor(covariances: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError:
        return np.full_like(covariances, np.nan)
