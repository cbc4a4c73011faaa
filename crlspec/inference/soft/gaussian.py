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
import torch
from scipy import stats
from torch import Tensor

from crlspec.inference.checks.fitted import soft_fit
from crlspec.inference.edges.scores import UNCALIBRATED, are_calibrated, score_edges
from crlspec.inference.likelihood import decided
from crlspec.inference.order.peeling import image_rows, peel, rows_in_order
from crlspec.inference.order.reversals import moved
from crlspec.inference.power import Power
from crlspec.inference.soft.decided import GaussianClosure, check_absences
from crlspec.inference.soft.power import detectable_changes
from crlspec.inference.step import Step
from crlspec.inference.thresholds import LinearThresholds
from crlspec.numerics.linalg import augmented_moments
from crlspec.numerics.optimum import minimised, relative_gradient, warn_unless_settled
from crlspec.scores.base import Coordinates, ScoreEstimate
from crlspec.scores.gaussian import GaussianFacts

__all__ = ["closure_by_likelihood", "closure_by_scores"]

ALL_ORDERS_UP_TO = 5
"""Latents up to which every order is fitted."""

FAR = 1e3
"""Mean negative log likelihood that stands for rows without one."""


def closure_by_scores(estimate: ScoreEstimate) -> Step:
    """Stages L1 and L2: the leading direction of each R^m, and a test of each component of each d^m."""
    began = time.perf_counter()
    best = peel(estimate.moments)[0]
    rows = image_rows(estimate.moments)[list(best.order)]

    def rows_of(facts: GaussianFacts) -> np.ndarray:
        return image_rows(facts.moments)[list(best.order)]

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
    starts: Callable[[tuple[int, ...]], np.ndarray] | None = None,
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
    samples = coordinates.all
    moments = torch.as_tensor(np.stack([augmented_moments(y) for y in samples]))
    counts = torch.tensor([len(y) for y in samples], dtype=torch.float64)
    n = len(first.order)
    grouped = torch.as_tensor(_own_and_others(n) if groups is None else groups)

    gradients: dict[tuple[int, ...], float] = {}

    def begun(orders: Sequence[tuple[int, ...]]) -> tuple[Tensor, Tensor]:
        rows = [rows_in_order(estimate.moments, o) if starts is None else starts(o) for o in orders]
        return grouped[torch.tensor(orders)], torch.as_tensor(np.stack(rows))

    def losses(orders: Sequence[tuple[int, ...]]) -> np.ndarray:
        found, left = _fit(*begun(orders), moments, counts)
        gradients.update(zip(orders, left.tolist(), strict=True))
        return found

    if n <= ALL_ORDERS_UP_TO:
        table = dict(zip(orders := list(itertools.permutations(range(n))), losses(orders), strict=True))
    else:
        table = _around_the_best(first.order, losses)
    best = min(table, key=lambda order: table[order])
    ratios, rivals = np.zeros((n, n)), {}
    for i, j in zip(*np.tril_indices(n, -1), strict=True):
        before, after = best[j], best[i]
        reversed_ones = [order for order in table if order.index(after) < order.index(before)]
        rival = rivals[i, j] = min(reversed_ones, key=lambda order: table[order])
        ratios[i, j] = 2 * float(counts.sum()) * (table[rival] - table[best])
    p_values = np.where(np.tri(n, k=-1) > 0, stats.chi2.sf(np.maximum(ratios, 0), 1), 1.0)
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
    compared = list(dict.fromkeys((best, *claimed.values())))
    chosen, begin = begun(compared)
    rows, settled = _rows(chosen, begin, moments, counts)
    warn_unless_settled(
        settled, max(gradients[order] for order in compared),
        "The likelihood of a causal order under soft interventions", "Give more samples, or stronger interventions.",
    )  # fmt: skip
    fits = dict(zip(compared, zip(rows, chosen.numpy(), strict=True), strict=True))
    closure = GaussianClosure(
        (coordinates.reference, *coordinates.environments),
        moments.numpy(),
        counts.numpy() if effective is None else effective,
        fits[best],
        {(latents[best[j]], latents[best[i]]): fits[order] for (i, j), order in claimed.items()},
        settled,
        thresholds,
    )

    def fitted(orders: list[tuple[int, ...]], given: np.ndarray) -> np.ndarray:
        return _fit(*begun(orders), torch.as_tensor(given), counts)[0]

    absent = {(int(i), int(j)): order for (i, j), order in rivals.items() if not found[i, j]}
    fit = soft_fit(fits[best][0], closure.moments, closure.counts, fits[best][1])
    power = Power(detectable_changes(fit, absent, closure.counts, fitted, alpha), thresholds.detectable)
    names = [latents[k] for k in best]
    seconds = time.perf_counter() - began
    return Step(
        "likelihood", best, by_latent[list(best)], strengths, p_values, seconds, note,
        settled=settled, checks=(*closure.checks(), check_absences(power, names, found), decided.settled(settled)),
        power=power,
    )  # fmt: skip


def _rows(groups: Tensor, starts: Tensor, moments: Tensor, counts: Tensor) -> tuple[np.ndarray, bool]:
    """Fitted rows (order, position, component) of a few orders, and whether all of them stand still.

    Each goes on alone where together they do not come to an end.
    """
    n = starts.shape[1]
    upper, eye = starts.new_ones(n, n).triu(1), torch.eye(n, dtype=starts.dtype, device=starts.device)
    changes = starts.new_zeros(len(starts), n, n)
    _, _, changes, spent = _fit_together(groups, starts, changes, moments, counts)
    if spent:
        parts = [slice(k, k + 1) for k in range(len(starts))]
        alone = [_fit_together(groups[k], starts[k], changes[k], moments, counts) for k in parts]
        changes, spent = torch.cat([found[2] for found in alone]), any(found[3] for found in alone)
    return ((eye + changes * upper) @ starts).numpy(), not spent


def _around_the_best(
    start: tuple[int, ...], losses: Callable[[Sequence[tuple[int, ...]]], np.ndarray]
) -> dict[tuple[int, ...], float]:
    """Swap neighbours while that helps; then every pair reversed by moving one past the other."""
    table = {start: float(losses([start])[0])}
    best = start
    for _ in range(4 * len(start)):
        near = [moved(best, k, k + 1) for k in range(len(best) - 1)]
        fresh = [order for order in near if order not in table]
        if fresh:
            table.update(zip(fresh, map(float, losses(fresh)), strict=True))
        winner = min(near, key=lambda order: table[order])
        if table[winner] >= table[best] - 1e-10:
            break
        best = winner
    pairs = [(a, b) for a in range(len(best)) for b in range(a + 1, len(best))]
    wanted = {moved(best, a, b) for a, b in pairs} | {moved(best, b, a) for a, b in pairs}
    fresh = [order for order in sorted(wanted) if order not in table]
    if fresh:
        table.update(zip(fresh, map(float, losses(fresh)), strict=True))
    return table


def _own_and_others(n: int) -> np.ndarray:
    """The groups (latent, group, environment) of single-node interventions: all other environments, its own."""
    own = np.concatenate([np.zeros((n, 1), dtype=bool), np.eye(n, dtype=bool)], 1)
    return np.stack([~own, own], 1)


def _fit(groups: Tensor, starts: Tensor, moments: Tensor, counts: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Lowest mean negative log likelihood of each order, up to a constant, and the relative gradient there; 0 where
    the optimiser says that it is at an optimum.

    All orders are one smooth problem; where that does not converge, which one ill-conditioned order is enough for,
    each goes on alone.

    groups  (order, position, group, environment) bool; starts (order, position, component)
    moments of every environment, or (order, environment, …) where each order is fitted to its own
    """
    changes = starts.new_zeros(len(starts), starts.shape[1], starts.shape[1])
    losses, gradients, changes, spent = _fit_together(groups, starts, changes, moments, counts)
    if spent:
        for k in range(len(starts)):
            one = slice(k, k + 1)
            own = moments[one] if moments.ndim == 4 else moments
            alone, gradient, _, _ = _fit_together(groups[one], starts[one], changes[one], own, counts)
            losses[k], gradients[k] = min(losses[k], alone[0]), gradient[0]
    return losses, gradients


def _fit_together(
    groups: Tensor, starts: Tensor, changes: Tensor, moments: Tensor, counts: Tensor
) -> tuple[np.ndarray, np.ndarray, Tensor, bool]:
    """Losses and relative gradients (order,), relative changes of the rows (order, position, position), and whether
    iterations ran out before these stood still.

    Only what changes the nesting of the rows is free; every regression, changed or not, is profiled out.
    """
    candidates, n = starts.shape[:2]
    upper = starts.new_ones(n, n).triu(1)
    position = torch.arange(n, device=starts.device)[:, None]
    eye, one = (torch.eye(size, dtype=starts.dtype, device=starts.device) for size in (n, n + 1))
    counted = groups * counts
    sizes = counted.sum(-1)
    shares = counted / sizes.clamp(min=1)[..., None]
    empty = (sizes == 0)[..., None, None] * one
    total = counts.sum()

    def profile(change: Tensor) -> Tensor:
        rows = (eye + change * upper) @ starts
        lost = degenerate(rows.detach())
        if lost.any():
            values = likelihood(torch.where(lost[:, None, None], eye, rows))
            return torch.where(lost, torch.full_like(values, FAR), values)
        return likelihood(rows)

    def degenerate(rows: Tensor) -> Tensor:
        """(order,) bool: rows so close to dependent that they have no likelihood in this precision."""
        return torch.linalg.cond(rows / rows.norm(dim=-1, keepdim=True)) > 1e6

    def likelihood(rows: Tensor) -> Tensor:
        extended = starts.new_zeros(candidates, n + 1, n + 1)
        extended[:, 0, 0], extended[:, 1:, 1:] = 1, rows
        second = extended[:, None] @ moments @ extended[:, None].transpose(-1, -2)
        pooled = torch.einsum("cpge,ceij->cpgij", shares, second) + empty
        factors = torch.linalg.cholesky(pooled)
        logs = factors.diagonal(dim1=-2, dim2=-1)[
            :, position, torch.arange(groups.shape[2], device=groups.device), position + 1
        ].log()
        return (sizes * logs).sum((1, 2)) / total - torch.linalg.slogdet(rows)[1]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        change = starts.new_tensor(flat.reshape(candidates, n, n)).requires_grad_(True)
        loss = 1e3 * profile(change).sum()
        (gradient,) = torch.autograd.grad(loss, change)
        return float(loss.detach()), gradient.cpu().numpy().ravel()

    found = minimised(
        objective,
        changes.cpu().numpy().ravel(),
        options={"maxiter": 500, "maxcor": 30, "ftol": 1e-16, "gtol": 1e-9, "maxls": 50},
    )
    changes = starts.new_tensor(found.x.reshape(candidates, n, n))
    with torch.no_grad():
        losses = profile(changes).cpu().numpy()
    gradients, slopes = np.zeros(candidates), objective(found.x)[1].reshape(candidates, -1)
    if not found.settled:
        for k, change in enumerate(found.x.reshape(candidates, -1)):
            gradients[k] = relative_gradient(slopes[k], change, 1e3 * losses[k])
    return losses, gradients, changes, found.spent
