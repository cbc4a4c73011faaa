"""What the observations hold beyond the linear components of the latents: each explanation is tested before it is
named, the likeliest remedy first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlspec.data import Problem
from crlspec.inference.check import chance
from crlspec.inference.thresholds import Thresholds
from crlspec.numerics.dimension import count_components
from crlspec.numerics.factors import FactorModel, count_factors, degrees_of_freedom
from crlspec.numerics.linalg import EXACT, WIDE, ColumnSpace
from crlspec.numerics.statistics import curvature_p_value
from crlspec.scores.noise_units import factor_model, is_full_rank, pooled_within

__all__ = ["Remainder", "remainder_of"]

GENERAL = "Declare mixing: general, or observe only variables that are linear in the latents."


@dataclass(frozen=True)
class Remainder:
    """What was found, a sentence without its full stop, and what would mend it."""

    finding: str
    remedy: str


def remainder_of(problem: Problem, thresholds: Thresholds) -> Remainder:
    """What the rest is: noise of one size, noise of each variable's own, a function of the others, or more latents.

    What the setting declares already has been refuted, and is not named again.
    """
    tried: list[str] = []
    if problem.setting.observation_noise == "none":
        if (found := _exact(problem, thresholds) or _isotropic(problem, thresholds)) is not None:
            return found
        tried.append("noise of one size on every variable")
    model = _factors(problem)
    found = (
        _own_noise(problem, model, tried, thresholds)
        or _curved(problem, model, thresholds)
        or _more(problem, thresholds.factors)
    )
    if found is not None:
        return found
    tried.append("a polynomial of the other components")
    told = f"neither {' nor '.join(tried)}" if len(tried) > 1 else f"not {tried[0]}"
    return Remainder(f"What lies beyond the latents is {told}", GENERAL)


def _isotropic(problem: Problem, thresholds: Thresholds) -> Remainder | None:
    """Noise of one size, where as many components as latents stand out of it, and it is no function of them."""
    common = np.ones(len(problem.observed))
    found = count_components(_space(problem, common).spectrum, _count(problem), thresholds.dimension)
    if found.count != len(problem.latents) or found.variance == 0:
        return None
    if _curvature(problem, common) < thresholds.curved:
        return None
    return Remainder(
        f"Beyond the latents there is noise of one size on every variable: {found}",
        "Declare assume: {observation_noise: isotropic}.",
    )


def _own_noise(
    problem: Problem, model: FactorModel | None, tried: list[str], thresholds: Thresholds
) -> Remainder | None:
    """Noise of another size on each variable, where the factor model fits; else what was tried is noted."""
    if model is None or problem.setting.observation_noise == "per-variable":
        return None
    fits = model.p_value >= thresholds.factors
    if not fits or _curvature(problem, np.sqrt(model.variances)) < thresholds.curved:
        tried.append("noise of another size on each variable")
        return None
    return Remainder(
        f"Beyond the latents there is noise of another size on each variable: a factor model fits "
        f"({chance(model.p_value)})",
        "Declare assume: {observation_noise: per-variable}.",
    )


def _curved(problem: Problem, model: FactorModel | None, thresholds: Thresholds) -> Remainder | None:
    """A function of the latents' components: in units of the factor model, which noise does not turn."""
    p_value = _curvature(
        problem, np.ones(len(problem.observed)) if model is None else np.sqrt(model.variances)
    )
    if p_value >= thresholds.curved:
        return None
    curved = f"hat lies beyond the latents is a function of the other components ({chance(p_value)})"
    close = model is not None and model.misfit <= thresholds.close_fit
    if problem.setting.observation_noise == "isotropic" and model is not None and close:
        return Remainder(
            f"Noise of another size on each variable comes close (misfit {model.misfit:.3f}), though w{curved}",
            "Declare assume: {observation_noise: per-variable}, or mixing: general.",
        )
    return Remainder(f"W{curved}", GENERAL)


def _exact(problem: Problem, thresholds: Thresholds) -> Remainder | None:
    """More latents, where the observations are of a rank between that and the number of variables."""
    spectrum = _space(problem, None).spectrum
    rank = int((spectrum > EXACT * spectrum[0]).sum())
    curvature = _curvature(problem, None)
    if rank == len(spectrum) or curvature < thresholds.curved:
        return None
    return _declare(rank, f"The observations span {rank} linear dimensions without noise")


def _more(problem: Problem, level: float) -> Remainder | None:
    """More latents with noise, where a factor model of more factors fits."""
    covariance, samples = pooled_within(problem)
    if len(covariance) > WIDE or samples <= 2 * len(covariance) or not is_full_rank(covariance):
        return None
    model = count_factors(covariance, samples, level)
    if model is None or model.factors <= len(problem.latents):
        return None
    return _declare(
        model.factors,
        f"{model.factors} linear components and noise on each variable explain the covariance "
        f"({chance(model.p_value)})",
        " and assume: {observation_noise: per-variable}",
    )


def _declare(latents: int, finding: str, further: str = "") -> Remainder:
    return Remainder(
        finding, f"Declare latents: {latents}{further}, with an environment for each, or mixing: general."
    )


def _factors(problem: Problem) -> FactorModel | None:
    """The factor model of as many factors as latents, where it can be tested."""
    size, latents = len(problem.observed), len(problem.latents)
    if size > WIDE or degrees_of_freedom(size, latents) <= 0 or _count(problem) <= 2 * size:
        return None
    return factor_model(problem)


def _curvature(problem: Problem, units: np.ndarray | None) -> float:
    """p-value of "what lies off the space in these units is no quadratic function of what lies in it"; 1 where
    there are too few samples to tell."""
    space, x = _space(problem, units), problem.samples[problem.observational]
    return curvature_p_value(space.off(x), space(x))


def _space(problem: Problem, units: np.ndarray | None) -> ColumnSpace:
    samples = [problem.samples[name] for name in (problem.observational, *problem.environments)]
    return ColumnSpace.fit(samples, len(problem.latents), units=units)


def _count(problem: Problem) -> int:
    return sum(len(problem.samples[name]) for name in (problem.observational, *problem.environments))
