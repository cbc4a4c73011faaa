"""The causal order where the signature is known and scores are exact: no marginal has to be looked at.

With the signature D known, D⁺ᵀ (d^e)_e are the score differences of single-node interventions. Exact ones are peeled
from the roots by their ranks, as in LSCALE-I. Peeling from the sinks would ask for the scores of marginals, which a
known joint density does not give in closed form.
"""

from __future__ import annotations

import numpy as np

from crlspec.inference.order.peeling import peel, rows_in_order
from crlspec.inference.order.signature import Peeled
from crlspec.scores.base import ScoreEstimate

__all__ = ["in_known_signature"]


def in_known_signature(estimate: ScoreEstimate, signature: np.ndarray) -> Peeled:
    """The order, roots first, with its rows, and the size of each latent's change in every environment.

    estimate   score differences of the environments, free of error
    signature  (latent, environment) bool, of full row rank

    Strengths are coefficients of the least-squares fit of the environments' score differences by those of single
    nodes: 1 where a latent is targeted and 0 elsewhere, if one changed mechanism holds wherever it is targeted.
    """
    single = estimate.combined(np.linalg.pinv(signature.T.astype(float)))
    best = peel(single.moments)[0]
    flat, changes = (one.values.reshape(len(one.values), -1) for one in (single, estimate))
    strengths = np.abs(np.linalg.solve(flat @ flat.T, flat @ changes.T))
    order = list(best.order)
    return Peeled(
        signature=signature[order],
        rows=rows_in_order(single.moments, best.order),
        strengths=strengths[order],
        shared=np.ones(len(order), dtype=bool),
        cost=best.cost,
    )
