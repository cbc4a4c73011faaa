"""Score differences pulled back to recovered latents: which latents the score changes along, free of the noise of
scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crlspec.inference.check import Check, listed
from crlspec.maps.maps import Network
from crlspec.scores.base import ScoreEstimate

__all__ = ["check_scattered", "first_rows", "mean_squares", "pulled_back", "scattered"]

STEP = 1e-4
"""Of the central differences, in standard deviations of a latent."""


def first_rows(between: ScoreEstimate) -> np.ndarray:
    """(latent, component): for each latent the one direction along which the score changes most between its two
    environments. Behind a linear mixing it is the latent.

    Samples count by the size of their score change, not by its square, which few in the tails would decide.
    """
    parts = between.values[None] if between.replicates is None else between.replicates
    first, second = parts[0], parts[-1]
    size = np.sqrt(np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1))
    weighted = first / np.maximum(size, np.finfo(float).tiny)[..., None]
    moments = np.einsum("isc,isk->ick", weighted, second)
    return np.stack([np.linalg.eigh(moment + moment.T)[1][:, -1] for moment in moments])


def pulled_back(decoder: Network, z: np.ndarray, differences: np.ndarray) -> np.ndarray:
    """J(z)ᵀ d, the Jacobian J of the decoder by central differences: (…, sample, latent).

    z            (sample, latent)
    differences  (…, sample, component) d at the same samples
    """
    found = np.empty((*differences.shape[:-1], z.shape[1]))
    for j, size in enumerate(z.std(axis=0)):
        step = STEP * size * np.eye(z.shape[1])[j]
        slope = (decoder(z + step) - decoder(z - step)) / (2 * STEP * size)
        found[..., j] = np.einsum("...sc,sc->...s", differences, slope)
    return found


def mean_squares(decoder: Network, z: np.ndarray, scores: ScoreEstimate) -> np.ndarray:
    """(environment, latent): mean squared score difference along each latent, in its standard deviations.

    Products of two fits that share no sample, where there are two: a latent along which nothing changes has 0, up to
    sampling error of either sign.
    """
    parts = scores.values[None] if scores.replicates is None else scores.replicates
    pulled = pulled_back(decoder, z, parts) * z.std(axis=0)
    return np.asarray((pulled[0] * pulled[-1]).mean(axis=-2))


def scattered(squares: np.ndarray) -> np.ndarray:
    """(latent,): the share of the score change between the two environments of a latent that falls on other latents.

    squares  (latent, latent) as :func:`mean_squares` gives them, the environments being the pairs
    """
    seen = np.maximum(squares, 0)
    total = seen.sum(axis=1)
    return np.asarray(1 - np.divide(np.diagonal(seen), total, out=np.zeros_like(total), where=total > 0))


def check_scattered(shares: np.ndarray, latents: Sequence[str], bound: float) -> Check:
    """The check ``scattered``: between the two environments of a latent the score should change along it alone."""
    worst = float(shares.max())
    wide = tuple(name for name, share in zip(latents, shares, strict=True) if share > bound)
    if not wide:
        text = (
            "Between the two environments of every latent the score changes along that latent "
            f"({1 - worst:.0%} of it in the worst)."
        )
        return Check("scattered", "passed", worst, bound, text)
    return Check(
        "scattered", "undecided", worst, bound,
        f"Between the two environments of {listed(wide)} up to {worst:.0%} of the score change falls on other "
        f"latents, {bound:.0%} is allowed. Latents are mixed, or scores are too noisy to tell.",
        "Give more samples, more steps, or a larger code; or use loss: structured-ratio, which needs no scores.",
        latents=wide,
    )  # fmt: skip
