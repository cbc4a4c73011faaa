"""Goodness of fit of a fitted linear-Gaussian model: its likelihood against free Gaussians, one an environment.

It sees whatever the model does not allow: two targets in one environment, one target twice, a wrong control, hidden
causes, sensors that changed. The terms of the statistic say in which environments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, digamma

from crlspec.inference.check import Check, chance, listed
from crlspec.inference.thresholds import LinearThresholds

__all__ = ["Fit", "bootstrap_p_value", "check_goodness", "goodness"]


@dataclass(frozen=True)
class Fit:
    """How far a model is from the data.

    statistic  twice the log likelihood that free Gaussians gain, brought to the mean of χ²
    freedom    degrees of freedom
    p_value    of "the model is right"
    terms      (environment,) shares of the statistic, in its unit
    """

    statistic: float
    freedom: int
    p_value: float
    terms: np.ndarray


def goodness(
    sampled: np.ndarray,
    model: np.ndarray,
    counts: np.ndarray,
    free: int,
    means: tuple[np.ndarray, np.ndarray] | None = None,
) -> Fit:
    """The likelihood ratio of a model with so many free parameters against free covariances (and means).

    sampled  (environment, component, component) covariances of the samples, over N (no N − 1)
    model    (environment, component, component) covariances of the fitted model
    counts   (environment,) samples; effective ones where rows depend on each other
    means    (environment, component) of the samples and of the model, where the model says something of them;
    ``free``
             then counts the parameters of means as well

    T = Σ N [log det Σ − log det S + tr(S Σ⁻¹) − n + (m − μ)ᵀ Σ⁻¹ (m − μ)] is χ² for many samples. For few it is
    divided by what its exact mean at a known model, less one a free parameter, exceeds the degrees of freedom by
    (Bartlett's correction; Lawley, Biometrika 43, 1956).
    """
    n = sampled.shape[1]
    inverse = np.linalg.inv(model)
    terms = np.linalg.slogdet(model)[1] - np.linalg.slogdet(sampled)[1] - n
    terms = terms + np.einsum("eij,eji->e", sampled, inverse)
    saturated = n * (n + 1) // 2
    if means is not None:
        gap = means[0] - means[1]
        terms = terms + np.einsum("ei,eij,ej->e", gap, inverse, gap)
        saturated += n
    freedom = len(counts) * saturated - free
    if freedom < 1:
        return Fit(0.0, max(freedom, 0), 1.0, np.zeros(len(counts)))
    expected = sum(_expected(n, float(count), means is not None) for count in counts) - free
    terms = counts * np.maximum(terms, 0) * (freedom / max(expected, freedom))
    statistic = float(terms.sum())
    return Fit(statistic, freedom, float(chdtrc(freedom, statistic)), terms)


def _expected(n: int, count: float, with_means: bool) -> float:
    """E T of one environment under the model, nothing fitted: E log det of a Wishart matrix by digamma functions."""
    if count <= n + 1:
        return float("inf")
    logs = digamma((count - np.arange(1, n + 1)) / 2).sum() + n * np.log(2 / count)
    trace = n * (count - 1) / count + (n / count if with_means else 0.0)
    return float(count * (trace - n - logs))


def check_goodness(
    fit: Fit,
    names: Sequence[str],
    thresholds: LinearThresholds,
    freeing: str | None = None,
    undecided: bool = False,
) -> Check:
    """The check of a fit, environments named whose terms stand out.

    names      of the environments, in the order of the terms
    freeing    a sentence on what would mend it, from ``most_freeing``
    undecided  whether the consequence is that, since the fit may not have found its optimum
    """
    if fit.p_value >= thresholds.misfit:
        return Check(
            "goodness-of-fit", "passed", fit.statistic, float(fit.freedom),
            f"The declared model fits all environments: likelihood ratio {fit.statistic:.1f} with "
            f"{fit.freedom} degrees of "
            f"freedom, {chance(fit.p_value)}.",
        )  # fmt: skip
    share = fit.terms / max(fit.terms.sum(), 1e-300)
    order = np.argsort(-share)
    kept = int(np.searchsorted(np.cumsum(share[order]), thresholds.worst)) + 1
    worst = tuple(names[e] for e in sorted(order[:kept]))
    where = (
        "is spread over all environments"
        if kept > thresholds.worst * len(names)
        else f"is largest in environment{'s' * (kept > 1)} {listed(worst)}"
    )
    return Check(
        "goodness-of-fit", "undecided" if undecided else "refuted", fit.statistic, float(fit.freedom),
        f"The declared model does not fit: likelihood ratio {fit.statistic:.1f} with {fit.freedom} degrees of "
        "freedom, "
        f"{chance(fit.p_value)}. The misfit {where}." + (f" {freeing}" if freeing else ""),
        "Look at the targets, the control and the sensors of these environments. Sensor noise and a hidden common "
        "cause of latents give such a misfit too.", worst,
    )  # fmt: skip


def bootstrap_p_value(
    statistic: float,
    model: tuple[np.ndarray, np.ndarray],
    counts: Sequence[int],
    refit: Callable[[list[np.ndarray]], float],
    replications: int = 99,
    seed: int = 0,
) -> float:
    """p-value of a statistic by the parametric bootstrap: samples of the fitted model, fitted anew.

    model  means (environment, component) and covariances of the fitted model
    refit  from samples (sample, component) of every environment to the statistic of the model fitted to them
    """
    rng = np.random.default_rng([seed, 23])
    factors = np.linalg.cholesky(model[1])
    larger = 0
    for _ in range(replications):
        drawn = [
            mean + rng.normal(size=(int(count), len(mean))) @ factor.T
            for mean, factor, count in zip(model[0], factors, counts, strict=True)
        ]
        larger += refit(drawn) >= statistic
    return (1 + larger) / (1 + replications)
