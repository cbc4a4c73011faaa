"""Likelihood refinement of a score-based start under hard interventions: order, latents, graph.

Two ways with one face: the closed forms of the linear-Gaussian case, and the flexible likelihood otherwise. Both
take orders found from scores and return :class:`Step` steps, each a whole answer of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from crlspec.inference.check import Check
from crlspec.inference.likelihood.decided import Asked, Fits, decide, decide_flexible
from crlspec.inference.likelihood.gaussian import GaussianFit, Order, fit_orders, search_order
from crlspec.inference.likelihood.wald import wald_tests
from crlspec.inference.order.knowledge import GivenEdges
from crlspec.inference.order.peeling import Peeling
from crlspec.inference.power import Power, by_normal
from crlspec.inference.step import Step
from crlspec.inference.thresholds import LinearThresholds
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.linalg import augmented_moments
from crlspec.numerics.optimum import warn_unless_settled
from crlspec.progress import Progress

if TYPE_CHECKING:
    from crlspec.inference.checks.known import Statement
    from crlspec.inference.likelihood.order_search import Starts
    from crlspec.inference.likelihood.signature_rivals import Rivals

__all__ = ["likelihood_step", "refine_flexible", "refine_gaussian"]

DIRECTIONS = 2
"""Where no edge joins two latents both orders are right, and the likelihood takes the one that speaks for an edge:
p-values are multiplied by their number (Bonferroni)."""


def refine_gaussian(
    samples: Sequence[np.ndarray],
    order: tuple[int, ...],
    rows: np.ndarray,
    progress: Progress,
    signature: np.ndarray | None = None,
    asked: Asked | None = None,
    rivals: Rivals | None = None,
    free: tuple[Order, np.ndarray] | None = None,
    stated: Sequence[Statement] = (),
) -> list[Step]:
    """Joint maximum likelihood with an order search, then Wald tests, p-values doubled for the two directions.

    samples    (sample, component) of every environment, the observational first
    rows       (position, component) encoder rows to start from, for the order to start from
    signature  (latent, interventional environment) bool; None: one environment per latent
    asked      names and bounds of the checks of the answer; None: none are made
    rivals     bounds of other signatures, where this one was found in the data and they may explain them as well
    free       order and rows found without what is known (``asked.knowledge``), which is held against them
    stated     what is known beside the graph, tested already
    """
    progress("likelihood", 0.0)
    moments = np.stack([augmented_moments(y) for y in samples])
    counts = np.array([len(y) for y in samples], dtype=float) if asked is None else asked.counts
    return [likelihood_step(moments, counts, order, rows, signature, asked, rivals, free, stated)]


def likelihood_step(
    moments: np.ndarray,
    counts: np.ndarray,
    order: tuple[int, ...],
    rows: np.ndarray,
    signature: np.ndarray | None = None,
    asked: Asked | None = None,
    rivals: Rivals | None = None,
    free: tuple[Order, np.ndarray] | None = None,
    stated: Sequence[Statement] = (),
) -> Step:
    """The same from moments alone.

    moments  (environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ], the observational first
    counts   (environment,) samples
    """
    began = time.perf_counter()
    fitted: dict[tuple[Order, bytes], GaussianFit] = {}

    def fit(orders: Sequence[Order], starts: np.ndarray) -> list[GaussianFit]:
        keys = [(order, start.tobytes()) for order, start in zip(orders, starts, strict=True)]
        new = [k for k, key in enumerate(keys) if key not in fitted]
        found = fit_orders([orders[k] for k in new], starts[new], moments, counts, [signature] * len(new))
        fitted.update(zip([keys[k] for k in new], found, strict=True))
        return [fitted[key] for key in keys]

    known, margin = None if asked is None else asked.knowledge, 1e-2 / counts.sum()
    before = None if known is None else known.before
    best = search_order(fit([order], rows[None])[0], fit, margin, before=before)
    given = None if known is None else known.given(best.order)
    warn_unless_settled(
        best.settled, best.gradient, "The joint Gaussian likelihood of all environments",
        "Give more samples, or check that no observed variable nearly repeats another.",
    )  # fmt: skip
    tests = wald_tests(best, moments, counts, signature, None if given is None else given.absent)
    p_values = _either(tests.p_values, given)
    checks: tuple[Check, ...] = ()
    power = None
    if asked is not None:
        detectable = by_normal(tests.errors, asked.alpha / DIRECTIONS)
        if given is not None:
            detectable = np.where(given.ordered, by_normal(tests.errors, asked.alpha), detectable)
        power = Power(detectable, asked.thresholds.detectable)
        checks = decide(asked, Fits(best, fit, tests, moments, _table(signature, best)), p_values, power)
        if rivals is not None and signature is not None:
            from crlspec.inference.likelihood.signature_rivals import check_signature

            only = check_signature(best, moments, signature, asked, rivals)
            checks = (only, *checks) if only.consequence == "refuted" else (*checks, only)
        statements = list(stated)
        if known is not None:
            from crlspec.inference.likelihood.known_tests import gaussian_statements

            statements += gaussian_statements(
                known, best, best if free is None else fit([free[0]], free[1][None])[0], fit,
                lambda one: wald_tests(one, moments, counts, signature), float(counts.sum()), asked.alpha,
                asked.thresholds, margin,
            )  # fmt: skip
        if statements:
            from crlspec.inference.checks.known import check_known

            checks = (
                check_known(statements, asked.thresholds.known),
                *checks,
                *_unseen(asked, best.order, p_values),
            )
    note = "joint Gaussian maximum likelihood, Wald tests; "
    note += "order kept" if best.order == order else "order changed"
    seconds = time.perf_counter() - began
    return Step(
        "likelihood", best.order, best.rows if given is None else tests.rows, tests.strengths, p_values, seconds,
        note, settled=best.settled, checks=checks, power=power, errors=tests.errors, leftovers=tests.leftovers,
        given=given,
    )  # fmt: skip


def _unseen(asked: Asked, order: Order, p_values: np.ndarray) -> tuple[Check, ...]:
    from crlspec.inference.checks.known import check_unseen

    given = asked.given(order)
    names = [asked.latents[k] for k in order]
    return () if given is None else check_unseen(names, given, p_values, asked.alpha)


def _table(signature: np.ndarray | None, fit: GaussianFit) -> np.ndarray:
    """(latent, environment) bool, the observational environment first: who is targeted where."""
    rows = np.eye(len(fit.order), dtype=bool) if signature is None else np.asarray(signature, dtype=bool)
    return np.concatenate([np.zeros((len(rows), 1), dtype=bool), rows], 1)


def refine_flexible(
    samples: Sequence[np.ndarray],
    orders: Sequence[Peeling],
    starts: Starts,
    alpha: float,
    seed: int,
    progress: Progress,
    signature: np.ndarray | None = None,
    heteroscedastic: float = LinearThresholds.heteroscedastic_level,
    asked: Asked | None = None,
    context: TrainingContext = HERE,
) -> list[Step]:
    """Smooth mechanisms and mixture noise: nested latents over all predecessors, then graph and encoder in turn.

    p-values are those of :func:`absent_edge_tests`, each under the found graph without the edge, doubled for the two
    directions.

    samples    (sample, component) of every environment, the observational first
    signature  (latent, interventional environment) bool; None: one environment per latent
    heteroscedastic  level of the test whether noise has one size
    asked      names and bounds of the checks of the answer; None: none are made
    context    where networks are trained
    """
    import torch

    from crlspec.inference.checks.known import check_known
    from crlspec.inference.likelihood.edge_tests import detectable_shares
    from crlspec.inference.likelihood.fit import train
    from crlspec.inference.likelihood.graph_search import search_graph
    from crlspec.inference.likelihood.known_tests import smooth_statements
    from crlspec.inference.likelihood.order_search import order_by_likelihood
    from crlspec.numerics.sample import Sample

    began = time.perf_counter()
    targeted = np.eye(len(samples) - 1, dtype=bool) if signature is None else signature
    targeted = np.concatenate([np.zeros((len(targeted), 1), dtype=bool), targeted], 1)
    generator = torch.Generator().manual_seed(seed)
    training, held_out = (part.to(context.device) for part in Sample.split(samples, generator))
    generator = context.chance(generator)
    known = None if asked is None else asked.knowledge
    ordered = order_by_likelihood(
        [peeling.order for peeling in orders], starts, targeted, training, held_out, generator, progress,
        knowledge=known,
    )  # fmt: skip
    order, model, tried = ordered.order, ordered.model, ordered.tried
    train(model, training, held_out, generator, progress, steps=200, stage="likelihood")

    dense = model.rows()[0].detach().double().cpu().numpy()
    dense_seconds, began = time.perf_counter() - began, time.perf_counter()
    given = None if known is None else known.given(order)
    levels = _levels(alpha, len(order), given)
    found = search_graph(model, training, held_out, generator, levels, progress, heteroscedastic, given)
    seconds = time.perf_counter() - began
    kept = "kept" if order == orders[0].order else "changed"
    ended = (
        f"settled after {found.rounds} rounds" if found.settled else f"not settled in {found.rounds} rounds"
    )
    notes = (
        f"flexible likelihood over all predecessors; {tried} orders tried, order {kept}",
        f"graph and encoder in turn, {ended}",
    )
    first = Step(
        "likelihood", order, _unit(dense, samples), found.first.shares, _either(found.first.p_values), dense_seconds,
        notes[0], given=given,
    )  # fmt: skip
    p_values = _either(found.last.p_values, given)
    checks: tuple[Check, ...] = ()
    power = None
    if asked is not None:
        detectable = detectable_shares(len(order), len(training + held_out), alpha / DIRECTIONS)
        if given is not None:
            alone = detectable_shares(len(order), len(training + held_out), alpha)
            detectable = np.where(given.absent, 0.0, np.where(given.ordered, alone, detectable))
        power = Power(detectable, asked.thresholds.detectable_share)
        z = [y @ found.rows.T for y in samples]
        checks = decide_flexible(asked, order, ordered.rivals, p_values, found.settled, z, targeted, power)
        if known is not None:
            statements = smooth_statements(
                known, order, ordered.turned, found.last.shares, found.last.p_values, len(training + held_out),
                asked.alpha, asked.thresholds,
            )  # fmt: skip
            checks = (
                check_known(statements, asked.thresholds.known),
                *checks,
                *_unseen(asked, order, p_values),
            )
    last = Step(
        "graph", order, _unit(found.rows, samples), found.last.shares, p_values, seconds, notes[1],
        found.heteroscedasticity, found.settled, checks, power, given=given,
    )  # fmt: skip
    return [first, last]


def _either(p_values: np.ndarray, given: GivenEdges | None = None) -> np.ndarray:
    """p-values corrected for the two directions of every pair whose order is not known."""
    either = np.minimum(1.0, DIRECTIONS * p_values)
    return either if given is None else np.where(given.ordered, p_values, either)


def _levels(alpha: float, n: int, given: GivenEdges | None) -> np.ndarray:
    """(position, position): the level of the test of each pair, as :func:`_either` corrects p-values."""
    ordered = np.zeros((n, n), dtype=bool) if given is None else given.ordered
    return np.where(ordered, alpha, alpha / DIRECTIONS)


def _unit(rows: np.ndarray, samples: Sequence[np.ndarray]) -> np.ndarray:
    """Rows scaled to unit observational standard deviation."""
    return rows / (samples[0] @ rows.T).std(0)[:, None]
