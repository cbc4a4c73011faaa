"""Soft interventions on latents of any kind: order and transitive closure by the invariance of what comes before.

j is no ancestor of i exactly where some causal order puts i first, and then the mechanism of i may not change in the
environment of j, nor that of j in the environment of i. Each order is fitted by the likelihood with a changed
mechanism in every environment, and judged by :func:`crlspec.inference.soft.invariance_test.invariance`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy.special import chdtrc

from crlspec.inference.checks.invariance import check_invariance
from crlspec.inference.likelihood.fit import train
from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.order.peeling import peel, rows_in_order
from crlspec.inference.order.reversals import Order, closure_by_reversals, moved
from crlspec.inference.soft.decided import check_by_chance, claimed
from crlspec.inference.soft.invariance_test import FREEDOM, Invariance, invariance
from crlspec.inference.step import Step
from crlspec.inference.thresholds import LscaleThresholds
from crlspec.numerics.checkpoints import HERE, TrainingContext
from crlspec.numerics.sample import Sample
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates, ScoreEstimate

__all__ = ["closure_by_invariance"]

Judge = Callable[[Sequence[Order]], None]
"""Fits the orders that are new, as one batch, into the table of answers."""


def closure_by_invariance(
    coordinates: Coordinates,
    estimate: ScoreEstimate,
    first: Step,
    latents: Sequence[str],
    alpha: float,
    thresholds: LscaleThresholds,
    seed: int,
    progress: Progress,
    context: TrainingContext = HERE,
) -> Step:
    """Search the order, then ask of every pair whether the reversed order stands too.

    The encoder stays that of the scores: it mixes with ancestors alone, nested coordinates with all before them.
    Where a mechanism of the two changes in the other's environment even under the order that puts i first, j is an
    ancestor of i.
    A χ² is taken in units of what the best order has over its degrees of freedom, where that is above one (as in
    the genomic control of Devlin & Roeder, Biometrics 1999): the networks leave some unexplained. What they may leave
    is bounded: beyond it the model is wrong, and p-values in units of its misfit say nothing. The checks of the step
    say whether that is so, whether the best order stands by itself, and every claimed pair clear of reversal.

    latents     their names, for the checks
    thresholds  bounds of the checks
    context     where networks are trained
    """
    began = time.perf_counter()
    generator = torch.Generator().manual_seed(seed)
    training, held_out = (part.to(context.device) for part in Sample.split(coordinates.all, generator))
    generator = context.chance(generator)
    everything = training + held_out
    table: dict[Order, Invariance] = {}

    def judge(orders: Sequence[Order]) -> None:
        fresh = [order for order in dict.fromkeys(orders) if order not in table]
        if not fresh:
            return
        rows = np.stack([rows_in_order(estimate.moments, order) for order in fresh])
        start = torch.as_tensor(rows, dtype=training.y.dtype, device=training.y.device)
        start = start / (training.y @ start.transpose(1, 2)).std(1)[:, :, None]
        model = FlexibleLikelihood(
            start, torch.tensor(fresh, device=start.device) + 1, generator, soft=True, width=32
        )
        train(model, training, held_out, generator, progress, steps=150, warm_up=30, stage="invariance")
        for k, order in enumerate(fresh):
            table[order] = invariance(model.chosen(k, generator), everything)

    best = _search(table, judge, [peeling.order for peeling in peel(estimate.moments, most=3)], alpha)
    excess = max(1.0, table[best].overall)

    def ask(asked: Sequence[tuple[Order, int]]) -> list[tuple[float, float]]:
        judge([order for order, _ in asked])
        found = [float(table[order].statistics[ahead, ahead + 1]) for order, ahead in asked]
        return [(max(f - FREEDOM, 0.0), float(chdtrc(FREEDOM, f / excess))) for f in found]

    changes, p_values = closure_by_reversals(best, ask, alpha)
    strengths = np.sqrt(changes / len(everything))
    by_latent = np.empty_like(first.rows)
    by_latent[list(first.order)] = first.rows
    kept = "kept" if best == first.order else "changed"
    note = f"invariance of what comes before: {len(table)} orders fitted, order {kept}; "
    note += f"χ² of the best over its degrees of freedom {table[best].overall:.2f}"
    own = chdtrc(FREEDOM, table[best].statistics[np.triu_indices(len(best), 1)] / excess)
    contradicted = min(1.0, own.size * float(own.min(initial=1.0)))
    checks = (
        check_invariance(table[best].overall, table[best].freedom, thresholds),
        check_by_chance(claimed(best, p_values, alpha, latents), contradicted, thresholds.reach),
    )
    seconds, rows = time.perf_counter() - began, by_latent[list(best)]
    return Step("invariance", best, rows, strengths, p_values, seconds, note, checks=checks)


def _search(table: dict[Order, Invariance], judge: Judge, starts: Sequence[Order], alpha: float) -> Order:
    """From the best of the starts on, move latents forward past those that their environments change, while it helps.

    Where no such move helps and moments still disagree, neighbours are swapped.
    """
    judge(starts)
    best = min(table, key=lambda order: table[order].overall)
    n = len(best)
    for _ in range(2 * n):
        found = table[best].statistics
        changed = chdtrc(FREEDOM, found) < alpha
        pairs = [(found[i, j], i, j) for i in range(n) for j in range(i + 1, n) if changed[i, j]]
        moves = [
            moved(best, j, k) for _, i, j in sorted(pairs, reverse=True)[:2] for k in (i, (i + j + 1) // 2)
        ]
        for orders in (moves, [moved(best, k, k + 1) for k in range(n - 1)] if pairs else []):
            judge(orders)
            winner = min(table, key=lambda order: table[order].overall)
            if winner != best:
                break
        else:
            break
        best = winner
    return best
