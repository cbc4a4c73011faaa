"""Noise against the claims of an estimate: noise on x that is told, or what principal components carry with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crlspec.data import Problem
from crlspec.data.prepare import Components
from crlspec.inference.check import Check
from crlspec.inference.checks.observation_noise import check_without_noise, noise_on_latents
from crlspec.inference.estimate import Estimate
from crlspec.numerics.threads import one_thread

if TYPE_CHECKING:
    from crlspec.inference.base import Estimator

__all__ = ["noise_checks"]


def noise_checks(
    estimate: Estimate, problem: Problem, components: Components | None, estimator: Estimator
) -> tuple[Check, ...]:
    """The check ``components`` where there are components, ``noise`` where noise on x was told and edges can be
    sought without it. Nothing where a check of the estimate says already that the noise is too much.

    estimate  in terms of the components
    """
    alpha, thresholds = getattr(estimator, "alpha", None), estimator.thresholds
    told = noise_on_latents(estimate)
    if components is None:
        noise = told
    else:
        from crlspec.inference.checks.components import check_components, noise_in_latents

        noise = noise_in_latents(estimate, problem, components)
    if noise is None:
        return ()
    from crlspec.inference.likelihood.without_noise import without_noise

    with one_thread():
        without = None if alpha is None else without_noise(estimate, problem, noise, alpha, thresholds)
    if components is not None:
        return (check_components(estimate, problem, noise, without, thresholds),)
    share = float(estimate.diagnostics["noise_share"].max())
    if without is None or share > thresholds.noise_share:
        return ()
    return (check_without_noise(without, share, thresholds.noise_share),)
