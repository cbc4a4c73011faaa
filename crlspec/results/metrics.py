"""How near a result is to a known truth: pure functions of numpy arrays.

Samples are (sample, latent) with matched columns; graphs are boolean adjacency matrices, ``[i, j]`` the edge
i → j.
"""

from __future__ import annotations

import numpy as np

from crlspec.numerics.graphs import Adjacency
from crlspec.numerics.ranks import ranks

__all__ = [
    "absolute_correlations", "best_matching", "edge_precision_recall", "explained_variance", "mixing_error",
    "rank_correlations", "relative_error",
]  # fmt: skip


def absolute_correlations(z: np.ndarray, z_hat: np.ndarray) -> np.ndarray:
    """|Pearson| of each true latent with each recovered one: (latent, recovered); 0 for a constant."""
    z, z_hat = z - z.mean(axis=0), z_hat - z_hat.mean(axis=0)
    norms = np.outer(np.linalg.norm(z, axis=0), np.linalg.norm(z_hat, axis=0))
    products = np.abs(z.T @ z_hat)
    shares = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
    return np.asarray(np.minimum(shares, 1.0))


def rank_correlations(z: np.ndarray, z_hat: np.ndarray) -> np.ndarray:
    """|Spearman correlation| of each true latent with each recovered one: (latent, recovered)."""
    return absolute_correlations(ranks(z), ranks(z_hat))


def best_matching(correlations: np.ndarray) -> np.ndarray:
    """For each true latent the recovered one, all different, with the largest sum of correlations; −1 for
    none.

    Only for designs in which the environments themselves do not tell which latent is which.
    """
    from scipy.optimize import linear_sum_assignment

    match = np.full(len(correlations), -1)
    rows, columns = linear_sum_assignment(-correlations)
    match[rows] = columns
    return match


def explained_variance(z: np.ndarray, z_hat: np.ndarray, allowed: Adjacency) -> np.ndarray:
    """R² of each true latent, by least squares with intercept on the recovered ones in ``allowed[i]``."""
    z, z_hat = z - z.mean(axis=0), z_hat - z_hat.mean(axis=0)
    values = np.zeros(z.shape[1])
    for i, total in enumerate((z**2).sum(axis=0)):
        regressors = z_hat[:, allowed[i]]
        residual = z[:, i] - regressors @ np.linalg.lstsq(regressors, z[:, i])[0]
        values[i] = 1 - (residual**2).sum() / total if total > 0 else 0.0
    return values


def mixing_error(mixing: np.ndarray, estimate: np.ndarray, allowed: Adjacency) -> tuple[float, np.ndarray]:
    """Relative Frobenius distance of two (observed, latent) mixings once the allowed indeterminacy is fitted
    away.

    If ẑ = C z with C[i, j] ≠ 0 only where ``allowed[i, j]``, then G = Ĝ C: column j of G is fitted by least
    squares on the columns i of Ĝ with ``allowed[i, j]`` (for a diagonal ``allowed``: scale and sign alone).
    Returns ‖G − Ĝ C‖/‖G‖ and the same for each column.
    """
    residual = np.empty_like(mixing)
    for j in range(mixing.shape[1]):
        columns = estimate[:, allowed[:, j]]
        residual[:, j] = mixing[:, j] - columns @ np.linalg.lstsq(columns, mixing[:, j])[0]
    by_column = np.linalg.norm(residual, axis=0) / np.linalg.norm(mixing, axis=0)
    return float(np.linalg.norm(residual) / np.linalg.norm(mixing)), by_column


def edge_precision_recall(truth: Adjacency, estimate: Adjacency) -> tuple[float, float]:
    """Share of found edges that are true, and of true edges that are found; a share of nothing is 1."""
    hits = int((truth & estimate).sum())
    found, there = int(estimate.sum()), int(truth.sum())
    return (hits / found if found else 1.0), (hits / there if there else 1.0)


def relative_error(truth: np.ndarray, estimate: np.ndarray) -> float:
    """‖estimate − truth‖ / ‖truth‖ over all entries; NaN where the truth is 0."""
    size = float(np.linalg.norm(truth))
    return float(np.linalg.norm(estimate - truth)) / size if size > 0 else float("nan")
