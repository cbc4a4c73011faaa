"""Starts for encoders of a general mixing: how far from its turning point each latent is, and on which side.

Any classifier of the environments tells log p_first − log p_second of the two hard environments of a latent, which
depends on that latent alone. Where interventions change its scale the log ratio turns back: it gives the distance of
z_i from a turning point, not the side. Samples on either side are near each other only across that point, where the
distance is small; so neighbours are joined by weights that vanish there, and the sides are the two halves of the
normalised cut (Shi & Malik, "Normalized cuts and image segmentation", PAMI 2000). A log ratio that turns nowhere, or
far from the middle (:mod:`crlspec.inference.encoders.turning`), is the latent itself, up to an increasing map. These
are starts and no more, and training from there is judged by held-out loss as any other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse, stats
from scipy.sparse.linalg import LinearOperator, eigsh
from scipy.spatial import cKDTree

from crlspec.inference.encoders.turning import normal_scores

__all__ = ["distances", "sides", "signed_at", "signed_latents"]

POINTS, NEIGHBOURS, POWER, LEAST, DROPPED, OWN = 10_000, 12, 5.0, 1e-3, 0.4, 0.1
"""Of the graph of neighbours: samples in all, neighbours of each, power of the smaller distance that weighs an edge,
the weight that every edge has, the share of samples nearest to the turning point that is left out, and the weight of
a sample's edge to itself, in medians of all its edges."""


def signed_latents(
    samples: Sequence[np.ndarray],
    logits: Sequence[np.ndarray],
    pairs: Sequence[tuple[int, int]],
    count: int,
    seed: int,
    sided: Sequence[bool] | None = None,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of ``count`` random parts of the data each: samples (point, component) and there the signed distance (point,
    latent) of each latent from its turning point, or the log ratio's normal scores, of mean 0 and variance 1.

    samples  (sample, component) of every environment
    logits   (sample, environment) likewise, of a classifier of the environments
    pairs    for each latent the two environments that intervene on it
    sided    for each latent whether its log ratio turns so near the middle that it has two sides; None: all do
    """
    rng = np.random.default_rng([seed, 0xC0107])
    stacked, pooled = np.concatenate(logits), np.concatenate(samples)
    found = []
    for _ in range(count):
        some = rng.permutation(len(pooled))[:POINTS]
        points = pooled[some]
        places = (points - points.mean(0)) / points.std(0)
        found.append((points, signed_at(stacked, pairs, some, places, rng, sided)))
    return found


def signed_at(
    logits: np.ndarray,
    pairs: Sequence[tuple[int, int]],
    some: np.ndarray,
    places: np.ndarray,
    rng: np.random.Generator,
    sided: Sequence[bool] | None = None,
) -> np.ndarray:
    """Latents (point, latent) of mean 0 and variance 1 at ``some`` of the samples, as :func:`signed_latents` gives.

    logits  (sample, environment) at all samples
    places  (point, coordinate) of these points, in which neighbours are sought
    """
    first, second = np.array(pairs).T
    ratios = logits[:, first] - logits[:, second]
    folded = np.ones(len(pairs), dtype=bool) if sided is None else np.array(sided)
    signed = normal_scores(ratios[some])
    if folded.any():
        far = distances(ratios)[some][:, folded]
        signed[:, folded] = far * sides(places, far, rng)
    return np.asarray((signed - signed.mean(0)) / signed.std(0))


def distances(ratios: np.ndarray) -> np.ndarray:
    """|z − turning point| (sample, latent), up to scale, from quadratic log ratios (sample, latent).

    The turning point is the end at which the log ratios crowd.
    """
    flipped = np.where(stats.skew(ratios) > 0, -ratios, ratios)
    return np.asarray(np.sqrt(np.maximum(np.quantile(flipped, 0.995, axis=0) - flipped, 0.0)))


def sides(points: np.ndarray, far: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """±1 (point, latent): the two halves of the points (point, coordinate), cut where a latent's distance ``far``
    (point, latent) from its turning point is small. The nearest points follow their neighbours."""
    found = np.ones_like(far)
    for i, column in enumerate((far / np.median(far, axis=0)).T):
        kept = np.flatnonzero(column > np.quantile(column, DROPPED))
        tree = cKDTree(points[kept])
        near = tree.query(points[kept], NEIGHBOURS + 1)[1][:, 1:].ravel()
        own = np.repeat(np.arange(len(kept)), NEIGHBOURS)
        weights = np.minimum(column[kept][own], column[kept][near]) ** POWER + LEAST
        graph = sparse.coo_matrix((weights, (own, near)), shape=(len(kept),) * 2).tocsr()
        found[:, i] = _halves(graph.maximum(graph.T), rng)[tree.query(points)[1]]
    return found


def _halves(graph: sparse.csr_matrix, rng: np.random.Generator) -> np.ndarray:
    """±1 (node,): the second eigenvector of the normalised graph, each node joined to itself a little, so that no few
    nodes at the rim make a half."""
    graph = graph + sparse.diags(np.full(graph.shape[0], OWN * np.median(graph.sum(1))))
    root = np.sqrt(np.asarray(graph.sum(1)).ravel())
    first = root / np.linalg.norm(root)

    def times(v: np.ndarray) -> np.ndarray:
        v = v.ravel()
        return np.asarray((graph @ (v / root)) / root - first * (first @ v))

    begin = rng.normal(size=len(root))
    operator = LinearOperator(graph.shape, matvec=times, dtype=float)
    second = eigsh(operator, k=1, which="LA", tol=1e-3, v0=begin, maxiter=3000)[1][:, 0]
    return np.where(second > 0, 1.0, -1.0)
