"""The soft variants of LSCALE-I: latents up to mixing with ancestors, and the transitive closure of the graph.

A soft intervention changes a mechanism and keeps its parents, so that no environment makes a latent independent of
them. The paper's stages L1 and L2 read the closure off the score differences (Varıcı et al., JMLR 2025). For
linear-Gaussian latents the joint likelihood says more: j is an ancestor of i exactly where every causal order that
puts i first is less likely.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import chdtrc

from crlspec.inference.checks.fitted import soft_fit
from crlspec.inference.edges.scores import UNCALIBRATED, are_calibrated, score_edges
from crlspec.inference.likelihood import decided
from crlspec.inference.order.peeling import image_rows, peel, rows_in_order
from crlspec.inference.order.reversals import moved
from crlspec.inference.power import Power
from crlspec.inference.soft.decided import GaussianClosure, check_absences
from crlspec.inference.soft.fit import Order, OrderFit, fit_soft, mended
from crlspec.inference.soft.power import detectable_changes
from crlspec.inference.step import Step
from crlspec.inference.thresholds import LinearThresholds
from crlspec.numerics.linalg import augmented_moments
from crlspec.numerics.optimum import warn_unless_settled
from crlspec.scores.base import Coordinates, ScoreEstimate
from crlspec.scores.gaussian import GaussianFacts

__all__ = ["closure_by_likelihood", "closure_by_scores"]

ALL_ORDERS_UP_TO = 5
"""Latents up to which every order is fitted."""


def closure_by_scores(estimate: ScoreEstimate) -> Step:
    """Stages L1 and L2: the leading direction of each R^m, and a test of each component of each d^m."""
    began = time.perf_counter()
    best = peel(estimate.moments)[0]
    rows = image_rows(estimate.moments)[list(best.order)]

    def rows_of(facts: GaussianFacts) -> np.ndarray:
        return image_rows(facts.moments)[..., list(best.order), :]

    strengths, p_values = score_edges(rows, estimate, best.order, rows_of=rows_of)
    seconds = time.perf_counter() - began
    note = best.note + UNCALIBRATED * (not are_calibrated(estimate))
    return Step("scores", best.order, rows, strengths, p_values, seconds, note)


def closure_by_likelihood(
    coordinates: Coordinates,
    estimate: ScoreEstimate,
    first: Step,
    latents: Sequence[str],
    alpha: float,
    thresholds: LinearThresholds,
    groups: np.ndarray | None = None,
    starts: Callable[[Order], np.ndarray] | None = None,
    effective: np.ndarray | None = None,
) -> Step:
    """Likelihood ratios between causal orders, all of them up to six latents, else those around the best one.

    The encoder stays that of the scores: under soft interventions the likelihood knows nested spaces alone. The
    checks of the step say how well the best order fits, and how far it is ahead of those that reverse a claimed pair.

    latents their names, for the checks
    alpha   level below which a pair is claimed
    thresholds  bounds of the checks
    groups  (latent, group, environment) bool, the observational environment first: the environments in which a
            latent follows one and the same mechanism; None: its own environment, and all others
    starts  encoder rows (position, component) to start from, for an order; None: those of the score differences
    effective  (environment,) samples that the rows are worth, where they depend on each other; None: all of them
    """
    began = time.perf_counter()
    moments = np.stack([augmented_moments(y) for y in coordinates.all])
    counts = np.array([len(y) for y in coordinates.all], dtype=float)
    n = len(first.order)
    grouped = _own_and_others(n) if groups is None else groups
    fits: dict[Order, OrderFit] = {}

    def losses(orders: Sequence[Order]) -> list[float]:
        rows = [rows_in_order(estimate.moments, o) if starts is None else starts(o) for o in orders]
        found = fit_soft(grouped[np.array(orders)], np.stack(rows), moments, counts)
        fits.update(zip(orders, found, strict=True))
        return [fit.loss for fit in found]

    if n <= ALL_ORDERS_UP_TO:
        losses(list(itertools.permutations(range(n))))
    else:
        _around_the_best(first.order, losses)
    fits = mended(fits, grouped, moments, counts)
    table = {order: fit.loss for order, fit in fits.items()}
    best = min(table, key=lambda order: table[order])
    ratios, rivals = np.zeros((n, n)), {}
    for i, j in zip(*np.tril_indices(n, -1), strict=True):
        before, after = best[j], best[i]
        reversed_ones = [order for order in table if order.index(after) < order.index(before)]
        rival = rivals[i, j] = min(reversed_ones, key=lambda order: table[order])
        ratios[i, j] = 2 * float(counts.sum()) * (table[rival] - table[best])
    p_values = np.where(np.tri(n, k=-1) > 0, chdtrc(1, np.maximum(ratios, 0)), 1.0)
    strengths = np.sqrt(np.maximum(ratios, 0) / float(counts.sum()))
    by_latent = np.empty_like(first.rows)
    by_latent[list(first.order)] = first.rows
    note = "likelihood ratios between causal orders; " + (
        "order kept" if best == first.order else "order changed"
    )
    found = np.tril(p_values < alpha, -1)
    through = (
        found.astype(int) @ found.astype(int)
    ) > 0  # to reverse such a pair reverses one on its way too
    claimed = {pair: order for pair, order in rivals.items() if found[pair] and not through[pair]}
    compared = [fits[order] for order in dict.fromkeys((best, *claimed.values()))]
    settled = all(fit.settled for fit in compared)
    warn_unless_settled(
        settled, max(fit.gradient for fit in compared),
        "The likelihood of a causal order under soft interventions", "Give more samples, or stronger interventions.",
    )  # fmt: skip

    def model(order: Order) -> tuple[np.ndarray, np.ndarray]:
        return fits[order].rows, grouped[list(order)]

    closure = GaussianClosure(
        (coordinates.reference, *coordinates.environments),
        moments,
        counts if effective is None else effective,
        model(best),
        {(latents[best[j]], latents[best[i]]): model(order) for (i, j), order in claimed.items()},
        settled,
        thresholds,
    )

    def fitted(orders: list[Order], given: np.ndarray) -> np.ndarray:
        rows = np.stack([fits[order].rows for order in orders])
        return np.array([fit.loss for fit in fit_soft(grouped[np.array(orders)], rows, given, counts)])

    own = closure.checks()
    # Where the order is not decided, or the model does not fit, nothing is claimed absent: no power is asked for.
    open_ones = {} if any(check.objects for check in own) else rivals
    absent = {(int(i), int(j)): order for (i, j), order in open_ones.items() if not found[i, j]}
    fit = soft_fit(closure.best[0], moments, closure.counts, closure.best[1])
    power = Power(detectable_changes(fit, absent, closure.counts, fitted, alpha), thresholds.detectable)
    names = [latents[k] for k in best]
    seconds = time.perf_counter() - began
    return Step(
        "likelihood", best, by_latent[list(best)], strengths, p_values, seconds, note,
        settled=settled, checks=(*own, check_absences(power, names, found), decided.settled(settled)),
        power=power,
    )  # fmt: skip


def _around_the_best(start: Order, losses: Callable[[Sequence[Order]], list[float]]) -> None:
    """Swap neighbours while that helps; then every pair reversed by moving one past the other."""
    table = {start: losses([start])[0]}
    best = start
    for _ in range(4 * len(start)):
        near = [moved(best, k, k + 1) for k in range(len(best) - 1)]
        fresh = [order for order in near if order not in table]
        if fresh:
            table.update(zip(fresh, losses(fresh), strict=True))
        winner = min(near, key=lambda order: table[order])
        if table[winner] >= table[best] - 1e-10:
            break
        best = winner
    pairs = [(a, b) for a in range(len(best)) for b in range(a + 1, len(best))]
    wanted = {moved(best, a, b) for a, b in pairs} | {moved(best, b, a) for a, b in pairs}
    fresh = [order for order in sorted(wanted) if order not in table]
    if fresh:
        losses(fresh)


def _own_and_others(n: int) -> np.ndarray:
    """The groups (latent, group, environment) of single-node interventions: all other environments, its own."""
    own = np.concatenate([np.zeros((n, 1), dtype=bool), np.eye(n, dtype=bool)], 1)
    return np.stack([~own, own], 1)
