"""Causal orders fitted to Gaussian environments under soft interventions, many at once.

Only what changes the nesting of the encoder rows is free; every regression, changed or not, is profiled out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from crlspec.inference.likelihood.newton import as_changes, fitted
from crlspec.inference.likelihood.profile import in_groups

__all__ = ["FAR", "Order", "OrderFit", "fit_soft", "mended"]

Order = tuple[int, ...]
"""Indices of latents, roots first."""

FAR = 1e3
"""Mean negative log likelihood that stands for rows without one."""

CLEAR, ROUNDS = 1e-9, 4
"""Mean log likelihood by which a start must be better than an optimum; how often all are looked at."""

WORST = 1e6
"""Condition number of rows so close to dependent that they have no likelihood in this precision."""


@dataclass(frozen=True)
class OrderFit:
    """The optimum of one order.

    rows      (position, component)
    loss      mean negative log likelihood, up to a constant; ``FAR`` where there is none
    settled, gradient  whether it is an optimum, and the largest slope there along relative changes of the rows
    """

    rows: np.ndarray
    loss: float
    settled: bool
    gradient: float


def fit_soft(
    groups: np.ndarray, starts: np.ndarray, moments: np.ndarray, counts: np.ndarray
) -> list[OrderFit]:
    """The fits of orders from starts (order, position, component).

    groups   (order, position, group, environment) bool: environments in which a position follows one mechanism
    moments  (environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ], or (order, environment, …) where each
             order is fitted to its own
    counts   (environment,) samples
    """
    sound = np.linalg.cond(starts / np.linalg.norm(starts, axis=-1, keepdims=True)) <= WORST
    fits = [OrderFit(rows, FAR, True, 0.0) for rows in starts]
    if not sound.any():
        return fits
    profiles = in_groups(groups[sound], moments if moments.ndim == 3 else moments[sound], counts)
    found = fitted(profiles, starts[sound], nested=True)
    rows = as_changes(found.rows, starts[sound])
    for k, at in enumerate(np.flatnonzero(sound)):
        if np.isfinite(found.losses[k]):
            loss, settled = float(found.losses[k]), bool(found.settled[k])
            fits[at] = OrderFit(rows[k], loss, settled, float(found.gradients[k]))
    return fits


def mended(
    fits: Mapping[Order, OrderFit], grouped: np.ndarray, moments: np.ndarray, counts: np.ndarray
) -> dict[Order, OrderFit]:
    """The same fits, started anew where the optimum of an order with two neighbours exchanged is a better start than
    the optimum that was found: no order is left in such a local one.

    grouped  (latent, group, environment) bool
    """
    best = dict(fits)
    for _ in range(ROUNDS):
        pairs = [(order, other) for order in best for other in _neighbours(order) if other in best]
        if not pairs:
            return best
        orders = np.array([order for order, _ in pairs])
        places = [[other.index(k) for k in order] for order, other in pairs]
        starts = np.stack([best[other].rows[at] for (_, other), at in zip(pairs, places, strict=True)])
        begun = in_groups(grouped[orders], moments, counts).losses(starts)
        better: dict[Order, tuple[float, int]] = {}
        for k, (order, _) in enumerate(pairs):
            least = better[order][0] if order in better else best[order].loss - CLEAR
            if begun[k] < least:
                better[order] = (float(begun[k]), k)
        if not better:
            return best
        chosen = [k for _, k in better.values()]
        best.update(
            zip(better, fit_soft(grouped[orders[chosen]], starts[chosen], moments, counts), strict=True)
        )
    return best


def _neighbours(order: Order) -> list[Order]:
    return [(*order[:k], order[k + 1], order[k], *order[k + 2 :]) for k in range(len(order) - 1)]
