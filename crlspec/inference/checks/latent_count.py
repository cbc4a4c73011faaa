"""The number of latents, where it is left to the data: the linear dimensions of the observations, by a test.

The design is a second source: one environment a latent says that there are as many latents as environments. Where the
two contradict each other nothing is recovered.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from crlspec.data import Problem
from crlspec.errors import DataError
from crlspec.inference.estimate import Estimate
from crlspec.inference.thresholds import Thresholds
from crlspec.numerics.dimension import Dimension, count_components
from crlspec.numerics.linalg import ColumnSpace

__all__ = ["count_latents", "with_count"]

PER_LATENT = {"single-node": 1, "coupled": 2, "uncoupled": 2}
"""Environments for each latent, by design."""


def count_latents(problem: Problem, level: float = Thresholds.dimension) -> tuple[Problem, Dimension | None]:
    """The problem with its latents, ``z1`` …, counted, and the evidence; unchanged and None where they are known.

    Without noise on the observations the dimensions are those of rank; where there is some, assumed or not, those
    that stand out of it (``count_components``), and the setting is noisy from then on. Raises DataError where no
    number can be told, or one that contradicts the design.

    level  of the test of each dimension
    """
    if problem.latents:
        return problem, None
    found = _dimension(problem, level)
    size = len(problem.observed)
    if found.count == 0:
        raise DataError(f"the number of latents cannot be told: {found}", "Declare it, e.g. latents: 3.")
    if found.variance > 0 and found.count == size - 1:
        raise DataError(
            f"the number of latents cannot be told: all {size} dimensions of the observations are significant, "
            "so that nothing is left to tell noise by",
            "Declare the number of latents, or observe more variables.",
        )
    _refuse_contradiction(problem, found)
    latents = tuple(f"z{k + 1}" for k in range(found.count))
    noisy = problem.setting.noisy or found.variance > 0
    return replace(problem, setting=replace(problem.setting, latents=latents, noisy=noisy)), found


def with_count(estimate: Estimate, found: Dimension) -> Estimate:
    """The estimate, its status saying how many latents were counted and why; the test's edges beside the spectrum."""
    status = estimate.status
    text = f"{status.message}; the number of latents, {found.count}, was counted: {found}"
    edges = {"spectrum_edge": xr.DataArray(found.edges, dims=("component",))}
    tested = edges if np.isfinite(found.edges).any() else {}
    return replace(
        estimate, status=replace(status, message=text), diagnostics={**estimate.diagnostics, **tested}
    )


def _dimension(problem: Problem, level: float) -> Dimension:
    """By rank in units of each variable's own deviation; where there is no rank deficit, by tests in common units."""
    samples = list(problem.samples.values())
    count = sum(len(x) for x in samples)
    exact = count_components(ColumnSpace.fit(samples, 1).spectrum, count, level)
    if exact.variance == 0:
        return exact
    return count_components(ColumnSpace.fit(samples, 1, isotropic=True).spectrum, count, level)


def _refuse_contradiction(problem: Problem, found: Dimension) -> None:
    design, environments = problem.setting.design, len(problem.environments)
    each = PER_LATENT.get(design)
    text = f"{found}: {found.count} latents"
    if each is not None and environments != each * found.count:
        asked = "one environment" if each == 1 else "two environments"
        few = environments < each * found.count
        raise DataError(
            f"{text}; but the design ({design}) has {asked} for each latent, and there are {environments} "
            f"environments with interventions, which makes {environments / each:g} latents: the two contradict "
            "each other",
            "Add the environments of the other latents; if some dimensions are no latents but noise of unequal size "
            "or curvature, bring the variables to units of equal noise, or declare mixing: general."
            if few
            else "If several environments intervene on one latent, declare design: multi-node; if latents drown in "
            "noise, give more samples or variables.",
        )
    if design == "multi-node" and environments < found.count:
        raise DataError(
            f"{text}; but there are only {environments} environments with interventions, and a multi-node design "
            "asks for as many as latents, at least",
            "Add environments with other targets.",
        )
