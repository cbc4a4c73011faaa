"""Newton's method for many profile likelihoods at once, by relative changes of their encoder rows.

A step replaces H by (I + Δ) H, as relative Newton methods of independent component analysis do (Zibulevsky, "Blind
source separation with relative Newton method", ICA 2003): it knows no units. Where second derivatives are not positive
definite their absolute values are taken, and a step is halved until the likelihood grows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlspec.inference.likelihood.profile import Profiles
from crlspec.numerics.optimum import FLAT

__all__ = ["Fitted", "everywhere", "fitted", "nested"]

Free = tuple[np.ndarray, np.ndarray]
"""Rows and columns of the entries of Δ that are free."""

ITERATIONS, HALVINGS = 100, 30

CLOSE = 1e-13
"""Mean log likelihood that the last step gains at most; the error after it is of the order of its square."""

LONGEST = 0.5
"""Largest entry of Δ in latents of unit deviation."""

RIDGE = 1e-9
"""Share of the mean second derivative added to all, since some directions may leave the likelihood as it is."""

ENTRIES = 4_000_000
"""Second derivatives that are held at once."""


@dataclass(frozen=True)
class Fitted:
    """Optima, the fit first in every array.

    rows       (fit, position, component), each position in the scale that it started with
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


def everywhere(n: int) -> Free:
    """All but the scales of the rows."""
    return np.nonzero(~np.eye(n, dtype=bool))


def nested(n: int) -> Free:
    """What changes the space that the first rows span, for every number of them."""
    return np.triu_indices(n, 1)


def fitted(profiles: Profiles, starts: np.ndarray, free: Free, iterations: int = ITERATIONS) -> Fitted:
    """The optimum near each start (fit, position, component)."""
    size = max(1, ENTRIES // starts.shape[1] ** 4)
    parts = [np.arange(k, min(k + size, len(starts))) for k in range(0, len(starts), size)]
    found = [_together(profiles.of(part), starts[part], free, iterations) for part in parts]
    return Fitted(*(np.concatenate([getattr(one, name) for one in found]) for name in Fitted.__annotations__))


def _together(profiles: Profiles, starts: np.ndarray, free: Free, iterations: int) -> Fitted:
    scale = profiles.spread(starts)[..., None]
    rows = starts / scale
    losses = profiles.losses(rows)
    gradients, close = np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)
    active = np.flatnonzero(np.isfinite(losses))
    spent = np.zeros(len(rows), dtype=bool)
    for count in range(iterations + 1):
        if not len(active):
            break
        here = profiles.of(active)
        found = here.expanded(rows[active], free)
        gradients[active] = np.abs(found.gradients).max(1, initial=0.0)
        if count == iterations:
            spent[active] = True
            break
        steps = _steps(found.gradients, found.curvatures)
        gains = -(found.gradients * steps).sum(1)
        moved, after, better = _searched(here, rows[active], losses[active], (steps, gains), free)
        rows[active], losses[active] = moved, after
        close[active] = gains < CLOSE
        active = active[better & ~close[active]]
    return Fitted(rows * scale, losses, gradients, close | (gradients < FLAT), spent)


def _steps(gradients: np.ndarray, curvatures: np.ndarray) -> np.ndarray:
    """(fit, free): downhill, to the optimum of the expansion where it has one."""
    size = curvatures.shape[1]
    if size == 0:
        return np.zeros_like(gradients)
    mean = np.abs(np.trace(curvatures, axis1=1, axis2=2)) / size
    lifted = curvatures + (RIDGE * mean)[:, None, None] * np.eye(size)
    try:
        back = np.linalg.inv(np.linalg.cholesky(lifted))
        steps = -np.einsum("fki,fkj,fj->fi", back, back, gradients, optimize=True)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(lifted)
        sizes = np.maximum(np.abs(values), RIDGE * np.abs(values).max(1, keepdims=True))
        steps = -(vectors @ ((vectors.swapaxes(1, 2) @ gradients[..., None]) / sizes[..., None]))[..., 0]
    longest = np.abs(steps).max(1, keepdims=True)
    return np.asarray(steps * np.minimum(1.0, LONGEST / np.maximum(longest, LONGEST)))


def _searched(
    profiles: Profiles, rows: np.ndarray, losses: np.ndarray, step: tuple[np.ndarray, np.ndarray], free: Free
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows and losses after the longest step, of halves of it, that gains enough, and whether there was one."""
    (steps, gains), n = step, rows.shape[1]
    moved, after = rows.copy(), losses.copy()
    left, share = np.arange(len(rows)), 1.0
    for _ in range(HALVINGS):
        change = np.zeros((len(left), n, n))
        change[:, free[0], free[1]] = share * steps[left]
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
