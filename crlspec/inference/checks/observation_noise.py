"""Noise on the observations: x = G z + ε with normal ε of unknown size, one for all variables or each its own.

The column space survives it: in units in which ε is of one size it adds the same to every eigenvalue of the
covariance and turns no eigenvector. What is recovered, though, is the noisy projection z + G⁺ε, and score differences
are its: the noise of one latent blurs the others, so that what should be zero is only small. How much of each latent
is noise is part of the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from crlspec.data import Problem
from crlspec.errors import DataError
from crlspec.inference.check import Check, chance, sentence
from crlspec.inference.checks.remainder import remainder_of
from crlspec.inference.estimate import Estimate, LinearEncoder, Status
from crlspec.inference.thresholds import Thresholds
from crlspec.maps.maps import encoded
from crlspec.numerics.dimension import Dimension, count_components
from crlspec.numerics.factors import fit_factors
from crlspec.scores.base import Coordinates
from crlspec.scores.noise_units import factor_model, pooled_within

if TYPE_CHECKING:
    from crlspec.inference.likelihood.without_noise import WithoutNoise

__all__ = ["check_noisy_rank", "check_without_noise", "noise_facts", "noise_on_latents", "with_noise"]


def check_noisy_rank(problem: Problem, coordinates: Coordinates, thresholds: Thresholds) -> None:
    """Raises DataError unless as many dimensions stand out of the noise as there are latents.

    With as many observed variables as latents nothing is left to tell noise by, and nothing is checked. Where each
    variable has noise of its own, fewer are refused here, and more are what ``check_factor_model`` tests.
    """
    n = len(problem.latents)
    if len(problem.observed) == n:
        return
    if problem.setting.observation_noise == "per-variable":
        _refuse_fewer_factors(problem, thresholds.factors)
        return
    found = _dimension(coordinates, thresholds.dimension)
    if found.count < n:
        raise DataError(
            f"{found}. That is fewer than the {n} latents. The others are hidden by the noise on x, or do not exist.",
            "Declare fewer latents, give more samples, or observe more variables.",
        )
    if found.count > n:
        rest = remainder_of(problem, thresholds)
        raise DataError(
            f"{found}. That is more than the {n} latents, so a linear mixing with isotropic noise is refuted. "
            f"{rest.finding}.",
            rest.remedy,
        )


def _refuse_fewer_factors(problem: Problem, level: float) -> None:
    """Raises DataError where fewer factors than latents explain the covariance."""
    covariance, samples = pooled_within(problem)
    n = len(problem.latents)
    if n < 2 or factor_model(problem) is None:
        return
    fewer = fit_factors(covariance, samples, n - 1)
    if fewer.degrees > 0 and fewer.p_value >= level:
        raise DataError(
            f"A factor model of {n - 1} factors explains the covariance ({chance(fewer.p_value)}), fewer than the "
            f"{n} latents. The others are hidden by the noise on x, or do not exist.",
            "Declare fewer latents, give more samples, or observe more variables.",
        )


def noise_facts(
    problem: Problem,
    coordinates: Coordinates,
    encoder: LinearEncoder,
    latents: tuple[str, ...],
    level: float,
) -> dict[str, xr.DataArray]:
    """``observation_noise``, its deviation in the units of x, one () or each variable's own (observed,), and
    ``noise_share`` (latent,): of the variance of each recovered latent in the observational environment. Nothing
    where the setting has no noise, or none can be told.

    level  of the test of each dimension
    """
    if not problem.setting.noisy or len(problem.observed) == len(latents):
        return {}
    space, own = coordinates.space, problem.setting.observation_noise == "per-variable"
    variance = (
        max(float(space.spectrum[len(latents) :].mean()), 0.0)
        if own
        else _dimension(coordinates, level).variance
    )
    deviations = np.sqrt(variance) * space.scale
    variances = encoded(encoder, coordinates.x).var(axis=0)
    share = np.minimum((deviations**2 * encoder.matrix**2).sum(1) / variances, 1.0)
    labelled = xr.DataArray(deviations, dims=("observed",), coords={"observed": list(problem.observed)})
    return {
        "observation_noise": labelled if own else xr.DataArray(float(deviations[0])),
        "noise_share": xr.DataArray(share, dims=("latent",), coords={"latent": list(latents)}),
    }


def with_noise(status: Status, noise: Mapping[str, xr.DataArray], most: float) -> Status:
    """The status, told of the noise; undecided where more than a share ``most`` of a latent is noise."""
    if not noise:
        return status
    worst = float(noise["noise_share"].max())
    size = noise["observation_noise"]
    told, where = f"{float(size.max()):.3g}", "every observed variable"
    if size.dims:
        told, where = f"{float(size.min()):.3g} to {told}", "the observed variables"
    text = (
        f"{sentence(status.message)} Noise of standard deviation {told} on {where} makes up to {worst:.1%} of a "
        "latent's variance."
    )
    if worst <= most or not status.ok:
        return replace(status, message=text)
    return Status(
        "undecided",
        f"{text} More than {most:.1%} is too much to rely on edges or on the separation of the latents.",
        "Observe more variables of the same latents, or measure them with less noise.",
    )


def noise_on_latents(estimate: Estimate) -> np.ndarray | None:
    """(latent, latent) covariance of what the noise on x makes of recovered latents; None where none was told."""
    found = estimate.diagnostics.get("observation_noise")
    if found is None or not isinstance(estimate.encoder, LinearEncoder):
        return None
    matrix = estimate.encoder.matrix
    return np.asarray((matrix * np.square(found.values)) @ matrix.T)


def check_without_noise(without: WithoutNoise, share: float, most: float) -> Check:
    """Undecided where without the noise on x the edges, or their order, would not be the same.

    share  of noise in the variance of the latent that has most of it
    most   up to which edges are relied on at all
    """
    if without.objection is None:
        text = "Without the noise on x the edges are the same, and their order."
        return Check("noise", "passed", share, most, text)
    said, latents = without.objection
    return Check(
        "noise", "undecided", share, most, f"The noise on x matters for the graph. Without this noise {said}",
        "Observe more variables of the same latents, or measure them with less noise.", (), latents,
    )  # fmt: skip


def _dimension(coordinates: Coordinates, level: float) -> Dimension:
    return count_components(coordinates.space.spectrum, sum(len(y) for y in coordinates.all), level)
