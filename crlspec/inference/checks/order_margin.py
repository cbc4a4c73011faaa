"""Whether data decide between two fitted models, such as two causal orders: Vuong's test (Econometrica 57, 1989)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from crlspec.inference.check import Check

__all__ = ["MORE", "Margin", "gaussian_margin", "sample_margin", "undecided_order"]

MORE = "Give more samples, or stronger interventions on these two."
"""The remedy where the order of two latents is not decided."""


@dataclass(frozen=True)
class Margin:
    """How far one model is ahead of another.

    gain     log likelihood of the first over the second, all samples together
    error    its standard error
    z        gain over error
    p_value  two-sided, of "both are equally far from the truth", corrected for the number of alternatives
    """

    gain: float
    error: float
    z: float
    p_value: float


def sample_margin(
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    alternatives: int = 1,
    sizes: Sequence[float] | None = None,
) -> Margin:
    """From log likelihoods (sample,) of every environment under two models.

    alternatives  how many models were held against the first one
    sizes         (environment,) effective samples, where rows depend on each other

    The number of samples of each environment is fixed: what counts is how ratios vary within environments.
    """
    gain = variance = 0.0
    for e, (a, b) in enumerate(zip(first, second, strict=True)):
        ratios = np.asarray(a) - np.asarray(b)
        dependence = 1.0 if sizes is None else len(ratios) / sizes[e]
        gain += float(ratios.sum())
        variance += dependence * len(ratios) * float(ratios.var(ddof=1))
    return _margin(gain, variance, alternatives)


def gaussian_margin(
    first: tuple[np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray],
    sampled: tuple[np.ndarray, np.ndarray],
    counts: np.ndarray,
    alternatives: int = 1,
    sizes: np.ndarray | None = None,
) -> Margin:
    """The same for Gaussian models and data that are Gaussian too, in closed form.

    first, second, sampled  means (environment, component) and covariances (environment, component, component) of two
                            models and of the samples (over N, no N − 1)

    The log ratio is a quadratic form of normal variables: with D = Θ₂ − Θ₁ and gradient v at the mean, it has
    variance ½ tr(DSDS) + vᵀSv."""
    one, a, slope_a = _expected(first, sampled)
    other, b, slope_b = _expected(second, sampled)
    twisted, slope = (b - a) @ sampled[1], slope_b - slope_a
    spread = 0.5 * np.einsum("eij,eji->e", twisted, twisted)
    spread += np.einsum("ei,eij,ej->e", slope, sampled[1], slope)
    dependence = 1.0 if sizes is None else counts / sizes
    variance = float((counts * spread * dependence).sum())
    return _margin(float((counts * (one - other)).sum()), variance, alternatives)


def _expected(
    model: tuple[np.ndarray, np.ndarray], sampled: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each environment the mean log likelihood of a sample, up to a constant, the precision of the model, and the
    gradient at the mean of the samples."""
    precision, gap = np.linalg.inv(model[1]), sampled[0] - model[0]
    slope = np.einsum("eij,ej->ei", precision, gap)
    value = np.linalg.slogdet(precision)[1] - np.einsum("eij,eji->e", precision, sampled[1])
    return 0.5 * (value - np.einsum("ei,ei->e", gap, slope)), precision, slope


def _margin(gain: float, variance: float, alternatives: int) -> Margin:
    error = max(variance, 0.0) ** 0.5
    if error == 0:
        return Margin(gain, 0.0, 0.0, 1.0)
    z = gain / error
    return Margin(gain, error, z, float(min(1.0, 2 * alternatives * ndtr(-abs(z)))))


def undecided_order(p_value: float, level: float, pair: tuple[str, str], told: str) -> Check:
    """The check ``order`` where the best order that reverses a pair is not ruled out.

    pair  latents by name, in the order that was taken
    told  by how much the reversed one fits worse
    """
    one, two = pair
    return Check(
        "order", "undecided", p_value, level,
        f"The order of '{one}' and '{two}' is not decided. The reversed order fits worse by {told} only "
        f"(p = {p_value:.2g}).",
        MORE, (), pair,
    )  # fmt: skip
