"""The causal order of flexible latents by held-out likelihood: move one latent or two until nothing gains.

Score differences are noisy, and peeling them may take a latent before its cause. With every predecessor as an input
the likelihood depends on the order alone and falls under a wrong one, so short fits rank orders, and longer ones
decide between the best of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from crlspec.inference.likelihood.fit import train
from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.order.knowledge import Knowledge
from crlspec.inference.order.reversals import moved
from crlspec.numerics.sample import Sample
from crlspec.progress import Progress

__all__ = ["Ordered", "Starts", "nested", "order_by_likelihood"]

Starts = Callable[[tuple[int, ...]], np.ndarray]
"""Encoder rows (position, component) to start from, for an order."""

FINALISTS = 3
"""Orders that get a longer fit."""


@dataclass(frozen=True)
class Ordered:
    """What a search of orders found.

    order   of lowest held-out loss
    model   its fit so far
    tried   how many orders were fitted
    rivals  the next orders → by how many standard errors of the held-out losses they fit worse (Vuong 1989)
    turned  pair whose order is known → the same of the best order that reverses it
    """

    order: tuple[int, ...]
    model: FlexibleLikelihood
    tried: int
    rivals: Mapping[tuple[int, ...], float]
    turned: Mapping[tuple[int, int], float] = field(default_factory=dict)


def order_by_likelihood(
    orders: Sequence[tuple[int, ...]],
    starts: Starts,
    targeted: np.ndarray,
    training: Sample,
    held_out: Sample,
    generator: torch.Generator,
    progress: Progress,
    soft: bool = False,
    knowledge: Knowledge | None = None,
) -> Ordered:
    """The order of lowest held-out loss, and the orders that came near it.

    orders    where to begin: the best of them is followed
    targeted  (latent, environment) bool, the observational environment first
    soft      interventions keep the inputs of the mechanisms they change
    knowledge what is known of the order: no other is searched, but every known pair is reversed once, to test it
    """
    losses: dict[tuple[int, ...], float] = {}
    fresh = list(dict.fromkeys(orders))
    while fresh:
        before = min(losses.values(), default=np.inf)
        model = nested(fresh, starts, targeted, training, generator, soft)
        found = train(
            model, training, held_out, generator, progress,
            steps=100, warm_up=50, stage="order", polish=0,
        ).mean(1)  # fmt: skip
        losses.update(zip(fresh, found.tolist(), strict=True))
        best = min(losses, key=lambda order: losses[order])
        fresh = [order for order in _near(best) if order not in losses] if losses[best] < before else []
        fresh = [order for order in fresh if knowledge is None or knowledge.allows(order)]
    finalists = sorted(losses, key=lambda order: losses[order])[:FINALISTS]
    turned = {} if knowledge is None else _turned(finalists[0], knowledge)
    several = len(finalists)
    finalists += [order for order in dict.fromkeys(turned.values()) if order not in finalists]
    model = nested(finalists, starts, targeted, training, generator, soft)
    found = train(model, training, held_out, generator, progress, steps=200, warm_up=50, stage="order")
    chosen = int(found[:several].mean(1).argmin())
    worse = {}
    for k, order in enumerate(finalists):
        if k != chosen:
            gaps = (found[k] - found[chosen]).double()
            worse[order] = float(gaps.mean() / (gaps.std() / len(gaps) ** 0.5).clamp(min=1e-300))
    rivals = {order: worse[order] for order in finalists[:several] if order in worse}
    against = {pair: worse[order] for pair, order in turned.items()}
    return Ordered(finalists[chosen], model.chosen(chosen, generator), len(losses), rivals, against)


def _turned(order: tuple[int, ...], knowledge: Knowledge) -> dict[tuple[int, int], tuple[int, ...]]:
    """Known pair → the order with the second one moved right before the first."""
    return {pair: moved(order, order.index(pair[1]), order.index(pair[0])) for pair in knowledge.pairs}


def _near(order: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Orders with one latent moved by one place or by two."""
    places = range(len(order))
    near = [moved(order, k, k + step) for k in places for step in (-2, -1, 1, 2) if k + step in places]
    return list(dict.fromkeys(near))


def nested(
    orders: Sequence[tuple[int, ...]],
    starts: Starts,
    targeted: np.ndarray,
    training: Sample,
    generator: torch.Generator,
    soft: bool,
) -> FlexibleLikelihood:
    """A candidate an order, every predecessor an input; rows start at unit standard deviation."""
    rows = torch.stack(
        [torch.as_tensor(starts(order), dtype=training.y.dtype, device=training.y.device) for order in orders]
    )
    rows = rows / (training.y @ rows.transpose(1, 2)).std(1)[:, :, None]
    targets = torch.as_tensor(targeted[np.array(orders)], device=rows.device)
    return FlexibleLikelihood(rows, targets, generator, soft=soft, width=32)
