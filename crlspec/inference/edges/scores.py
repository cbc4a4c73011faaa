"""Edges from score differences: in its own environment, d has a component along a latent's parents alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import chdtrc

from crlspec.numerics.statistics import agreement_p_value
from crlspec.scores.base import ScoreEstimate
from crlspec.scores.gaussian_changes import AnyChanges, gathered, sampling_errors
from crlspec.scores.gaussian_facts import GaussianFacts

__all__ = ["UNCALIBRATED", "ChangesOf", "are_calibrated", "score_edges"]

UNCALIBRATED = "; p-values not calibrated"
"""What the note of a step says where they are not."""

ChangesOf = Callable[[AnyChanges], np.ndarray]
"""Changes (direction, position, component) of encoder rows with those of means and covariances."""


def score_edges(
    rows: np.ndarray,
    estimate: ScoreEstimate,
    order: tuple[int, ...],
    errors: np.ndarray | None = None,
    changes_of: ChangesOf | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Strengths and p-values (position, position) of j → i: does d^i have a component along latent j (stage L2)?

    Gaussian scores, with ``changes_of``: Wald tests that know the sampling error of scores and rows alike. Other
    estimated scores: two fits that share no sample must agree on the component; the agreement of pure noise has a
    standard deviation of about 1/√(3n) (.29 measured at n = 5). The error of the rows, which both fits share, is left
    out: these p-values are NOT calibrated, and far too many edges are found. Exact scores: the component must exceed
    what the sampling error of the unmixing explains.

    rows     (position, component) encoder rows in the order's positions
    errors   (position, position) sampling variances of the unmixing's slopes; None where nothing was unmixed
    changes_of  how ``rows`` change with Gaussian facts
    """
    n = len(order)
    decoder = np.linalg.inv(rows)
    diagonals = np.einsum("eii->ei", estimate.in_basis(decoder))[list(order)][:, :n]
    own = np.maximum(np.abs(np.diagonal(diagonals)), np.finfo(float).tiny)
    variances = np.sum(rows**2, axis=1)  # of the latents, whose pooled y is white
    strengths = np.tril(diagonals * variances[None, :] / (own * variances)[:, None], -1)
    if estimate.gaussian is not None and changes_of is not None:
        return strengths, _wald_p_values(rows, estimate.gaussian, order, changes_of)
    p_values = np.ones((n, n))
    for i, j in zip(*np.tril_indices(n, -1), strict=True):
        if estimate.exact or estimate.replicates is None:
            explained = 1e-12 * own[i] if errors is None else errors[:, j] @ diagonals[i] + 1e-12 * own[i]
            p_values[i, j] = chdtrc(1, max(diagonals[i, j], 0.0) / explained)
        else:
            first, second = estimate.replicates[:, order[i]] @ decoder[:, j]
            p_values[i, j] = agreement_p_value(first, second, 3 * n)
    return strengths, p_values


def are_calibrated(estimate: ScoreEstimate) -> bool:
    """Whether the sampling error behind the tests of edges is known."""
    return estimate.exact or estimate.gaussian is not None


def _wald_p_values(
    rows: np.ndarray, facts: GaussianFacts, order: tuple[int, ...], changes_of: ChangesOf
) -> np.ndarray:
    """p-values (position, position) of "d^i along j neither follows z_i nor has a mean", χ² with two degrees.

    For a linear mechanism with weight w_j and noise variance σ², cut by a hard intervention, the slope of d^i along j
    on z_i is −w_j/σ²: zero exactly where there is no edge. Its sampling variance is that of all means and
    covariances, carried through the peeling and unmixing of the rows by derivatives. Entries of d^i along j on other
    latents are left out: without an edge their leading error is of second order, and no χ².
    """
    n, chosen, decoder = len(order), list(order), np.linalg.inv(rows)
    slopes, shifts = facts.slopes[chosen], facts.shifts[chosen]
    read = slopes @ decoder  # (position, component, position)
    own = np.einsum("ai,iaj->ij", decoder, read)
    along = np.einsum("ai,iab->ib", decoder, slopes)
    covariances = np.zeros((n, n, 2, 2))
    for changes in gathered(sampling_errors(facts)):
        turned = -decoder @ changes_of(changes) @ decoder
        bent = np.einsum("ai,diab->dib", decoder, changes.slopes[:, chosen]) @ decoder
        bent += np.einsum("dai,iaj->dij", turned, read, optimize=True) + along @ turned
        shifted = changes.shifts[:, chosen] @ decoder + shifts @ turned
        moved = np.stack([bent, shifted], -1)
        covariances += np.einsum("dija,dijb->ijab", moved, moved, optimize=True)
    values = np.stack([own, shifts @ decoder], -1)
    p_values = np.ones((n, n))
    below = np.tril_indices(n, -1)
    inverses = np.linalg.pinv(covariances[below], hermitian=True)
    p_values[below] = chdtrc(2, np.einsum("pa,pab,pb->p", values[below], inverses, values[below]))
    return p_values
