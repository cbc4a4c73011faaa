"""Whether soft interventions on a latent put one and the same mechanism in its place, in all environments.

Varıcı, Acartürk, Shanmugam & Tajer (NeurIPS 2024) assume it of multi-node interventions. Without it another
assignment of targets may explain the data, and nothing tells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crlspec.inference.check import Check

__all__ = ["check_one_mechanism"]


def check_one_mechanism(
    signature: np.ndarray, shared: np.ndarray, latents: Sequence[str], environments: Sequence[str]
) -> Check:
    """The check ``one-mechanism``.

    signature  (latent, environment) bool: who is targeted where
    shared     (latent,) bool: whether one mechanism explains all environments that target it
    """
    places = np.flatnonzero((signature.sum(1) > 1) & ~shared)
    if not len(places):
        text = "Every latent changes in the same way in all environments that target it."
        return Check("one-mechanism", "passed", 0, 0, text)
    latent = latents[places[0]]
    one, other = (environments[k] for k in np.flatnonzero(signature[places[0]])[:2])
    return Check(
        "one-mechanism", "undecided", len(places), 0,
        f"Latent '{latent}' does not change in the same way in environments '{one}' and '{other}'. The theorem asks "
        "for one new mechanism of each latent. Targets, latents and graph may be wrong.",
        "Make the same change wherever a latent is targeted, or give each latent an environment of its own "
        "(design: single-node).",
        (one, other), (latent,),
    )  # fmt: skip
