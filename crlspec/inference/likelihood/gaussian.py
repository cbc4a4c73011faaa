"""The joint likelihood of linear-Gaussian latents under hard interventions: closed forms and order search.

With z = H y, every environment e has log p^e(y) = log|det H| + Σ_i log p_i^e(z_i | z_before), where p_i is the
regression on all predecessors, and q_i^e = N(μ_i^e, v_i^e) in the environments that target i. For a given H and
order the regressions are profiled out in closed form, so that only H is searched.

Where one environment targets each latent, the likelihood is that of soft interventions too: what a row holds of the
rows before it only has to be the regression of the one on the others in that environment. Then the nested spaces of
the rows alone are searched, half as many numbers, and rows are unmixed at the end.

Which environment targets which latent is the signature, (latent, environment) bool; None stands for the identity:
one environment per latent, named by its index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from crlspec.inference.likelihood.newton import fitted
from crlspec.inference.likelihood.profile import Profiles, environments_apart, in_groups, pooled_within
from crlspec.inference.order.peeling import unmix

__all__ = ["GaussianFit", "Order", "Refit", "fit_order", "fit_orders", "loss_of", "search_order", "targeted"]

Order = tuple[int, ...]
"""Indices of latents, roots first."""


@dataclass(frozen=True)
class GaussianFit:
    """The likelihood's optimum for one order.

    order  indices of the latents (of their environments, where the signature is the identity), roots first
    rows   (position, component): encoder rows H by position in the order
    loss   mean negative log likelihood, up to a constant
    settled, gradient  whether it is an optimum, and the largest slope there along relative changes of the rows
    """

    order: Order
    rows: np.ndarray
    loss: float
    settled: bool = True
    gradient: float = 0.0


def fit_order(
    order: Order,
    start: np.ndarray,
    moments: np.ndarray,
    counts: np.ndarray,
    signature: np.ndarray | None = None,
) -> GaussianFit:
    """Maximise over H from a start (position, component).

    moments    (environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ], the observational first
    counts     (environment,) samples
    signature  (latent, interventional environment) bool

    Raises LinAlgError where the start is singular.
    """
    return fit_orders([order], start[None], moments, counts, None if signature is None else [signature])[0]


def fit_orders(
    orders: Sequence[Order],
    starts: np.ndarray,
    moments: np.ndarray,
    counts: np.ndarray,
    signatures: Sequence[np.ndarray | None] | None = None,
) -> list[GaussianFit]:
    """The same for several orders at once, each with its start (order, position, component) and its signature."""
    if not len(orders):
        return []
    cut = _cut(orders, signatures)
    nested = bool((cut.sum(-1) == 1).all())
    groups = np.stack([~cut, cut], 2)
    profiles = in_groups(groups, moments, counts) if nested else _profiles(cut, moments, counts)
    found = fitted(profiles, np.asarray(starts, dtype=float), nested=nested)
    if not np.isfinite(found.losses).all():
        raise np.linalg.LinAlgError("encoder rows to start from are singular")
    own = profiles.pooled[:, :, -1]  # where nested, the covariance where the position is targeted
    rows = unmix(found.rows, own, tuple(range(own.shape[1]))) if nested else found.rows
    fits = zip(orders, rows, found.losses, found.settled, found.gradients, strict=True)
    return [
        GaussianFit(order, rows, float(loss), bool(settled), float(gradient))
        for order, rows, loss, settled, gradient in fits
    ]


def loss_of(
    fit: GaussianFit, moments: np.ndarray, counts: np.ndarray, signature: np.ndarray | None = None
) -> float:
    """The mean negative log likelihood at the rows of a fit, under another signature; as ``GaussianFit.loss``."""
    return float(_profiles(_cut([fit.order], [signature]), moments, counts).losses(fit.rows[None])[0])


Refit = Callable[[Sequence[Order], np.ndarray], list[GaussianFit]]
"""Fits of orders from starts (order, position, component)."""


def search_order(
    first: GaussianFit, refit: Refit, margin: float, rounds: int = 20, before: np.ndarray | None = None
) -> GaussianFit:
    """Swap neighbours in the order, from the present rows, while the likelihood grows by more than ``margin``.

    before  (latent, latent) bool: i comes before j, where that is known
    """
    best, seen = first, {first.order}
    for _ in range(rounds):
        pairs = enumerate(pairwise(best.order))
        near = [_swapped(len(best.order), k) for k, pair in pairs if before is None or not before[pair]]
        fresh = [places for places in near if tuple(best.order[p] for p in places) not in seen]
        orders = [tuple(best.order[p] for p in places) for places in fresh]
        seen.update(orders)
        fits = refit(orders, np.stack([best.rows[list(places)] for places in fresh])) if fresh else []
        better = min(fits, key=lambda fit: fit.loss, default=best)
        if not better.loss < best.loss - margin:
            return best
        best = better
    return best


def _swapped(n: int, k: int) -> Order:
    return (*range(k), k + 1, k, *range(k + 2, n))


def _cut(orders: Sequence[Order], signatures: Sequence[np.ndarray | None] | None) -> np.ndarray:
    """(order, position, environment) bool: which environments cut a position off."""
    given = [None] * len(orders) if signatures is None else signatures
    return np.stack([targeted(order, signature) for order, signature in zip(orders, given, strict=True)])


def _profiles(cut: np.ndarray, moments: np.ndarray, counts: np.ndarray) -> Profiles:
    """One regression on all predecessors where a position is left alone, a mean and a variance where it is not."""
    kept, total = counts * ~cut, counts.sum()
    pooled = pooled_within(kept, moments)[:, :, None]
    shares = kept.sum(-1)[..., None] / total
    return Profiles(pooled, shares, environments_apart(moments)[None], counts * cut / total)


def targeted(order: Order, signature: np.ndarray | None) -> np.ndarray:
    """(position, environment) bool, the observational environment first: who is targeted where."""
    rows = np.eye(len(order), dtype=bool) if signature is None else np.asarray(signature, dtype=bool)
    return np.concatenate([np.zeros((len(order), 1), dtype=bool), rows[list(order)]], 1)
