"""Principal components in place of variables: how much of a latent is noise that the components carry with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crlspec.data import Problem
from crlspec.data.prepare import Components
from crlspec.inference.check import Check
from crlspec.inference.estimate import Estimate
from crlspec.inference.thresholds import Thresholds
from crlspec.maps.maps import encoded

if TYPE_CHECKING:
    from crlspec.inference.likelihood.without_noise import WithoutNoise

__all__ = ["check_components", "noise_in_latents"]

REMEDY = (
    "Observe more variables of the same latents, measure them with less noise, or leave out variables that no latent "
    "moves."
)


def noise_in_latents(estimate: Estimate, problem: Problem, components: Components) -> np.ndarray:
    """(latent, latent) covariance of the noise that components carry into latents.

    What lies outside of the components is taken for noise of the variables, of which each dimension within holds as
    much. A latent takes it up by its best linear stand-in in the observational environment.

    estimate  in terms of the components
    """
    x = np.asarray(problem.samples[problem.observational])
    z = encoded(estimate.encoder, x)
    slopes, *_ = np.linalg.lstsq(x - x.mean(axis=0), z - z.mean(axis=0), rcond=None)
    weights = slopes.T @ components.directions
    return np.asarray((weights * components.noise) @ weights.T)


def check_components(
    estimate: Estimate,
    problem: Problem,
    noise: np.ndarray,
    without: WithoutNoise | None,
    thresholds: Thresholds,
) -> Check:
    """Undecided where noise makes too large a share of a latent, or where without it the edges, or their order, would
    not be the same: as many components as latents leave no dimension in which an estimator would see it.

    noise    (latent, latent) its covariance
    without  what the same estimator says without it; None where that is not known. The bound is then 1/√N of all
             rows together: up to there noise moves the test of an edge by no more than a standard error, about
    """
    variances = encoded(estimate.encoder, problem.samples[problem.observational]).var(axis=0)
    shares = np.diagonal(noise) / np.where(variances > 0, variances, 1.0)
    worst = int(shares.argmax())
    figure, name = float(shares[worst]), estimate.latents[worst]
    bound = thresholds.noise_share
    if without is None:
        bound = thresholds.most_noise(sum(problem.size(one) for one in problem.samples))
    text = f"What lies outside of the components is noise that would make {figure:.2g} of the variance of '{name}'"
    if figure > bound:
        return Check(
            "components", "undecided", figure, bound,
            f"{text}. More than {bound:.2g} is too much to rely on edges or on the separation of the latents.",
            REMEDY, (), (name,),
        )  # fmt: skip
    if without is None:
        return Check("components", "passed", figure, bound, f"{text}, or less.", None, (), (name,))
    if without.objection is not None:
        said, latents = without.objection
        return Check(
            "components", "undecided", figure, bound, f"{text}. Without this noise {said}",
            REMEDY, (), tuple(dict.fromkeys((name, *latents))),
        )  # fmt: skip
    return Check(
        "components", "passed", figure, bound,
        f"{text}, or less. Without this noise the edges are the same.", None, (), (name,),
    )  # fmt: skip
