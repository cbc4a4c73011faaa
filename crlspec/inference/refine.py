"""Likelihood refinement of a score-based start under hard interventions: order, latents, graph.

Two ways with one face: the closed forms of the linear-Gaussian case, and the flexible likelihood otherwise. Both
take orders found from scores and return :class:`Refined` steps, each a whole answer of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from crlspec.inference.edges import LeaveOneOut, leave_one_out
from crlspec.inference.flexible_likelihood import FlexibleLikelihood, Sample, train
from crlspec.inference.gaussian_likelihood import GaussianFit, fit_order, search_order, wald_tests
from crlspec.inference.peeling import Peeling
from crlspec.inference.refined import Refined
from crlspec.numerics.linalg import augmented_moments
from crlspec.progress import Progress

__all__ = ["Starts", "refine_flexible", "refine_gaussian"]

Starts = Callable[[tuple[int, ...]], np.ndarray]
"""Encoder rows (position, component) to start from, for an order."""


def refine_gaussian(
    samples: Sequence[np.ndarray],
    orders: Sequence[Peeling],
    starts: Starts,
    progress: Progress,
    signature: np.ndarray | None = None,
) -> list[Refined]:
    """Joint maximum likelihood with an order search from every start, then Wald tests.

    Where no edge joins two latents both orders are right, and the likelihood chooses the one under which an edge
    looks likelier: p-values are doubled for the two directions (Bonferroni).

    samples    (sample, component) of every environment, the observational first
    signature  (latent, interventional environment) bool; None: one environment per latent
    """
    began = time.perf_counter()
    progress("likelihood", 0.0)
    moments = np.stack([augmented_moments(y) for y in samples])
    counts = np.array([len(y) for y in samples], dtype=float)

    def fit(order: tuple[int, ...]) -> GaussianFit:
        return fit_order(order, starts(order), moments, counts, signature)

    fits = [fit(peeling.order) for peeling in orders]
    best = search_order(min(fits, key=lambda found: found.loss), fit)
    strengths, p_values = wald_tests(best, moments, counts, signature)
    p_values = np.minimum(1.0, 2 * p_values)
    note = "joint Gaussian maximum likelihood, Wald tests; " + (
        "order kept" if best.order == orders[0].order else "order changed"
    )
    seconds = time.perf_counter() - began
    return [Refined("likelihood", best.order, best.rows, strengths, p_values, seconds, note)]


def refine_flexible(
    samples: Sequence[np.ndarray],
    orders: Sequence[Peeling],
    starts: Starts,
    alpha: float,
    seed: int,
    progress: Progress,
    signature: np.ndarray | None = None,
) -> list[Refined]:
    """Smooth mechanisms and mixture noise: nested latents, the graph by refitting, then the tests of edges.

    samples    (sample, component) of every environment, the observational first
    signature  (latent, interventional environment) bool; None: one environment per latent
    """
    began = time.perf_counter()
    targeted = np.eye(len(samples) - 1, dtype=bool) if signature is None else signature
    targeted = np.concatenate([np.zeros((len(targeted), 1), dtype=bool), targeted], 1)
    generator = torch.Generator().manual_seed(seed)
    training, held_out = Sample.split(samples, generator)
    order, model = _order_by_likelihood(orders, starts, targeted, training, held_out, generator, progress)
    train(model, training, held_out, generator, progress, steps=500, stage="likelihood")
    rows = _unit(model.rows()[0].detach().double().numpy(), samples)
    targets = targeted[list(order)]
    first = leave_one_out([y @ rows.T for y in samples], targets, seed, progress, steps=160)
    dense_seconds = time.perf_counter() - began
    kept = "kept" if order == orders[0].order else "changed"
    note = f"flexible likelihood over all predecessors; {len(orders)} orders tried, order {kept}"
    steps = [Refined("likelihood", order, rows, first.gains, first.p_values, dense_seconds, note)]

    began = time.perf_counter()
    graph = _without_remainders(model, first, training, held_out, generator, alpha, progress)
    final = model.given(torch.as_tensor(graph)[None], generator)
    train(final, training, held_out, generator, progress, steps=250, rate=2e-3, warm_up=0, stage="graph")
    rows = _unit(final.rows()[0].detach().double().numpy(), samples)
    steps.append(
        Refined(
            "graph", order, rows, first.gains, np.where(graph, first.p_values, 1.0), time.perf_counter() - began,
            "edges that a remainder of mixing explains are dropped",
        )
    )  # fmt: skip

    began = time.perf_counter()
    last = leave_one_out(
        [y @ rows.T for y in samples], targets, seed + 1, progress, keep_linear=~graph, steps=160
    )
    linear = final.missing_edge_p_values(training)
    p_values = np.where(graph, last.p_values, np.minimum(1.0, 2 * np.minimum(last.p_values, linear)))
    seconds = time.perf_counter() - began
    steps.append(Refined("edges", order, rows, last.gains, p_values, seconds, "leave one covariate out"))
    return steps


def _nested(
    orders: Sequence[tuple[int, ...]],
    starts: Starts,
    targeted: np.ndarray,
    training: Sample,
    generator: torch.Generator,
) -> FlexibleLikelihood:
    rows = torch.stack([torch.as_tensor(starts(order), dtype=torch.float32) for order in orders])
    rows = rows / (training.y @ rows.transpose(1, 2)).std(1)[:, :, None]
    return FlexibleLikelihood(rows, torch.as_tensor(targeted)[torch.tensor(orders)], generator)


def _order_by_likelihood(
    orders: Sequence[Peeling],
    starts: Starts,
    targeted: np.ndarray,
    training: Sample,
    held_out: Sample,
    generator: torch.Generator,
    progress: Progress,
) -> tuple[tuple[int, ...], FlexibleLikelihood]:
    """The order of lowest held-out loss after a short fit of each, and its model so far."""
    tried = [peeling.order for peeling in orders]
    model = _nested(tried, starts, targeted, training, generator)
    losses = train(model, training, held_out, generator, progress, steps=200, warm_up=50, stage="order")
    best = int(losses.mean(1).argmin())
    return tried[best], model.chosen(best, generator)


def _without_remainders(
    model: FlexibleLikelihood,
    tests: LeaveOneOut,
    training: Sample,
    held_out: Sample,
    generator: torch.Generator,
    alpha: float,
    progress: Progress,
    most: int = 4,
) -> np.ndarray:
    """The graph (position, position) less the edges whose removal costs no held-out likelihood once H follows.

    A few per cent of leftover mixing make real dependence between latents that have no edge. Under a graph without
    the edge the encoder can undo it at no cost; a true edge is missed.
    """
    graph = (tests.p_values < alpha) & (tests.gains > 0.02)
    doubtful = sorted((tests.gains[i, j], i, j) for i, j in np.argwhere(graph) if tests.gains[i, j] < 0.25)
    doubtful = doubtful[:most]
    if not doubtful:
        return graph
    candidates = np.stack([graph] * (len(doubtful) + 1))
    for k, (_, i, j) in enumerate(doubtful):
        candidates[k + 1, i, j] = False
    fitted = model.given(torch.as_tensor(candidates), generator)
    losses = train(
        fitted, training, held_out, generator, progress, steps=150, rate=2e-3, warm_up=0, stage="graph"
    )
    for k, (_, i, j) in enumerate(doubtful):
        lost = (losses[k + 1] - losses[0]).double()
        error = lost.std() / len(lost) ** 0.5
        graph[i, j] = bool(lost.mean() > 2.33 * error)
    return graph


def _unit(rows: np.ndarray, samples: Sequence[np.ndarray]) -> np.ndarray:
    """Rows scaled to unit observational standard deviation."""
    return rows / (samples[0] @ rows.T).std(0)[:, None]
