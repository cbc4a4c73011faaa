"""Causal order and first encoder rows from the second moments of score differences.

R^m = E_obs[d^m d^mᵀ] has its image in the span of the encoder rows of node m and its parents. Once the rows of
all ancestors are projected off, R^m has rank one: peeling from the roots finds order and rows together (after
Varıcı et al., Score-based causal representation learning, JMLR 2025, Algorithm LSCALE-I).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlspec.numerics.linalg import projector_off

__all__ = ["Peeling", "image_rows", "peel", "rows_in_order", "unmix", "unmixing_variances"]


@dataclass(frozen=True)
class Peeling:
    """A causal order (indices of environments), and how far from rank one each step was (0: exactly)."""

    order: tuple[int, ...]
    gaps: tuple[float, ...]

    @property
    def cost(self) -> float:
        """Sum of the gaps: the lower, the better the order fits."""
        return float(sum(self.gaps))


def peel(moments: np.ndarray, beam: int = 4) -> list[Peeling]:
    """The best orders by a beam search, best first.

    moments (environment, component, component): as many environments as components.
    """
    count = len(moments)
    states: list[Peeling] = [Peeling((), ())]
    for found in range(count):
        grown: dict[frozenset[int], list[Peeling]] = {}
        for state in states:
            projector = projector_off(rows_in_order(moments, state.order))
            for m in set(range(count)) - set(state.order):
                spectrum = _spectrum(projector @ moments[m] @ projector)[0][: count - found]
                gap = float(np.abs(spectrum[1:]).sum() / max(abs(spectrum[0]), np.finfo(float).tiny))
                step = Peeling((*state.order, m), (*state.gaps, gap))
                grown.setdefault(frozenset(step.order), []).append(step)
        best = sorted((min(steps, key=lambda s: s.cost) for steps in grown.values()), key=lambda s: s.cost)
        # The first state is always the greedy one: in noise a cheap end must not excuse a dear beginning.
        greedy = min(
            (s for steps in grown.values() for s in steps if s.order[:-1] == states[0].order),
            key=lambda s: s.gaps[-1],
        )
        states = [greedy, *[s for s in best if set(s.order) != set(greedy.order)]][:beam]
        if found + 1 == count:
            finals = sorted((s for steps in grown.values() for s in steps), key=lambda s: s.cost)
            states = [greedy, *[s for s in finals if s.order != greedy.order]][:beam]
    return states


def rows_in_order(moments: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """One unit row per node of the order: the leading direction of R^m off the rows before it."""
    rows = np.zeros((0, moments.shape[-1]))
    for m in order:
        projector = projector_off(rows)
        rows = np.vstack([rows, _spectrum(projector @ moments[m] @ projector)[1][:, 0]])
    return rows


def image_rows(moments: np.ndarray) -> np.ndarray:
    """For each environment the leading direction of R^m: its latent up to mixing with its parents (stage L1)."""
    return np.stack([_spectrum(moment)[1][:, 0] for moment in moments])


def unmix(rows: np.ndarray, second: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    """Hard interventions: z_m is independent of its predecessors in its own environment (stage L3).

    rows    (position, component) in causal order
    second  (environment, component, component): covariance of each environment, indexed as in the order
    """
    clean = rows.copy()
    for position in range(1, len(rows)):
        covariance = second[order[position]]
        before = clean[:position]
        slope = np.linalg.solve(before @ covariance @ before.T, before @ covariance @ clean[position])
        clean[position] = clean[position] - slope @ before
    return clean / np.linalg.norm(clean, axis=1, keepdims=True)


def unmixing_variances(
    rows: np.ndarray, second: np.ndarray, counts: list[int], order: tuple[int, ...]
) -> np.ndarray:
    """Sampling variances (position, position) of the slopes that :func:`unmix` subtracts, in the clean rows' units."""
    variances = np.zeros((len(rows), len(rows)))
    for position in range(1, len(rows)):
        covariance, before = second[order[position]], rows[:position]
        residual = rows[position] @ covariance @ rows[position]
        inverse = np.linalg.inv(before @ covariance @ before.T)
        variances[position, :position] = residual * np.diagonal(inverse) / counts[order[position]]
    return variances


def _spectrum(moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and eigenvectors by falling absolute value."""
    values, vectors = np.linalg.eigh((moment + moment.T) / 2)
    rank = np.argsort(-np.abs(values))
    return values[rank], vectors[:, rank]
