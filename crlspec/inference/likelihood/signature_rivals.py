"""Is the signature that was found the only one? A target too many, or two environments that share their targets.

With concealed targets a model whose signature lacks rank can be one with a signature of full rank, other latents and
another graph: both have the same likelihood. So every pair of environments is given the union of their targets, and
the fit is compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from crlspec.inference.check import Check, listed
from crlspec.inference.likelihood.decided import Asked
from crlspec.inference.likelihood.gaussian import GaussianFit, fit_orders, loss_of
from crlspec.inference.thresholds import UmniThresholds

__all__ = ["Rivals", "check_signature"]


@dataclass(frozen=True)
class Rivals:
    """Which other signatures may explain the data as well, and when they do.

    free    (interventional environment,) bool: those whose targets were found in the data; all others are known
    limits  the bounds
    """

    free: np.ndarray
    limits: UmniThresholds


def check_signature(
    best: GaussianFit, moments: np.ndarray, signature: np.ndarray, asked: Asked, rivals: Rivals
) -> Check:
    """The check ``signature``: whether another signature, with fewer targets or without full rank, explains as much.

    best       the fit of the signature that was found
    moments    (environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ], the observational first
    signature  (latent, interventional environment) bool
    """
    names, clear, free = asked.environments[1:], rivals.limits.clear, rivals.free
    lost = _alike(best, moments, signature, asked, rivals)
    if lost is not None:
        gain, (one, other) = lost
        return Check(
            "signature", "refuted", -gain, clear,
            f"Environments '{names[one]}' and '{names[other]}' have the same targets. A model that says so is "
            f"better by {gain:.0f} nats, after the price of its targets. So the signature lacks full rank, and "
            "nothing tells latents and graph.",
            f"Give an environment with other targets in place of '{names[one]}' or '{names[other]}'.",
            (names[one], names[other]),
        )  # fmt: skip
    fewer, at = _without_one(best, moments, signature, asked, free)
    if fewer < clear:
        latent, name = asked.latents[at[0]], names[at[1]]
        return Check(
            "signature", "undecided", fewer, clear,
            f"Whether environment '{name}' targets '{latent}' is not decided. A model without this target "
            "explains the data as well.",
            "Give more samples, stronger interventions, or environments with fewer targets in common.",
            (name,), (latent,),
        )  # fmt: skip
    lead, dearer, pair = _without_rank(best, moments, signature, asked, rivals)
    if lead > clear:
        text = "No signature with one target fewer, or without full rank, explains the data as well."
        return Check("signature", "passed", min(fewer, lead), clear, text)
    both = (names[pair[0]], names[pair[1]])
    remedy = f"Give an environment with other targets, declare the targets, or leave '{both[1]}' out."
    text = f"That environments {listed(both)} have the same targets explains the data as well"
    if dearer > clear:
        return Check(
            "signature", "note", lead, clear,
            f"{text}, with more targets. That the signature has full rank is an assumption.", remedy, both,
        )  # fmt: skip
    text += ". In that case the signature lacks full rank, and latents and graph are wrong."
    return Check("signature", "undecided", lead, clear, text, remedy, both)


def _alike(
    best: GaussianFit, moments: np.ndarray, signature: np.ndarray, asked: Asked, rivals: Rivals
) -> tuple[float, tuple[int, int]] | None:
    """Two environments with the same targets, if the signature that flips of single entries lead to has such, lacks
    rank and is better: by ``limits.real`` nats, so that it is more than a model with targets too weak to be seen left
    out, and by ``limits.clear`` after the Bayesian information criterion; with the latter gain."""
    total, here, fit, limits = float(asked.counts.sum()), signature, best, rivals.limits
    while True:
        tried = []
        for i, k in np.ndindex(signature.shape):
            flipped = here.copy()
            flipped[i, k] ^= True
            # a latent may be targeted nowhere, an environment must target some
            if rivals.free[k] and flipped[:, k].any():
                tried.append(flipped)
        starts = np.broadcast_to(fit.rows, (len(tried), *fit.rows.shape))
        fits = fit_orders([fit.order] * len(tried), starts, moments, asked.counts, tried)
        costs = [
            total * one.loss + np.log(total) * flips.sum() for one, flips in zip(fits, tried, strict=True)
        ]
        at = int(np.argmin(costs))
        if not costs[at] < total * fit.loss + np.log(total) * here.sum() - 1e-6:
            break
        here, fit = tried[at], fits[at]
    likelier = total * (best.loss - fit.loss)
    gain = float(likelier + np.log(total) * (int(signature.sum()) - int(here.sum())))
    same = [(a, b) for a, b in combinations(range(here.shape[1]), 2) if (here[:, a] == here[:, b]).all()]
    full = np.linalg.matrix_rank(here.astype(float)) == len(here)
    return None if full or not same or likelier <= limits.real or gain <= limits.clear else (gain, same[0])


def _without_one(
    best: GaussianFit, moments: np.ndarray, signature: np.ndarray, asked: Asked, free: np.ndarray
) -> tuple[float, tuple[int, int]]:
    """Nats that the signature leads by before the best one with a target less, after the Bayesian information
    criterion; and which target that is."""
    total, tried = float(asked.counts.sum()), {}
    for i, k in np.argwhere(signature & free):
        fewer = signature.copy()
        fewer[i, k] = False
        if fewer.any(0).all():  # a latent may be targeted nowhere, an environment must target some
            tried[int(i), int(k)] = fewer
    if not tried:
        return float("inf"), (0, 0)
    starts = np.broadcast_to(best.rows, (len(tried), *best.rows.shape))
    fits = fit_orders([best.order] * len(tried), starts, moments, asked.counts, list(tried.values()))
    leads = {at: total * (fit.loss - best.loss) - np.log(total) for at, fit in zip(tried, fits, strict=True)}
    at = min(leads, key=lambda key: leads[key])
    return float(leads[at]), at


def _without_rank(
    best: GaussianFit, moments: np.ndarray, signature: np.ndarray, asked: Asked, rivals: Rivals
) -> tuple[float, float, tuple[int, int]]:
    """Nats that the signature leads by before the best one in which two environments share their targets, so that
    rank is lost, and every further target gains ``real`` nats; the same after the criterion; and which environments
    these are."""
    total = float(asked.counts.sum())
    nearest, dearer, at = float("inf"), float("inf"), (0, 0)
    tried = []
    for pair in combinations(range(signature.shape[1]), 2):
        union = signature.copy()
        union[:, list(pair)] = signature[:, list(pair)].any(1, keepdims=True)
        if (union != signature).any(0)[~rivals.free].any():
            continue
        if np.linalg.matrix_rank(union.astype(float)) < len(signature):
            tried += [(pair, union, places) for places in _swaps(len(best.order))]
    if not tried:
        return nearest, dearer, at
    orders = [tuple(best.order[p] for p in places) for _, _, places in tried]
    starts = np.stack([best.rows[list(places)] for _, _, places in tried])
    fits = fit_orders(orders, starts, moments, asked.counts, [union for _, union, _ in tried])
    for (pair, union, _), fit in zip(tried, fits, strict=True):
        lead = total * (fit.loss - best.loss)
        if lead < nearest and all(
            _gain(fit, moments, asked.counts, union, i, k) > rivals.limits.real
            for i, k in np.argwhere(union & ~signature)
        ):
            more = int((union & ~signature).sum())
            nearest, dearer, at = lead, lead + float(np.log(total)) * more, pair
    return nearest, dearer, at


def _swaps(n: int) -> list[tuple[int, ...]]:
    """The order itself, and those with two neighbours exchanged."""
    found = [tuple(range(n))]
    for k in range(n - 1):
        places = list(range(n))
        places[k], places[k + 1] = k + 1, k
        found.append(tuple(places))
    return found


def _gain(
    fit: GaussianFit,
    moments: np.ndarray,
    counts: np.ndarray,
    signature: np.ndarray,
    latent: int,
    environment: int,
) -> float:
    """Nats that a target gains, at the rows of a fit."""
    without = signature.copy()
    without[latent, environment] = False
    return float(counts.sum() * (loss_of(fit, moments, counts, without) - fit.loss))
