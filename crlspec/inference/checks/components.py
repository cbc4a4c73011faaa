"""Principal components in place of variables: how much of a latent is noise that the components carry with them."""

from __future__ import annotations

import numpy as np

from crlspec.data import Problem
from crlspec.data.prepare import Components
from crlspec.inference.check import Check
from crlspec.inference.estimate import Estimate
from crlspec.inference.thresholds import Thresholds

__all__ = ["check_components"]


def check_components(
    estimate: Estimate, problem: Problem, components: Components | None, thresholds: Thresholds
) -> tuple[Check, ...]:
    """Undecided where noise makes too large a share of a latent: as many components as latents leave no dimension in
    which an estimator would see it. Nothing where there are no components.

    What lies outside of the components is taken for noise of the variables, of which each dimension within holds as
    much. A latent takes it up by its best linear stand-in. The bound is 1/√N of the smallest
    environment, and 5 % at most: within five per cent some latents passed every other check with an edge too many.

    estimate  in terms of the components
    """
    if components is None:
        return ()
    x = problem.samples[problem.observational]
    z = estimate.encoder(x)
    slopes, *_ = np.linalg.lstsq(x - x.mean(axis=0), z - z.mean(axis=0), rcond=None)
    weights = slopes.T @ components.directions
    variances = z.var(axis=0)
    shares = np.square(weights) @ components.noise / np.where(variances > 0, variances, 1.0)
    worst = int(shares.argmax())
    figure, name = float(shares[worst]), estimate.latents[worst]
    bound = thresholds.most_noise(min(problem.size(one) for one in problem.samples))
    text = f"What lies outside of the components is noise that would make {figure:.2g} of the variance of '{name}'"
    if figure <= bound:
        return (Check("components", "passed", figure, bound, f"{text}, or less.", None, (), (name,)),)
    found = Check(
        "components", "undecided", figure, bound,
        f"{text}. More than {bound:.2g} is too much to rely on edges or on the separation of the latents.",
        "Observe more variables of the same latents, measure them with less noise, or leave out variables that no "
        "latent moves.",
        (), (name,),
    )  # fmt: skip
    return (found,)
