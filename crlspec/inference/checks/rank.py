"""Whether the observations span as many linear dimensions as there are latents, and look Gaussian."""

from __future__ import annotations

import numpy as np

from crlspec.data import Problem
from crlspec.errors import DataError
from crlspec.inference.checks.observation_noise import check_noisy_rank
from crlspec.inference.checks.remainder import remainder_of
from crlspec.inference.thresholds import Thresholds
from crlspec.numerics.statistics import explained_by_squares
from crlspec.scores.base import Coordinates

__all__ = ["check_injective", "check_rank", "is_gaussian"]


def check_rank(problem: Problem, coordinates: Coordinates, thresholds: Thresholds | None = None) -> None:
    """Linear mixing gives exactly as many linear dimensions as latents; small structureless noise is let pass, and
    where the setting declares noise, the dimensions that stand out of it are counted by a test.

    Raises DataError where there are fewer or more.
    """
    thresholds = thresholds or Thresholds()
    if problem.setting.noisy:
        check_noisy_rank(problem, coordinates, thresholds)
        return
    spectrum, n = coordinates.space.spectrum, len(problem.latents)
    check_injective(spectrum, n, thresholds.injective)
    if len(spectrum) == n or spectrum[n] < thresholds.rounding * spectrum[0]:
        return
    rest = coordinates.space.off(coordinates.x)
    sizeable = spectrum[n] > thresholds.sizeable * spectrum[n - 1]
    significant = int((spectrum > thresholds.rounding * spectrum[0]).sum())
    if sizeable or explained_by_squares(rest, coordinates.observational) < thresholds.curved:
        found = remainder_of(problem, thresholds)
        raise DataError(
            f"The observations have {significant} significant linear components, more than the {n} latents. So a "
            f"linear mixing without noise is refuted. {found.finding}.",
            found.remedy,
        )


def check_injective(spectrum: np.ndarray, latents: int, least: float) -> None:
    """Raises DataError where the observations span fewer linear dimensions than latents, whatever the mixing.

    spectrum  (component,) eigenvalues of the standardised pooled covariance, descending
    least     share of the largest eigenvalue below which a dimension is not there
    """
    if spectrum[latents - 1] < least * spectrum[0]:
        significant = int((spectrum > least * spectrum[0]).sum())
        raise DataError(
            f"The observations span {significant} linear dimension{'s' * (significant != 1)}, fewer than the "
            f"{latents} latents. So the mixing is not injective, and no method can recover all latents.",
            "Declare fewer latents, or observe variables that tell the others apart.",
        )


def is_gaussian(coordinates: Coordinates, level: float) -> bool:
    """Whether no environment contradicts Gaussian latents, by a test of this level."""
    return coordinates.gaussianity > level
