"""What a signature costs under the joint likelihood of linear-Gaussian latents, and the targets that it can spare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crlspec.inference.likelihood.gaussian import fit_orders
from crlspec.inference.order.signature import Peeled
from crlspec.inference.order.sinks_gaussian import GaussianSinks

__all__ = ["joint_costs", "pruned"]


def pruned(peeled: Peeled, sinks: GaussianSinks) -> np.ndarray:
    """The signature (position, environment) less every target whose removal the joint likelihood, after the Bayesian
    information criterion, prefers, one after the other while rank is kept."""
    signature = peeled.signature.copy()
    best = joint_costs([peeled], sinks)[0]
    while True:
        fewer: dict[tuple[int, int], np.ndarray] = {}
        for i, k in np.argwhere(signature):
            less = signature.copy()
            less[i, k] = False
            if np.linalg.matrix_rank(less.astype(float)) == len(less):
                fewer[int(i), int(k)] = less
        tried = [replace(peeled, signature=less) for less in fewer.values()]
        costs = dict(zip(fewer, joint_costs(tried, sinks), strict=True))
        if not costs or min(costs.values()) >= best:
            return signature
        at = min(costs, key=lambda key: costs[key])
        signature[at], best = False, costs[at]


def joint_costs(tried: Sequence[Peeled], sinks: GaussianSinks) -> list[float]:
    """Negative log likelihood at each joint optimum and the Bayesian information criterion's price of a target."""
    if not tried:
        return []
    orders, rows = [tuple(range(len(one.rows))) for one in tried], np.stack([one.rows for one in tried])
    fits = fit_orders(orders, rows, sinks.moments, sinks.counts, [one.signature for one in tried])
    total = float(sinks.counts.sum())
    return [
        float(total * fit.loss + np.log(total) * one.signature.sum())
        for fit, one in zip(fits, tried, strict=True)
    ]
