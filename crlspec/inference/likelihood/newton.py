"""Newton's method for many profile likelihoods at once, by relative changes of their encoder rows.

A step replaces H by (I + Δ) H, as relative Newton methods of independent component analysis do (Zibulevsky, "Blind
source separation with relative Newton method", ICA 2003): it knows no units. Where second derivatives are not
positive definite their absolute values are taken, and a step is halved until the likelihood grows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlspec.inference.likelihood.profile import Entries, Profiles
from crlspec.numerics.optimum import FLAT

__all__ = ["Fitted", "as_changes", "fitted"]

ITERATIONS, HALVINGS = 100, 30

CLOSE = 1e-13
"""Mean log likelihood that the last step gains at most; the error after it is of the order of its square."""

LONGEST, LONGEST_NESTED = 0.5, 0.2
"""Largest entry of Δ in latents of unit deviation: with longer ones more of the nested spaces end in local optima."""

RIDGE = 1e-9
"""Share of the mean second derivative added to all, since some directions may leave the likelihood as it is."""

ENTRIES = 4_000_000
"""Second derivatives that are held at once."""


@dataclass(frozen=True)
class Fitted:
    """Optima, the fit first in every array.

    rows       (fit, position, component), each position in the scale that it started with; orthonormal ones of nested
               spaces, in the metric of the data
    losses     mean negative log likelihood, up to a constant; infinite where the start had none
    gradients  largest slope of it along relative changes, of latents with unit deviation
    settled    whether it is an optimum: the last step was tiny, or the gradient is
    spent      whether iterations ran out
    """

    rows: np.ndarray
    losses: np.ndarray
    gradients: np.ndarray
    settled: np.ndarray
    spent: np.ndarray


def fitted(
    profiles: Profiles, starts: np.ndarray, *, nested: bool = False, iterations: int = ITERATIONS
) -> Fitted:
    """The optimum near each start (fit, position, component).

    nested  whether only the spaces that the first rows span, for every number of them, have a likelihood, as where
            every mechanism that changes keeps all its parents. Optima are then looked for among orthonormal rows,
            where none lies at infinity.
    """
    size = max(1, ENTRIES // starts.shape[1] ** 4)
    parts = [np.arange(k, min(k + size, len(starts))) for k in range(0, len(starts), size)]
    found = [_together(profiles.of(part), starts[part], nested, iterations) for part in parts]
    return Fitted(*(np.concatenate([getattr(one, name) for one in found]) for name in Fitted.__annotations__))


def _together(profiles: Profiles, starts: np.ndarray, nested: bool, iterations: int) -> Fitted:
    n, second = starts.shape[1], profiles.together()
    free = Entries.of(np.triu(np.ones((n, n), dtype=bool), 1) if nested else ~np.eye(n, dtype=bool))
    rows, losses = starts.copy(), profiles.losses(starts)
    gradients, close = np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)
    active = np.flatnonzero(np.isfinite(losses))
    spent = np.zeros(len(rows), dtype=bool)
    for count in range(iterations + 1):
        if not len(active):
            break
        here = profiles.of(active)
        rows[active] = _scaled(rows[active], second[active], nested)
        found = here.expanded(rows[active], free)
        gradients[active] = np.abs(found.gradients).max(1, initial=0.0)
        if count == iterations:
            spent[active] = True
            break
        steps = _steps(found.gradients, found.curvatures, LONGEST_NESTED if nested else LONGEST)
        gains = -(found.gradients * steps).sum(1)
        moved, after, better = _searched(here, rows[active], losses[active], (steps, gains), free)
        rows[active], losses[active] = moved, after
        close[active] = gains < CLOSE
        active = active[better & ~close[active]]
    return Fitted(
        rows if nested else _in_scale(rows, starts, second),
        losses,
        gradients,
        close | (gradients < FLAT),
        spent,
    )


def _scaled(rows: np.ndarray, second: np.ndarray, nested: bool) -> np.ndarray:
    """Rows of the same likelihood, for latents of unit deviation; nested ones uncorrelated."""
    covariances = rows @ second @ np.swapaxes(rows, 1, 2)
    if nested:
        return np.asarray(np.linalg.inv(np.linalg.cholesky(covariances)) @ rows)
    return np.asarray(rows / np.sqrt(np.einsum("fii->fi", covariances))[..., None])


def _in_scale(rows: np.ndarray, starts: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rows that give each latent the deviation it had at the start."""
    now, then = (np.einsum("fai,fij,faj->fa", one, second, one) for one in (rows, starts))
    return np.asarray(rows * np.sqrt(then / now)[..., None])


def as_changes(rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The rows U S with U unit upper triangular, for starts S, that span what the given rows do: rows S⁻¹ = T U with
    T lower triangular, by elimination. Where there are none, the rows that are given."""
    upper = rows @ np.linalg.inv(starts)
    n = upper.shape[1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for k in range(n):
            upper[:, k] /= upper[:, k, k, None]
            upper[:, k + 1 :] -= upper[:, k + 1 :, k, None] * upper[:, k, None]
        found = np.triu(upper) @ starts
    return np.where(np.isfinite(found).all((1, 2), keepdims=True), found, rows)


def _steps(gradients: np.ndarray, curvatures: np.ndarray, longest: float) -> np.ndarray:
    """(fit, free): downhill, to the optimum of the expansion where it has one."""
    size = curvatures.shape[1]
    if size == 0:
        return np.zeros_like(gradients)
    mean = np.abs(np.einsum("faa->f", curvatures)) / size
    lifted = curvatures + (RIDGE * mean)[:, None, None] * np.eye(size)
    bent = ~_definite(lifted)
    if not bent.any():
        steps = -np.linalg.solve(lifted, gradients[..., None])[..., 0]
    else:
        steps = np.empty_like(gradients)
        steps[~bent] = -np.linalg.solve(lifted[~bent], gradients[~bent, :, None])[..., 0]
        values, vectors = np.linalg.eigh(lifted[bent])
        sizes = np.maximum(np.abs(values), RIDGE * np.abs(values).max(1, keepdims=True))
        along = (vectors.swapaxes(1, 2) @ gradients[bent, :, None]) / sizes[..., None]
        steps[bent] = -(vectors @ np.clip(along, -longest, longest))[..., 0]
    size_of_step = np.abs(steps).max(1, keepdims=True)
    return np.asarray(steps * np.minimum(1.0, longest / np.maximum(size_of_step, longest)))


def _definite(matrices: np.ndarray) -> np.ndarray:
    """(matrix,) bool: whether they are positive definite."""
    try:
        np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.zeros(1, dtype=bool)
        return np.concatenate([_definite(one[None]) for one in matrices])
    return np.ones(len(matrices), dtype=bool)


def _searched(
    profiles: Profiles,
    rows: np.ndarray,
    losses: np.ndarray,
    step: tuple[np.ndarray, np.ndarray],
    free: Entries,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows and losses after the longest step, of halves of it, that gains enough, and whether there was one."""
    (steps, gains), n = step, rows.shape[1]
    moved, after = rows.copy(), losses.copy()
    left, share = np.arange(len(rows)), 1.0
    for _ in range(HALVINGS):
        change = np.zeros((len(left), n, n))
        change[:, free.row, free.column] = share * steps[left]
        tried = rows[left] + change @ rows[left]
        found = profiles.of(left).losses(tried)
        rounding = 1e-14 * np.maximum(np.abs(losses[left]), 1)
        good = found <= losses[left] - 1e-4 * share * gains[left] + rounding
        moved[left[good]], after[left[good]] = tried[good], found[good]
        left, share = left[~good], share / 2
        if not len(left):
            break
    better = np.ones(len(rows), dtype=bool)
    better[left] = False
    return moved, after, better
