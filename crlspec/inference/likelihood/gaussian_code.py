"""Linear-Gaussian latents from a code of them: any invertible linear map of the latents, found by whatever means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crlspec.inference.likelihood.refine import refine_gaussian
from crlspec.inference.order.signature import peel_targets
from crlspec.inference.order.sinks_gaussian import GaussianSinks
from crlspec.inference.step import Step
from crlspec.progress import Progress
from crlspec.scores.base import Coordinates

__all__ = ["Unmixed", "unmix_code"]


@dataclass(frozen=True)
class Unmixed:
    """What undoes the linear map, z = rows (code − offset), and what it says of the graph.

    rows  (latent, code), latents by the environment that intervenes on them, of unit observational deviation
    step  order, strengths and p-values by causal position
    """

    rows: np.ndarray
    offset: np.ndarray
    step: Step

    def __call__(self, code: np.ndarray) -> np.ndarray:
        """(sample, code) → (sample, latent)."""
        return np.asarray((code - self.offset) @ self.rows.T)


def unmix_code(samples: Sequence[np.ndarray], progress: Progress) -> Unmixed:
    """The order by peeling sinks, then the joint Gaussian likelihood and Wald tests, as in LSCALE-I.

    samples  (sample, code) of every environment, the observational first, then that of each latent
    """
    names = tuple(f"e{k}" for k in range(1, len(samples)))
    coordinates = Coordinates.fit(dict(zip(("obs", *names), samples, strict=True)), "obs", names, len(names))
    order, start = peel_targets(GaussianSinks.of(coordinates.all, hard=True), len(names))
    (step,) = refine_gaussian(coordinates.all, order, start, progress)
    rows = np.empty_like(step.rows)
    rows[list(step.order)] = step.rows
    rows = rows / (coordinates.observational @ rows.T).std(0)[:, None]
    return Unmixed(rows @ coordinates.space.whitener, samples[0].mean(0), step)
