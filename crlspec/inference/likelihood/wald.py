"""Wald tests of a fitted linear-Gaussian model: its information matrix in closed form.

The information matrix is that of all parameters together, so that a p-value knows how far Ĥ is from H.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from crlspec.inference.likelihood.gaussian import GaussianFit, targeted
from crlspec.numerics.linalg import weighted

__all__ = ["WaldTests", "wald_tests"]


@dataclass(frozen=True)
class WaldTests:
    """What the information matrix says of an optimum; ``[i, j]`` by position, for the edge j → i or for z_j in ẑ_i.

    strengths  standardised weights
    p_values   two-sided, of "no edge"
    errors     standard errors of the strengths
    leftovers  standard error of what ẑ_i holds of z_j, in standard deviations of the two
    rows       (position, component) encoder rows: those of the fit, up to scale, or what known edges make of them
    """

    strengths: np.ndarray
    p_values: np.ndarray
    errors: np.ndarray
    leftovers: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class _Point:
    """All parameters at the optimum, each row scaled to unit residual variance.

    rows        (position, component)
    weights     (position, position) strictly lower triangular: z_i = a_i + Σ_j w_ij z_j + noise of variance one
    intercepts  (position,) a
    means, variances  (target,) of the positions ``where`` in the environments ``environment`` that cut them off
    deviations  (position,) observational ones
    """

    rows: np.ndarray
    weights: np.ndarray
    intercepts: np.ndarray
    where: np.ndarray
    environment: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    deviations: np.ndarray


def wald_tests(
    fit: GaussianFit,
    moments: np.ndarray,
    counts: np.ndarray,
    signature: np.ndarray | None = None,
    absent: np.ndarray | None = None,
) -> WaldTests:
    """Tests of every edge, and how far the latents may be off.

    moments    (environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ], the observational first
    counts     (environment,) samples
    signature  (latent, interventional environment) bool
    absent     (position, position) bool: edges that are known not to be there. All that is correlated with their
               weights moves along as these go to zero, one step of the constrained optimum (Silvey, "The Lagrangian
               multiplier test", 1959): errors are smaller, and such an edge has strength 0, error 0 and p-value 1
    """
    n, cut = len(fit.order), targeted(fit.order, signature)
    pooled = weighted(counts * ~cut, moments)
    point = _point(fit.rows, pooled, moments, cut)
    information = information_matrix(point, pooled, moments, counts)
    covariance = np.linalg.pinv(information, len(information) * np.finfo(float).eps, hermitian=True)
    lower = np.tril_indices(n, -1)
    edges = slice(n * n, n * n + len(lower[0]))
    weights, rows = point.weights[lower], point.rows
    if absent is not None and absent.any():
        zero = n * n + np.flatnonzero(absent[lower])
        gain = np.linalg.solve(covariance[np.ix_(zero, zero)], covariance[zero]).T
        step = gain @ weights[absent[lower]]
        covariance = covariance - gain @ covariance[zero]
        rows, weights = rows - step[: n * n].reshape(n, n), weights - step[edges]
        weights[absent[lower]], covariance[zero], covariance[:, zero] = 0.0, 0.0, 0.0
    errors = np.sqrt(np.maximum(np.diagonal(covariance)[edges], 0))
    strengths, p_values, spread = np.zeros((n, n)), np.ones((n, n)), np.zeros((n, n))
    unit = point.deviations[lower[1]] / point.deviations[lower[0]]
    strengths[lower], spread[lower] = weights * unit, errors * unit
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values[lower] = 2 * ndtr(-np.abs(weights / errors))
    if absent is not None:
        p_values[absent] = 1.0
    leftovers = _leftovers(point.rows, covariance[: n * n, : n * n], point.deviations)
    return WaldTests(strengths, p_values, spread, leftovers, rows)


def information_matrix(
    point: _Point, pooled: np.ndarray, moments: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Second derivatives of the negative log likelihood in rows, weights, intercepts, means and log variances.

    pooled  (position, 1 + component, 1 + component) sums of moments, each times its samples, where it is left alone
    """
    rows, n = point.rows, len(point.rows)
    kept = np.eye(n) - point.weights
    residuals = np.concatenate([-point.intercepts[:, None], kept @ rows], 1)
    slopes = np.einsum("iab,ib->ia", pooled, residuals)[:, 1:]
    second, first, zeroth = pooled[:, 1:, 1:], pooled[:, 1:, 0], pooled[:, 0, 0]
    i, j = np.tril_indices(n, -1)
    own = np.arange(n)
    edge, intercept = n * n + np.arange(len(i)), n * n + len(i) + own
    mean = intercept[-1] + 1 + np.arange(len(point.where))
    variance = mean + len(mean)
    found = np.zeros((n * n + len(i) + n + 2 * len(mean),) * 2)
    row = np.arange(n * n).reshape(n, n)

    def place(at: np.ndarray, to: np.ndarray, values: np.ndarray) -> None:
        np.add.at(found, np.broadcast_arrays(at, to), values)
        np.add.at(found, np.broadcast_arrays(to, at), values)

    decoder = np.linalg.inv(rows)
    found[: n * n, : n * n] = (
        np.einsum("ik,il,iab->kalb", kept, kept, second, optimize=True)
        + counts.sum() * np.einsum("al,bk->kalb", decoder, decoder)
    ).reshape(n * n, n * n)
    read = np.einsum("tab,tb->ta", second[i], rows[j])
    place(row[None], edge[:, None, None], -kept[i][:, :, None] * read[:, None, :])
    place(row[j], edge[:, None], -slopes[i])
    place(row[None], intercept[:, None, None], -kept[:, :, None] * first[:, None, :])
    same = i[:, None] == i[None]
    found[np.ix_(edge, edge)] = np.where(same, read @ rows[j].T, 0.0)
    place(edge, intercept[i], (first[i] * rows[j]).sum(1))
    found[intercept, intercept] = zeroth
    where, sizes = point.where, counts[point.environment] / point.variances
    cut = np.concatenate([-point.means[:, None], rows[where]], 1)
    each = moments[point.environment] * sizes[:, None, None]
    bent = np.einsum("tab,tb->ta", each, cut)
    np.add.at(found, (row[where][:, :, None], row[where][:, None, :]), each[:, 1:, 1:])
    place(row[where], mean[:, None], -each[:, 1:, 0])
    place(row[where], variance[:, None], -bent[:, 1:])
    found[mean, mean] = each[:, 0, 0]
    place(mean, variance, bent[:, 0])
    found[variance, variance] = 0.5 * (bent * cut).sum(1)
    return found


def _leftovers(rows: np.ndarray, covariance: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """(position, position): an error δh of row i puts δh G_j of z_j into ẑ_i, with G = H⁻¹."""
    n, decoder = len(rows), np.linalg.inv(rows)
    blocks = covariance.reshape(n, n, n, n)[np.arange(n), :, np.arange(n)]
    variances = np.maximum(np.einsum("aj,iab,bj->ij", decoder, blocks, decoder, optimize=True), 0)
    found = np.sqrt(variances) * deviations[None, :] / deviations[:, None]
    np.fill_diagonal(found, 0.0)
    return np.asarray(found)


def _point(rows: np.ndarray, pooled: np.ndarray, moments: np.ndarray, cut: np.ndarray) -> _Point:
    n = len(rows)
    extended = np.eye(n + 1)
    extended[1:, 1:] = rows
    second, others = extended @ moments @ extended.T, extended @ pooled @ extended.T
    others = others / others[:, :1, :1]
    weights, intercepts, variances = np.zeros((n, n)), np.zeros(n), np.zeros(n)
    for p, known in enumerate(others):
        slope = np.linalg.solve(known[: p + 1, : p + 1], known[: p + 1, p + 1])
        intercepts[p], weights[p, :p] = slope[0], slope[1:]
        variances[p] = known[p + 1, p + 1] - slope @ known[: p + 1, p + 1]
    scale = np.sqrt(variances)
    where, environment = cut.nonzero()
    mean = second[environment, 0, where + 1]
    variance = second[environment, where + 1, where + 1] - mean**2
    deviations = np.sqrt(np.diagonal(second[0])[1:] - second[0][0, 1:] ** 2)
    return _Point(
        rows / scale[:, None],
        weights * scale[None, :] / scale[:, None],
        intercepts / scale,
        where,
        environment,
        mean / scale[where],
        variance / variances[where],
        deviations / scale,
    )
