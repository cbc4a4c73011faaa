"""Soft interventions on several latents of any kind at once: order and transitive closure by held-out likelihood.

Targets share environments, so that little is left invariant by design; but a mechanism of everything before it, one
unchanged and one changed, fits all environments under a right order and under no other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import ndtr, ndtri

from crlspec.inference.checks.invariance import check_shared
from crlspec.inference.likelihood.fit import train
from crlspec.inference.likelihood.order_search import Starts, nested, order_by_likelihood
from crlspec.inference.order.reversals import Order, closure_by_reversals
from crlspec.inference.soft.decided import check_by_errors, claimed
from crlspec.inference.soft.shared_test import shared
from crlspec.inference.step import Step
from crlspec.inference.thresholds import UmniThresholds
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.sample import Sample
from crlspec.progress import Progress

__all__ = ["closure_by_orders"]

HELD_OUT = 0.3
"""Share of the samples that orders are compared on."""
REPEATS = 2
"""Fits of each order: their spread is what training leaves to chance."""


def closure_by_orders(
    samples: Sequence[np.ndarray],
    orders: Sequence[Order],
    starts: Starts,
    first: Step,
    latents: Sequence[str],
    alpha: float,
    thresholds: UmniThresholds,
    seed: int,
    progress: Progress,
    signature: np.ndarray,
    context: TrainingContext = HERE,
) -> Step:
    """Search the order, then ask of every pair whether the reversed order predicts held-out samples worse.

    The encoder stays that of the scores. p-values are one-sided, of the mean difference of the log likelihood of
    held-out samples (Vuong, Econometrica 1989), its variance that of the samples and that between repeated fits. The
    checks of the step ask for more: that environments share the mechanisms that the signature says they share, and
    that all claimed pairs together are clear of reversal.

    latents     their names, for the checks
    thresholds  bounds of the checks
    samples     (sample, component) of every environment, the observational first
    signature   (latent, interventional environment) bool
    context     where networks are trained
    """
    began = time.perf_counter()
    targeted = np.concatenate([np.zeros((len(signature), 1), dtype=bool), signature], 1)
    generator = torch.Generator().manual_seed(seed)
    training, held_out = (part.to(context.device) for part in Sample.split(samples, generator, HELD_OUT))
    generator = context.chance(generator)
    ordered = order_by_likelihood(
        orders, starts, targeted, training, held_out, generator, progress, soft=True
    )
    best, tried = ordered.order, ordered.tried

    def losses(orders: Sequence[Order]) -> np.ndarray:
        """(order, repeat, held-out sample)."""
        model = nested(
            [o for o in orders for _ in range(REPEATS)], starts, targeted, training, generator, True
        )
        found = train(model, training, held_out, generator, progress, steps=350, warm_up=50, stage="closure")
        return found.double().cpu().numpy().reshape(len(orders), REPEATS, -1)

    def ask(asked: Sequence[tuple[Order, int]]) -> list[tuple[float, float]]:
        if not asked:
            return []
        found = losses([best, *(order for order, _ in asked)])
        by_chance = found.mean(2).var(1, ddof=1).mean() * 2 / REPEATS
        differences = (found[1:] - found[0]).mean(1)
        sizes = differences.mean(1)
        errors = np.sqrt(differences.var(1) / differences.shape[1] + by_chance)
        return list(zip(np.maximum(sizes, 0.0), ndtr(-sizes / errors), strict=True))

    sizes, p_values = closure_by_reversals(best, ask, alpha)
    by_latent = np.empty_like(first.rows)
    by_latent[list(first.order)] = first.rows
    kept = "kept" if best == first.order else "changed"
    note = f"held-out likelihood of causal orders; {tried} orders tried, order {kept}"
    found = claimed(best, p_values, alpha, latents)
    errors = {pair: -float(ndtri(max(p, 1e-300))) for pair, p in found.items()}
    fit = shared(ordered.model, training + held_out)
    checks = (
        check_shared(fit.overall, fit.freedom, thresholds),
        check_by_errors(errors, thresholds.held_out),
    )
    seconds, rows = time.perf_counter() - began, by_latent[list(best)]
    return Step("orders", best, rows, np.sqrt(sizes), p_values, seconds, note, checks=checks)
