"""Edges from score differences: in its own environment, d has a component along a latent's parents alone."""

from __future__ import annotations

import numpy as np
from scipy import stats

from crlspec.numerics.statistics import agreement_p_value
from crlspec.scores.base import ScoreEstimate

__all__ = ["score_edges"]


def score_edges(
    rows: np.ndarray, estimate: ScoreEstimate, order: tuple[int, ...], errors: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Strengths and p-values (position, position) of j → i: does d^i have a component along latent j (stage L2)?

    Estimated scores: two fits that share no sample must agree on the component; the agreement of pure noise has a
    standard deviation of about 1/√(3n) (.29 measured at n = 5). Exact scores: the component
    must exceed what the sampling error of the unmixing explains.

    rows    (position, component) encoder rows in the order's positions
    errors  (position, position) sampling variances of the unmixing's slopes; None where nothing was unmixed
    """
    n = len(order)
    decoder = np.linalg.inv(rows)
    diagonals = np.einsum("eii->ei", estimate.in_basis(decoder))[list(order)][:, :n]
    own = np.maximum(np.abs(np.diagonal(diagonals)), np.finfo(float).tiny)
    variances = np.sum(rows**2, axis=1)  # of the latents, whose pooled y is white
    strengths = np.tril(diagonals * variances[None, :] / (own * variances)[:, None], -1)
    p_values = np.ones((n, n))
    for i, j in zip(*np.tril_indices(n, -1), strict=True):
        if estimate.exact or estimate.replicates is None:
            explained = 1e-12 * own[i] if errors is None else errors[:, j] @ diagonals[i] + 1e-12 * own[i]
            p_values[i, j] = stats.chi2.sf(max(diagonals[i, j], 0.0) / explained, 1)
        else:
            first, second = estimate.replicates[:, order[i]] @ decoder[:, j]
            p_values[i, j] = agreement_p_value(first, second, 3 * n)
    return strengths, p_values
