"""The soft variants of LSCALE-I: latents up to mixing with ancestors, and the transitive closure of the graph.

A soft intervention changes a mechanism and keeps its parents, so that no environment makes a latent independent of
them. The paper's stages L1 and L2 read the closure off the score differences (Varıcı et al., JMLR 2025). For
linear-Gaussian latents the joint likelihood says more: j is an ancestor of i exactly where every causal order that
puts i first is less likely.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import chdtrc

from crlspec.inference.checks.fitted import soft_fit
from crlspec.inference.checks.known import Statement, check_known, check_unseen, precedence
from crlspec.inference.edges.scores import UNCALIBRATED, are_calibrated, score_edges
from crlspec.inference.likelihood import decided
from crlspec.inference.likelihood.known_tests import kept_pair, with_pair
from crlspec.inference.order.knowledge import Knowledge
from crlspec.inference.order.peeling import image_rows, peel, rows_in_order
from crlspec.inference.order.peeling_changes import image_rows_changes
from crlspec.inference.order.reversals import moved
from crlspec.inference.power import Power
from crlspec.inference.soft.decided import GaussianClosure, check_absences
from crlspec.inference.soft.fit import Order, OrderFit, fit_soft, mended
from crlspec.inference.soft.power import detectable_changes
from crlspec.inference.step import Step, found_edges
from crlspec.inference.thresholds import LinearThresholds
from crlspec.numerics.linalg import augmented_moments
from crlspec.numerics.optimum import warn_unless_settled
from crlspec.scores.base import Coordinates, ScoreEstimate
from crlspec.scores.gaussian_changes import AnyChanges

__all__ = ["closure_by_likelihood", "closure_by_scores"]

ALL_KNOWN = "What is known already leaves no order that reverses an ancestral pair."

ALL_ORDERS_UP_TO = 5
"""Latents up to which every order is fitted."""


def closure_by_scores(estimate: ScoreEstimate) -> Step:
    """Stages L1 and L2: the leading direction of each R^m, and a test of each component of each d^m."""
    began = time.perf_counter()
    best = peel(estimate.moments)[0]
    rows = image_rows(estimate.moments)[list(best.order)]

    def changes_of(changes: AnyChanges) -> np.ndarray:
        return image_rows_changes(estimate.moments, changes.moments)[:, list(best.order)]

    strengths, p_values = score_edges(rows, estimate, best.order, changes_of=changes_of)
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
    knowledge: Knowledge | None = None,
    stated: Sequence[Statement] = (),
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
    effective (environment,) samples that the rows are worth, where they depend on each other; None: all of them
    knowledge what is known of the order already: the best one keeps it, and so do those that reverse a pair, where
            any does. Known edges are in the closure, and each statement is tested
    stated  what is known beside the graph, tested already
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

    _searched(first.order, fits, losses, knowledge)
    fits = mended(fits, grouped, moments, counts)
    table = {order: fit.loss for order, fit in fits.items()}
    kept = [order for order in table if knowledge is None or knowledge.allows(order)]
    best = min(kept, key=lambda order: table[order])
    given = None if knowledge is None else knowledge.given(best, closure=True)
    rivals, ratios = _rivals(best, kept, table), np.zeros((n, n))
    for pair, rival in rivals.items():
        ratios[pair] = 2 * float(counts.sum()) * (table[rival] - table[best])
    p_values = np.where(np.tri(n, k=-1) > 0, chdtrc(1, np.maximum(ratios, 0)), 1.0)
    strengths = np.sqrt(np.maximum(ratios, 0) / float(counts.sum()))
    by_latent = np.empty_like(first.rows)
    by_latent[list(first.order)] = first.rows
    note = "likelihood ratios between causal orders; " + (
        "order kept" if best == first.order else "order changed"
    )
    found = found_edges(p_values, alpha, given)
    through = (
        found.astype(int) @ found.astype(int)
    ) > 0  # to reverse such a pair reverses one on its way too
    ordered = np.zeros((n, n), dtype=bool) if given is None else given.ordered
    asked = found & ~through & ~ordered
    claimed = {pair: order for pair, order in rivals.items() if asked[pair]}
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
    if knowledge is not None:
        statements = [*stated, *_statements(knowledge, table, float(counts.sum()))]
        own = (check_known(statements, thresholds.known), *own)
        if found.any() and not claimed:
            own = tuple(replace(c, message=ALL_KNOWN) if c.name == "order" else c for c in own)
    # Where the order is not decided, or the model does not fit, nothing is claimed absent: no power is asked for.
    open_ones = {} if any(check.objects for check in own) else rivals
    absent = {(int(i), int(j)): order for (i, j), order in open_ones.items() if not found[i, j]}
    fit = soft_fit(closure.best[0], moments, closure.counts, closure.best[1])
    power = Power(detectable_changes(fit, absent, closure.counts, fitted, alpha), thresholds.detectable)
    names = [latents[k] for k in best]
    unseen = () if given is None else check_unseen(names, given, p_values, alpha)
    seconds = time.perf_counter() - began
    return Step(
        "likelihood", best, by_latent[list(best)], strengths, p_values, seconds, note,
        settled=settled, checks=(*own, check_absences(power, names, found), decided.settled(settled), *unseen),
        power=power, given=given,
    )  # fmt: skip


def _searched(
    start: Order,
    fits: Mapping[Order, OrderFit],
    losses: Callable[[Sequence[Order]], list[float]],
    knowledge: Knowledge | None,
) -> None:
    """Fit all orders of few latents; of many those around the best one, with what is known and without."""
    if len(start) <= ALL_ORDERS_UP_TO:
        losses(list(itertools.permutations(range(len(start)))))
        return
    _around_the_best(start, losses)
    if knowledge is not None:
        _around_the_best(knowledge.repaired(start), losses, knowledge.before)
        _around_broken(knowledge, fits, losses)


def _rivals(best: Order, kept: Sequence[Order], table: Mapping[Order, float]) -> dict[tuple[int, int], Order]:
    """(i, j) positions, j before i → the best order with i first: of those ``kept`` if any has, else of all."""
    found = {}
    for i, j in zip(*np.tril_indices(len(best), -1), strict=True):

        def turned(order: Order, last: int = best[j], first: int = best[i]) -> bool:
            return order.index(first) < order.index(last)

        turning = list(filter(turned, kept)) or list(filter(turned, table))
        found[int(i), int(j)] = min(turning, key=lambda order: table[order])
    return found


def _statements(knowledge: Knowledge, table: Mapping[Order, float], samples: float) -> list[Statement]:
    """Each pair whose order is known, held by itself against the best order of all.

    table    order → mean negative log likelihood
    samples  of all environments
    """
    statements = []
    for first, second in knowledge.pairs:
        kept = min(loss for order, loss in table.items() if order.index(first) < order.index(second))
        gain = samples * (kept - min(table.values()))
        statements.append(precedence(knowledge, first, second, float(np.exp(-gain)), f"{gain:.1f} nats"))
    return statements


def _around_broken(
    knowledge: Knowledge,
    fits: Mapping[Order, OrderFit],
    losses: Callable[[Sequence[Order]], list[float]],
) -> None:
    """Look around the best order of all for those that keep each known pair that it breaks."""
    whole = min(fits, key=lambda order: fits[order].loss)
    for first, second in knowledge.pairs:
        if whole.index(second) < whole.index(first):
            before = kept_pair(len(whole), first, second)
            for order in with_pair(whole, first, second):
                _around_the_best(order, losses, before)


def _around_the_best(
    start: Order, losses: Callable[[Sequence[Order]], list[float]], before: np.ndarray | None = None
) -> None:
    """Swap neighbours while that helps; then every pair reversed by moving one past the other.

    before  (latent, latent) bool: pairs whose order is known, i before j, which no swap turns
    """
    table = {start: losses([start])[0]}
    best = start
    for _ in range(4 * len(start)):
        beside = enumerate(itertools.pairwise(best))
        near = [moved(best, k, k + 1) for k, pair in beside if before is None or not before[pair]]
        fresh = [order for order in near if order not in table]
        if fresh:
            table.update(zip(fresh, losses(fresh), strict=True))
        winner = min(near, key=lambda order: table[order], default=best)
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
