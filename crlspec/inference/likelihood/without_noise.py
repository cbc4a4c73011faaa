"""Which edges are found again once noise of a known size is taken out of linear-Gaussian latents.

Noise on a latent lets through what the latent would hold back: behind z1 → z2 → z3 a noisy z2 leaves z1 and z3
dependent, which looks like an edge z1 → z3. It adds the same covariance in every environment, so that the joint
likelihood of covariances less that of the noise is free of it (Fuller, "Measurement Error Models", 1987, §1.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlspec.data import Problem
from crlspec.inference.check import Check, chance
from crlspec.inference.estimate import Edge, Estimate, LinearEncoder
from crlspec.inference.likelihood.decided import Asked
from crlspec.inference.likelihood.refine import likelihood_step
from crlspec.inference.order.knowledge import Knowledge
from crlspec.inference.thresholds import LinearThresholds, Thresholds
from crlspec.maps.maps import encoded
from crlspec.numerics.linalg import augmented_moments

__all__ = ["WithoutNoise", "without_noise"]


@dataclass(frozen=True)
class WithoutNoise:
    """What the same likelihood says without the noise.

    lost   the edges that are not found again, with their p-values there
    order  the check of the order, made there; None where the order was not decided with the noise either
    """

    lost: tuple[Edge, ...]
    order: Check | None

    @property
    def objection(self) -> tuple[str, tuple[str, ...]] | None:
        """What is otherwise without the noise, in words that follow on "without this noise", and the latents that it
        names; None where nothing is."""
        if self.lost:
            edge = max(self.lost, key=lambda one: one.p_value)
            return (
                f"the edge '{edge.source}' → '{edge.target}' is not seen ({chance(edge.p_value)}).",
                edge.pair,
            )
        if self.order is not None and self.order.objects:
            return f"the order is not decided. {self.order.message}", self.order.latents
        return None


def without_noise(
    estimate: Estimate, problem: Problem, noise: np.ndarray, alpha: float, thresholds: Thresholds
) -> WithoutNoise | None:
    """Fit again with covariances of the latents less that of their noise.

    noise  (latent, latent) its covariance, the same in every environment
    alpha  level of the tests of edges

    Returns None where edges do not come from the joint likelihood of linear-Gaussian latents under hard
    interventions.
    """
    last = estimate.stages[-1].name if estimate.stages else ""
    gaussian = (
        last == "likelihood" and estimate.graph == "exact" and "strength_errors" in estimate.diagnostics
    )
    if not gaussian or not isinstance(thresholds, LinearThresholds):
        return None
    if not isinstance(estimate.encoder, LinearEncoder):
        return None
    environments = (problem.observational, *problem.environments)
    samples = [encoded(estimate.encoder, problem.samples[name]) for name in environments]
    moments = np.stack([augmented_moments(z) for z in samples])
    moments[:, 1:, 1:] -= noise
    means = moments[:, 0, 1:]
    covariances = moments[:, 1:, 1:] - means[:, :, None] * means[:, None, :]
    if np.linalg.eigvalsh(covariances).min() <= 0:
        return WithoutNoise(tuple(Edge(*edge.pair, edge.strength, 1.0) for edge in estimate.edges), None)
    counts = np.array([problem.size(name) for name in environments], dtype=float)
    known = Knowledge.of(problem) if estimate.latents == problem.latents else None
    asked = Asked(estimate.latents, environments, counts, alpha, thresholds, known)
    order = tuple(estimate.latents.index(name) for name in estimate.order)
    step = likelihood_step(
        moments, counts, order, np.eye(len(order))[list(order)], _signature(estimate, problem), asked
    )
    names = [estimate.latents[k] for k in step.order]
    found = {(names[j], names[i]) for i, j in np.argwhere(step.found(alpha))}
    at = {name: k for k, name in enumerate(names)}
    lost = tuple(
        Edge(*edge.pair, edge.strength, float(step.p_values[at[edge.target], at[edge.source]]))
        for edge in estimate.edges
        if edge.pair not in found
    )
    open_before = any(check.name == "order" and check.objects for check in estimate.checks)
    return WithoutNoise(
        lost, None if open_before else next(check for check in step.checks if check.name == "order")
    )


def _signature(estimate: Estimate, problem: Problem) -> np.ndarray:
    """(latent, interventional environment) bool: who is targeted where."""
    found = estimate.diagnostics.get("signature")
    if found is not None:
        labelled = found.sel(latent=list(estimate.latents), environment=list(problem.environments))
        return np.asarray(labelled.transpose("latent", "environment").values, dtype=bool)
    shown = [estimate.environment_of[name] for name in estimate.latents]
    return np.array([[name == one for name in problem.environments] for one in shown])
