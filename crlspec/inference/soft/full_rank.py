"""The full-rank variant of LSCALE-I: the graph itself under soft interventions, for sufficiently nonlinear latents.

Where score differences have full rank (Varıcı et al., JMLR 2025, Assumption 2), the image of R^m is the span of the
encoder rows of m and all its parents. Then t → k holds exactly where the images of R^t and R^k share one direction
more than t and k have common parents, and a row of m lies in the images of m and of all its children.
"""

from __future__ import annotations

import time

import numpy as np

from crlspec.inference.step import Step
from crlspec.inference.thresholds import LscaleThresholds
from crlspec.numerics.graphs import surrounding_parents
from crlspec.numerics.statistics import agreement_p_value
from crlspec.scores.base import ScoreEstimate

__all__ = ["full_rank_graph"]


def full_rank_graph(
    estimate: ScoreEstimate, closure: Step, alpha: float, thresholds: LscaleThresholds
) -> Step:
    """Drop the ancestors that are no parents from a closure, and take each row from the images that share it."""
    began = time.perf_counter()
    order, n = closure.order, len(closure.order)
    images = [_image(estimate, m, alpha, thresholds.image) for m in order]
    spreads = [_spread(estimate, m, images[k].shape[1]) for k, m in enumerate(order)]
    found = closure.p_values < alpha
    graph = np.zeros((n, n), dtype=bool)  # [i, j] for j → i
    for k in range(n):
        for t in range(k):
            common = int((graph[t] & graph[k]).sum())
            tolerance = thresholds.spreads * (spreads[t] + spreads[k]) + thresholds.image
            shared = _shared(images[t], images[k], min(tolerance, thresholds.widest))
            graph[k, t] = found[k, t] and shared > common
    rows = np.stack([_row(estimate, order, m, graph, images) for m in range(n)])
    return Step(
        "full rank",
        order,
        rows,
        closure.strengths,
        np.where(graph, closure.p_values, 1.0),
        time.perf_counter() - began,
        "ranks of the images: " + ", ".join(str(image.shape[1]) for image in images),
    )


def _image(estimate: ScoreEstimate, environment: int, alpha: float, least: float) -> np.ndarray:
    """Orthonormal basis (component, rank) of the image of R^m: directions on which independent fits agree, or, where
    scores are exact, of at least this share of the largest eigenvalue."""
    values, vectors = np.linalg.eigh(estimate.moments[environment])
    vectors = vectors[:, np.argsort(-values)]
    kept = [0]
    for k in range(1, vectors.shape[1]):
        if estimate.exact or estimate.replicates is None:
            significant = np.sort(values)[::-1][k] > least * values.max()
        else:
            first, second = estimate.replicates[:, environment] @ vectors[:, k]
            significant = agreement_p_value(first, second, 3 * vectors.shape[1]) < alpha
        if significant:
            kept.append(k)
    return vectors[:, kept]


def _spread(estimate: ScoreEstimate, environment: int, rank: int) -> float:
    """Squared sine of the largest angle between the images of two fits that share no sample; 0 where exact."""
    if estimate.exact or estimate.replicates is None:
        return 0.0
    bases = []
    for values in estimate.replicates[:, environment]:
        _, vectors = np.linalg.eigh(values.T @ values)
        bases.append(vectors[:, -rank:])
    smallest = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False).min()
    # The mean of two independent fits has half the squared error of the difference between them, halved again.
    return float(1 - smallest**2) / 4


def _shared(first: np.ndarray, second: np.ndarray, tolerance: float) -> int:
    """How many principal angles between two subspaces are zero, up to a squared sine."""
    cosines = np.linalg.svd(first.T @ second, compute_uv=False)
    return int((1 - np.minimum(cosines, 1) ** 2 <= tolerance).sum())


def _row(
    estimate: ScoreEstimate, order: tuple[int, ...], m: int, graph: np.ndarray, images: list[np.ndarray]
) -> np.ndarray:
    """The strongest direction of R^m among those that the images of all children of m share."""
    own, n = images[m], len(order)
    children = np.flatnonzero(graph[:, m])
    off = sum((np.eye(n) - images[c] @ images[c].T for c in children), np.zeros((n, n)))
    _, vectors = np.linalg.eigh(own.T @ off @ own)
    dimension = 1 + int(surrounding_parents(graph.T)[m].sum()) if len(children) else own.shape[1]
    shared = own @ vectors[:, : min(dimension, own.shape[1])]
    _, leading = np.linalg.eigh(shared.T @ estimate.moments[order[m]] @ shared)
    return np.asarray(shared @ leading[:, -1])
