"""Units in which noise on the observations is equal on every variable, and the factor model that they come from."""

from __future__ import annotations

import numpy as np

from crlspec.data import Problem
from crlspec.errors import DataError
from crlspec.numerics.factors import FactorModel, degrees_of_freedom, fit_factors, most_factors
from crlspec.numerics.kept import Table
from crlspec.numerics.rows import Rows

__all__ = ["factor_model", "is_full_rank", "noise_units", "pooled_within"]

SINGULAR = 1e-11
"""The least eigenvalue of a correlation matrix that is no rounding."""


def noise_units(problem: Problem) -> np.ndarray | None:
    """(observed,) in proportion to the noise of each variable: ones where it is isotropic, None where there is none.

    Raises DataError as ``factor_model`` does, where each variable has its own.
    """
    kind = problem.setting.observation_noise
    if kind == "none":
        return None
    model = factor_model(problem) if kind == "per-variable" and problem.latents else None
    return np.ones(len(problem.observed)) if model is None else np.sqrt(model.variances)


def factor_model(problem: Problem) -> FactorModel | None:
    """The factor model of the covariance within environments, with as many factors as latents.

    The column space of G and the noise of each variable are the same in every environment, so that the pooled
    covariance, G (Σ w Cov(z)) Gᵀ + Ψ, is a factor model though those of z differ. None where the observations are of
    deficient rank, which noise on every variable excludes.

    Raises DataError where so many variables do not identify the noise of each, or there are too few samples.
    """
    size, latents = len(problem.observed), len(problem.latents)
    if degrees_of_freedom(size, latents) < 0:
        needed = next(d for d in range(size, 4 * size + 8) if degrees_of_freedom(d, latents) >= 0)
        fewer = most_factors(size)
        raise DataError(
            f"{size} observed variables of {latents} latents do not identify the noise of each variable: the factor "
            f"model has {-degrees_of_freedom(size, latents)} parameters more than there are covariances",
            f"Observe {needed} variables or more"
            + (f", declare {fewer} latents or fewer" if fewer else "")
            + ", or declare assume: {observation_noise: isotropic}.",
        )
    covariance, samples = pooled_within(problem)
    if samples <= size:
        raise DataError(
            f"{samples} samples of {size} observed variables do not tell the noise of each variable",
            f"Give {5 * size} samples or more, or declare assume: {{observation_noise: isotropic}}.",
        )
    return fit_factors(covariance, samples, latents) if is_full_rank(covariance) else None


def is_full_rank(covariance: np.ndarray) -> bool:
    """Whether no combination of the variables is without variance but for rounding."""
    deviations = np.sqrt(np.diag(covariance))
    if deviations.min() == 0:
        return False
    return bool(np.linalg.eigvalsh(covariance / np.outer(deviations, deviations))[0] > SINGULAR)


def pooled_within(problem: Problem) -> tuple[np.ndarray, int]:
    """The covariance (observed, observed) about the mean of each environment, and of how many samples it is."""
    names = (problem.observational, *problem.environments)
    samples = [problem.samples[name] for name in names]
    free = sum(len(x) for x in samples) - len(samples)
    scatter = np.zeros((len(problem.observed),) * 2)
    for x in samples:
        if isinstance(x, Rows | Table) and x.scan.scatter is not None:
            scatter += x.scan.scatter
            continue
        centred = x - x.mean(0)
        scatter += centred.T @ centred
    return scatter / max(free, 1), free + 1
