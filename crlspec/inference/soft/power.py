"""Which ancestors a closure would have found: the power of likelihood ratios between causal orders.

Under a soft intervention a linear-Gaussian latent can stand before its cause wherever the effect stays as it is,
since what the latent has beyond the effect is invariant too. So a pair is seen by the *change* of the effect alone,
between the environments that leave the descendant as it is and those that target it, and absence is claimed of such
changes.
The ratio is no quadratic function of them (a change of noise beside it can hide all of the first order), so the
reversed order is fitted to the moments that models with changes of several sizes have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import chdtri, ndtri

from crlspec.inference.checks.fitted import SoftFit
from crlspec.inference.power import POWER

__all__ = ["CHANGES", "detectable_changes", "with_change"]

CHANGES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Sizes of changes that are tried; between them, and beyond, a power of the size is taken."""

Pair = tuple[int, int]
Order = tuple[int, ...]
Losses = Callable[[list[Order], np.ndarray], np.ndarray]
"""(orders, (order, environment, 1 + component, 1 + component) moments) → (order,) mean negative log likelihoods."""


def detectable_changes(
    best: SoftFit, rivals: Mapping[Pair, Order], counts: np.ndarray, losses: Losses, level: float
) -> np.ndarray:
    """(position, position) ``[i, j]``: the change of the effect of j on i that the likelihood ratio sees with power
    .8, in standard deviations of what i and j have beyond those before them; NaN for pairs that are not asked.

    Twice the log ratio of an order over the one that reverses a pair has the mean λ, twice the number of samples
    times the divergence of the two, and the variance 4 λ: neither order is nested in the other (Vuong, Econometrica
    1989). It is held against χ² with one degree of freedom.

    best    the fit of the best order
    rivals  (i, j) → the order that comes nearest while it reverses the pair
    """
    found = np.full((len(best.rows), len(best.rows)), np.nan)
    if not rivals:
        return found
    asked = [(pair, change) for pair in rivals for change in CHANGES]
    moments = np.stack([with_change(best, *pair, change) for pair, change in asked])
    gaps = losses([rivals[pair] for pair, _ in asked], moments) - own_loss(best, counts)
    seen = 2 * counts.sum() * gaps.reshape(len(rivals), len(CHANGES))
    quantile = ndtri(POWER)
    needed = 2 * np.log(quantile + np.sqrt(quantile**2 + chdtri(1, level)))
    for pair, sizes in zip(rivals, seen, strict=True):
        found[pair] = np.exp(_crossing(np.log(CHANGES), np.log(np.maximum(sizes, 1e-12)), needed))
    return found


def _crossing(x: np.ndarray, y: np.ndarray, level: float) -> float:
    """Where a rising line through points reaches a level; its first and last pieces go on beyond the points."""
    k = int(np.clip(np.searchsorted(np.maximum.accumulate(y), level), 1, len(x) - 1))
    slope = max(float((y[k] - y[k - 1]) / (x[k] - x[k - 1])), 1e-3)
    return float(np.clip(x[k] + (level - y[k]) / slope, np.log(1e-3), np.log(1e3)))


def with_change(fit: SoftFit, target: int, source: int, change: float) -> np.ndarray:
    """(environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ] of a fit whose effect of one position on another
    differs by so much between the environments of the target's first group and all others."""
    n = len(fit.rows)
    maps = np.eye(n) - np.linalg.inv(fit.spread)
    natural = fit.groups[target, 0]
    unit = np.sqrt(fit.variances[natural][0])
    changed = maps[~natural, target, source].mean() if (~natural).any() else 0.0
    maps[natural, target, source] = changed + change * unit[target] / unit[source]
    decoder = np.linalg.inv(fit.rows)
    spread = decoder @ np.linalg.inv(np.eye(n) - maps)
    means = np.einsum("eij,ej->ei", spread, fit.intercepts)
    moments = np.zeros((len(means), n + 1, n + 1))
    moments[:, 0, 0], moments[:, 0, 1:], moments[:, 1:, 0] = 1, means, means
    moments[:, 1:, 1:] = np.einsum("eij,ej,ekj->eik", spread, fit.variances, spread)
    moments[:, 1:, 1:] += means[:, :, None] * means[:, None, :]
    return moments


def own_loss(fit: SoftFit, counts: np.ndarray) -> float:
    """Mean negative log likelihood of a model at its own moments, up to the constant that fits of orders leave
    out."""
    logs = 0.5 * np.log(fit.variances).sum(1)
    return float(counts @ logs / counts.sum() - np.linalg.slogdet(fit.rows)[1])
