"""Causal order and first encoder rows from the second moments of score differences.

R^m = E_obs[d^m d^mᵀ] has its image in the span of the encoder rows of node m and its parents. Once the rows of
all ancestors are projected off, R^m has rank one: peeling from the roots finds order and rows together (after
Varıcı et al., Score-based causal representation learning, JMLR 2025, Algorithm LSCALE-I).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Peeling", "fitted", "image_rows", "peel", "rows_in_order", "unmix", "unmixing_variances"]


@dataclass(frozen=True)
class Peeling:
    """A causal order (indices of environments), and how far from rank one each step was (0: exactly)."""

    order: tuple[int, ...]
    gaps: tuple[float, ...]

    @property
    def cost(self) -> float:
        """Sum of the gaps: the lower, the better the order fits."""
        return float(sum(self.gaps))

    @property
    def note(self) -> str:
        """The gaps in words."""
        return "distance from rank one while peeling: " + "; ".join(f"{gap:.3f}" for gap in self.gaps)


def peel(moments: np.ndarray, most: int = 4, before: np.ndarray | None = None) -> list[Peeling]:
    """The greedy order first, then the likeliest of its variants with two neighbours swapped.

    moments (environment, component, component): as many environments as components. A variant is listed where it
    fits hardly worse than the greedy order: pairs that no edge joins, and pairs that the scores cannot decide.
    before  (environment, environment) bool: i comes before j, where that is known; transitively closed
    """
    known = np.zeros((len(moments),) * 2, dtype=bool) if before is None else before
    greedy: tuple[int, ...] = ()
    rows = rows_in_order(moments, greedy)
    for _ in range(len(moments)):
        rest = sorted(set(range(len(moments))) - set(greedy))
        free = [m for m in rest if not known[rest, m].any()]
        gaps = _gaps(moments[free], rows)
        greedy = (*greedy, free[int(gaps.argmin())])
        rows = rows_in_order(moments, greedy[-1:], rows)
    best = fitted(moments, greedy)
    if most == 1:
        return [best]
    swaps = [
        (*greedy[:k], greedy[k + 1], greedy[k], *greedy[k + 2 :])
        for k in range(len(greedy) - 1)
        if not known[greedy[k], greedy[k + 1]]
    ]
    variants = sorted((fitted(moments, order) for order in swaps), key=lambda peeling: peeling.cost)
    return [best, *[v for v in variants if v.cost < 3 * best.cost + 0.1]][:most]


def fitted(moments: np.ndarray, order: tuple[int, ...]) -> Peeling:
    """How far from rank one each step of a given order is."""
    rows = rows_in_order(moments, order)
    return Peeling(order, tuple(float(_gaps(moments[[m]], rows[:k])[0]) for k, m in enumerate(order)))


def _gaps(moments: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Σ_{k≥2} |λ_k| / |λ_1| of moment matrices off the rows found, which are orthonormal."""
    projector = np.eye(moments.shape[-1]) - rows.T @ rows
    projected = projector @ moments @ projector
    values = np.linalg.eigvalsh((projected + np.swapaxes(projected, 1, 2)) / 2)
    sizes = np.sort(np.abs(values), 1)[:, len(rows) :]
    return np.asarray(sizes[:, :-1].sum(1) / np.maximum(sizes[:, -1], np.finfo(float).tiny))


def rows_in_order(moments: np.ndarray, order: tuple[int, ...], found: np.ndarray | None = None) -> np.ndarray:
    """One unit row per node of the order: the leading direction of R^m off the rows before it.

    moments  (environment, component, component); further axes may stand before, as in the rows that are given back
    found    rows of those that come before all of the order, which are given back as well; None: none do
    """
    n = moments.shape[-1]
    rows = np.zeros((*moments.shape[:-3], 0, n)) if found is None else found
    for m in order:
        projector = np.eye(n) - np.swapaxes(rows, -1, -2) @ rows  # the rows are orthonormal
        leading = _leading(projector @ moments[..., m, :, :] @ projector)
        rows = np.concatenate([rows, leading[..., None, :]], axis=-2)
    return rows


def image_rows(moments: np.ndarray) -> np.ndarray:
    """For each environment the leading direction of R^m: its latent up to mixing with its parents (stage L1).

    moments  (environment, component, component); further axes may stand before
    """
    return _leading(moments)


def unmix(rows: np.ndarray, second: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Hard interventions: z_m is independent of its predecessors in its own environment (stage L3).

    rows    (position, component) in causal order; further axes may stand before, as in all arrays
    second  (environment, component, component): covariance of each environment, indexed as in the order
    """
    clean = rows.copy()
    for position in range(1, rows.shape[-2]):
        before = clean[..., :position, :]
        read = before @ second[..., order[position], :, :]
        slope = np.linalg.solve(read @ np.swapaxes(before, -1, -2), read @ clean[..., position, :, None])
        clean[..., position, :] -= (np.swapaxes(slope, -1, -2) @ before)[..., 0, :]
    return np.asarray(clean / np.linalg.norm(clean, axis=-1, keepdims=True))


def unmixing_variances(
    rows: np.ndarray, second: np.ndarray, counts: list[int], order: tuple[int, ...]
) -> np.ndarray:
    """Sampling variances (position, position) of the slopes that :func:`unmix` subtracts, per clean row."""
    variances = np.zeros((len(rows), len(rows)))
    for position in range(1, len(rows)):
        covariance, before = second[order[position]], rows[:position]
        residual = rows[position] @ covariance @ rows[position]
        inverse = np.linalg.inv(before @ covariance @ before.T)
        variances[position, :position] = residual * np.diagonal(inverse) / counts[order[position]]
    return variances


def _leading(moments: np.ndarray) -> np.ndarray:
    """(…, component): the eigenvector of the eigenvalue of largest absolute value."""
    values, vectors = np.linalg.eigh((moments + np.swapaxes(moments, -1, -2)) / 2)
    last = np.abs(values[..., -1]) > np.abs(values[..., 0])
    return np.asarray(np.where(last[..., None], vectors[..., -1], vectors[..., 0]))
