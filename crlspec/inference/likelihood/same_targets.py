"""May two environments have the same targets? Then a signature that looks as if it had full rank has not.

With concealed targets a model whose signature lacks rank can be one with a signature of full rank, other latents and
another graph: both have the same likelihood. So every pair of environments is given the union of their targets, and
the fit is compared.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from crlspec.inference.check import Check, listed
from crlspec.inference.likelihood.decided import Asked
from crlspec.inference.likelihood.gaussian import GaussianFit, fit_order, loss_of

__all__ = ["check_signature"]

CLEAR = 3.0
"""Nats by which the signature found must fit better than one without full rank: odds of twenty to one."""
REAL = 5.0
"""Nats that each further target must gain, for it to be one."""
ROUGH = 1e-9
"""Relative tolerance of these fits."""


def check_signature(best: GaussianFit, moments: np.ndarray, signature: np.ndarray, asked: Asked) -> Check:
    """The check ``signature``: whether some signature without full rank explains the data as well.

    best       the fit of the signature that was found
    moments    (environment, 1 + component, 1 + component) E[(1, y)(1, y)ᵀ], the observational first
    signature  (latent, interventional environment) bool
    """
    total = float(asked.counts.sum())
    nearest: tuple[float, int, int] | None = None
    for e, f in combinations(range(signature.shape[1]), 2):
        union = signature.copy()
        union[:, e] = union[:, f] = signature[:, e] | signature[:, f]
        if np.linalg.matrix_rank(union.astype(float)) == len(signature):
            continue
        fit = fit_order(best.order, best.rows, moments, asked.counts, union, ROUGH)
        lead = total * (fit.loss - best.loss)
        if nearest is not None and lead >= nearest[0]:
            continue
        if all(
            _gain(fit, moments, asked.counts, union, i, k) > REAL for i, k in np.argwhere(union & ~signature)
        ):
            nearest = (lead, e, f)
    names = asked.environments[1:]
    if nearest is None or nearest[0] > CLEAR:
        lead = float("inf") if nearest is None else nearest[0]
        return Check(
            "signature", "passed", lead, CLEAR, "No signature without full rank explains the data as well."
        )
    lead, e, f = nearest
    pair = (names[e], names[f])
    return Check(
        "signature", "undecided", lead, CLEAR,
        f"Environments {listed(pair)} may have the same targets: that explains the data as well. The signature then "
        "lacks full rank, and latents and graph are others.",
        f"Give an environment with other targets, or say the targets; or leave out '{pair[1]}'.", pair,
    )  # fmt: skip


def _gain(
    fit: GaussianFit,
    moments: np.ndarray,
    counts: np.ndarray,
    signature: np.ndarray,
    latent: int,
    environment: int,
) -> float:
    """Nats that a target gains, at the rows of a fit."""
    without = signature.copy()
    without[latent, environment] = False
    return float(counts.sum() * (loss_of(fit, moments, counts, without) - fit.loss))
