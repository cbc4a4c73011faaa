"""The number of latents, where it is left to the data: the linear dimensions of the observations, by a test.

The design is a second source: one environment a latent says that there are as many latents as environments. Where the
two contradict each other nothing is recovered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from crlspec.data import Problem
from crlspec.errors import DataError
from crlspec.inference.check import chance, sentence
from crlspec.inference.estimate import Estimate
from crlspec.inference.thresholds import Thresholds
from crlspec.numerics.dimension import Dimension, count_components
from crlspec.numerics.factors import FactorModel, count_factors, most_factors
from crlspec.numerics.linalg import WIDE, ColumnSpace
from crlspec.scores.noise_units import is_full_rank, pooled_within

__all__ = ["count_latents", "with_count"]

PER_LATENT = {"single-node": 1, "coupled": 2, "uncoupled": 2}
"""Environments for each latent, by design."""


@dataclass(frozen=True)
class CountedFactors:
    """The latents of a factor model, and that it fits; ``edges`` are None: no eigenvalue was tested alone."""

    model: FactorModel
    edges: None = None

    @property
    def count(self) -> int:
        """The number of factors."""
        return self.model.factors

    def __str__(self) -> str:
        return (
            f"{self.count} factors and noise of its own on each variable explain the pooled covariance "
            f"({chance(self.model.p_value)}), and fewer do not"
        )


def count_latents(
    problem: Problem, thresholds: Thresholds | None = None
) -> tuple[Problem, Dimension | CountedFactors | None]:
    """The problem with its latents, ``z1`` …, counted, and the evidence; unchanged and None where they are known.

    Without noise on the observations the dimensions are those of rank; where there is some, assumed or not, those
    that stand out of it (``count_components``), and the setting is noisy from then on. Where each variable has noise
    of its own, they are the fewest factors that explain the covariance (``count_factors``). Raises DataError where
    no number can be told, or one that contradicts the design.
    """
    if problem.latents:
        return problem, None
    thresholds = thresholds or Thresholds()
    found = _dimension(problem, thresholds)
    size = len(problem.observed)
    if found.count == 0:
        raise DataError(f"The number of latents cannot be told: {found}.", "Declare it, e.g. latents: 3.")
    if isinstance(found, Dimension) and found.variance > 0 and found.count == size - 1:
        raise DataError(
            f"The number of latents cannot be told. All {size} dimensions of the observations are significant, so "
            "none is left to measure the noise by.",
            _unequal_noise(problem, thresholds.factors)
            or "Declare the number of latents, or observe more variables.",
        )
    _refuse_contradiction(problem, found, thresholds.factors)
    latents = tuple(f"z{k + 1}" for k in range(found.count))
    setting = replace(problem.setting, latents=latents)
    if isinstance(found, Dimension) and found.variance > 0:
        setting = replace(setting, observation_noise="isotropic")
    return replace(problem, setting=setting), found


def with_count(estimate: Estimate, found: Dimension | CountedFactors) -> Estimate:
    """The estimate, its status saying how many latents were counted and why; the test's edges beside the spectrum."""
    status = estimate.status
    text = f"{sentence(status.message)} The number of latents, {found.count}, was counted: {found}."
    tested = {}
    if found.edges is not None and np.isfinite(found.edges).any():
        tested = {"spectrum_edge": xr.DataArray(found.edges, dims=("component",))}
    return replace(
        estimate, status=replace(status, message=text), diagnostics={**estimate.diagnostics, **tested}
    )


def _dimension(problem: Problem, thresholds: Thresholds) -> Dimension | CountedFactors:
    """By rank in units of each variable's own deviation; where there is no rank deficit, by tests in common units, or
    of factor models."""
    samples, level = list(problem.samples.values()), thresholds.dimension
    count = sum(len(x) for x in samples)
    exact = count_components(ColumnSpace.fit(samples, 1).spectrum, count, level)
    if exact.variance == 0:
        return exact
    if problem.setting.observation_noise == "per-variable":
        return _factors(problem, thresholds.factors)
    return count_components(
        ColumnSpace.fit(samples, 1, units=np.ones(len(problem.observed))).spectrum, count, level
    )


def _factors(problem: Problem, level: float) -> CountedFactors:
    """By factor models. Raises DataError where none of those that so many variables identify fits."""
    covariance, samples = pooled_within(problem)
    size = len(covariance)
    model = count_factors(covariance, samples, level) if samples > size else None
    if model is None:
        raise DataError(
            f"The number of latents cannot be told. No factor model of up to {most_factors(size)} factors "
            f"explains the covariance of the {size} variables.",
            "Declare the number of latents, observe more variables, or declare mixing: general.",
        )
    return CountedFactors(model)


def _refuse_contradiction(problem: Problem, found: Dimension | CountedFactors, level: float) -> None:
    design, environments = problem.setting.design, len(problem.environments)
    each = PER_LATENT.get(design)
    text = f"{found}: {found.count} latents"
    if each is not None and environments != each * found.count:
        asked = "one environment" if each == 1 else "two environments"
        few = environments < each * found.count
        raise DataError(
            f"{text}. The design ({design}) has {asked} for each latent, and there are {environments} environments "
            f"with interventions, enough for {environments / each:g} latents. The two contradict each other.",
            _unequal_noise(problem, level, environments // each)
            or "Add the environments of the other latents. If some dimensions come from a nonlinear mixing, declare "
            "mixing: general."
            if few
            else "If several environments intervene on one latent, declare design: multi-node. If noise hides "
            "latents, give more samples or variables.",
        )
    if design == "multi-node" and environments < found.count:
        raise DataError(
            f"{text}. But there are only {environments} environments with interventions. A multi-node design "
            "needs at least as many as latents.",
            "Add environments with other targets.",
        )


def _unequal_noise(problem: Problem, level: float, latents: int | None = None) -> str | None:
    """The remedy where so many factors and noise of another size on each variable explain the covariance; however
    many, where None."""
    covariance, samples = pooled_within(problem)
    size = len(covariance)
    if problem.setting.observation_noise == "per-variable" or size > WIDE or samples <= 2 * size:
        return None
    model = count_factors(covariance, samples, level) if is_full_rank(covariance) else None
    if model is None or model.factors != (latents or model.factors):
        return None
    return (
        f"Declare assume: {{observation_noise: per-variable}}: with noise of its own on each variable "
        f"{model.factors} factors explain the covariance ({chance(model.p_value)})."
    )
