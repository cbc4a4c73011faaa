"""Noise on the observations: x = G z + ε with isotropic normal ε of unknown size.

The column space survives it: ε adds the same to every eigenvalue of the covariance and turns no eigenvector. What is
recovered, though, is the noisy projection z + G⁺ε, and score differences are its: the noise of one latent blurs the
others, so that what should be zero is only small. How much of each latent is noise is part of the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import xarray as xr

from crlspec.data import Problem
from crlspec.errors import DataError
from crlspec.inference.estimate import LinearEncoder, Status
from crlspec.numerics.dimension import Dimension, count_components
from crlspec.scores.base import Coordinates

__all__ = ["check_noisy_rank", "noise_facts", "with_noise"]


def check_noisy_rank(problem: Problem, coordinates: Coordinates, level: float) -> None:
    """Raises DataError unless as many dimensions stand out of the noise as there are latents.

    With as many observed variables as latents nothing is left to tell noise by, and nothing is checked.

    level  of the test of each dimension
    """
    n = len(problem.latents)
    if len(problem.observed) == n:
        return
    found = _dimension(coordinates, level)
    if found.count < n:
        raise DataError(
            f"{found}: fewer than the {n} latents; the others drown in the noise on x, or are not there",
            "Declare fewer latents, give more samples, or observe more variables.",
        )
    if found.count > n:
        raise DataError(
            f"{found}: more than the {n} latents, so that the data refute a linear mixing with isotropic noise",
            "Declare more latents, or mixing: general, or bring the observed variables to units of equal noise.",
        )


def noise_facts(
    problem: Problem,
    coordinates: Coordinates,
    encoder: LinearEncoder,
    latents: tuple[str, ...],
    level: float,
) -> dict[str, xr.DataArray]:
    """``observation_noise`` (), its deviation in the units of x, and ``noise_share`` (latent,): of the variance of
    each recovered latent in the observational environment. Nothing where the setting has no noise, or none can be
    told.

    level  of the test of each dimension
    """
    if not problem.setting.noisy or len(problem.observed) == len(latents):
        return {}
    deviation = float(np.sqrt(_dimension(coordinates, level).variance) * coordinates.space.scale[0])
    variances = encoder(coordinates.x).var(axis=0)
    share = np.minimum(deviation**2 * (encoder.matrix**2).sum(1) / variances, 1.0)
    return {
        "observation_noise": xr.DataArray(deviation),
        "noise_share": xr.DataArray(share, dims=("latent",), coords={"latent": list(latents)}),
    }


def with_noise(status: Status, noise: Mapping[str, xr.DataArray], most: float) -> Status:
    """The status, told of the noise; undecided where more than a share ``most`` of a latent is noise."""
    if not noise:
        return status
    worst = float(noise["noise_share"].max())
    text = (
        f"{status.message}; noise of standard deviation {float(noise['observation_noise']):.3g} on every observed "
        f"variable makes up to {worst:.1%} of a latent's variance, and score differences are the noisy latents'"
    )
    if worst <= most or not status.ok:
        return replace(status, message=text)
    return Status(
        "undecided",
        f"{text}: too much to rely on edges and on what should be unmixed",
        "Observe more variables of the same latents, or measure them with less noise.",
    )


def _dimension(coordinates: Coordinates, level: float) -> Dimension:
    return count_components(coordinates.space.spectrum, sum(len(y) for y in coordinates.all), level)
