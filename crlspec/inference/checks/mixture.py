"""Rows that an intervention did not reach, or that bear the wrong label: an environment that is a mixture of itself
and of another, the control first of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, kolmogorov, ndtr

from crlspec.inference.check import Check
from crlspec.inference.checks.moments import Moments
from crlspec.inference.design_thresholds import DesignThresholds

__all__ = ["Mixture", "check_mixture", "untouched"]

ROUNDS, STARTS = 200, (0.1, 0.3, 0.6)
"""Steps of EM at most, and shares of untouched rows that it starts from."""


@dataclass(frozen=True)
class Mixture:
    """A share of rows that follow a given normal distribution, and one normal component for the others.

    share  of the rows that follow the given one
    gain   twice the log likelihood over that of one normal
    fits   p-value of the mixture along the direction that parts the two (Kolmogorov and Smirnov)
    given  p-value of "the first component is the given one", against a free one
    """

    share: float
    gain: float
    fits: float
    given: float


def check_mixture(
    moments: Moments, normality: Mapping[str, float], hard: bool, limits: DesignThresholds
) -> list[Check]:
    """Names environments that are not normal while most others are, and that a mixture with one of those explains.

    normality  environment → p-value of "its samples are normal"
    hard       whether interventions were declared hard
    """
    names = moments.names
    odd = [name for name in names if normality[name] < limits.odd / len(names)]
    sound = [name for name in names if name not in odd]
    if not odd or len(odd) > max(1, (len(names) - 1) // 2):
        return []
    if min(normality[name] for name in sound) * len(sound) < limits.sound:
        return []
    checks = []
    for name in odd:
        found, other = max(
            ((_with(moments, name, other), other) for other in sound), key=lambda pair: pair[0].gain
        )
        bound = limits.gain + 2 * np.log(len(moments.y[name]))
        explained = found.gain > bound and min(found.fits, found.given) > limits.mixture
        if explained and limits.mixed < found.share < 1 - limits.mixed:
            checks.append(_mixed(name, other, names[0], found.share, hard, limits.mixed))
    return checks


def _mixed(name: str, other: str, control: str, share: float, hard: bool, bound: float) -> Check:
    if other != control:
        return Check(
            "mislabelled-rows", "refuted", share, bound,
            f"In environment '{name}' about {share:.0%} of the rows follow the distribution of environment "
            f"'{other}'. So rows bear the wrong label, or the intervention of one environment reached the other.",
            f"Give these rows to '{other}', or leave them out.", (name, other),
        )  # fmt: skip
    what, remedy = (
        ("the intervention is not hard", ", or declare kind: soft")
        if hard
        else ("the environment is a mixture", "")
    )
    return Check(
        "hard-mixture", "refuted", share, bound,
        f"In environment '{name}' about {share:.0%} of the rows follow the distribution of the control "
        f"'{control}'. The intervention did not reach them, so {what}.",
        f"Leave these rows out{remedy}.", (name, control),
    )  # fmt: skip


def _with(moments: Moments, name: str, other: str) -> Mixture:
    k = moments.names.index(other)
    return untouched(moments.y[name], moments.means[k], moments.covariances[k], len(moments.y[other]))


def untouched(y: np.ndarray, mean: np.ndarray, covariance: np.ndarray, rows: float = np.inf) -> Mixture:
    """Of rows (sample, component), those that follow a given normal distribution: by the likelihood of a mixture
    of it and one free normal component (EM).

    rows  so many samples tell the given distribution, which adds its error to that of the free one
    """
    n = y.shape[1]
    density = _log_density(y, mean, covariance)
    alone = float(_log_density(y, y.mean(0), np.cov(y.T).reshape(n, -1)).sum())
    starts = [(density < np.quantile(density, 1 - start)) * 0.9 + 0.05 for start in STARTS]
    best = max((_climb(y, touched, density) for touched in starts), key=lambda found: found.value)
    free = _climb(y, best.touched, None)
    ratio = max(2 * (free.value - best.value), 0.0) / (1 + best.share * len(y) / rows)
    given = float(chdtrc(n * (n + 3) / 2, ratio))
    m, c, share = best.mean, best.covariance, best.share
    back = np.linalg.inv(np.linalg.cholesky(covariance))
    values, vectors = np.linalg.eigh(back @ c @ back.T)
    directions = [vectors[:, np.abs(np.log(np.maximum(values, 1e-300))).argmax()] @ back]
    gap = np.linalg.solve(covariance + c, m - mean)
    if gap @ (m - mean) > 0.1:
        directions.append(gap)
    fits = min(_fits(y @ w, share, (w @ mean, w @ covariance @ w), (w @ m, w @ c @ w)) for w in directions)
    return Mixture(share, 2 * (best.value - alone), fits, given)


@dataclass(frozen=True)
class _Fit:
    """Where EM ended: share of the first component, log likelihood, moments of the second, weights of its rows."""

    share: float
    value: float
    mean: np.ndarray
    covariance: np.ndarray
    touched: np.ndarray


def _climb(y: np.ndarray, touched: np.ndarray, density: np.ndarray | None) -> _Fit:
    """EM from weights (sample,) of the second component; the first one's log density is given, or free where None."""
    before, found = -np.inf, None
    for _ in range(ROUNDS):
        share = float(np.clip(1 - touched.mean(), 1e-6, 1 - 1e-6))
        m, c = _weighted(y, touched)
        first = _log_density(y, *_weighted(y, 1 - touched)) if density is None else density
        one, other = np.log(share) + first, np.log1p(-share) + _log_density(y, m, c)
        both = np.logaddexp(one, other)
        touched, value = np.exp(other - both), float(both.sum())
        found = _Fit(share, value, m, c, touched)
        least = touched.sum() if density is not None else min(touched.sum(), len(y) - touched.sum())
        if value - before < 1e-3 or least < 3 * y.shape[1]:
            break
        before = value
    assert found is not None
    return found


def _weighted(y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total = weights.sum()
    mean = weights @ y / total
    return mean, (y - mean).T @ (weights[:, None] * (y - mean)) / total + 1e-9 * np.eye(y.shape[1])


def _fits(x: np.ndarray, share: float, one: tuple[float, float], other: tuple[float, float]) -> float:
    x = np.sort(x)
    expected = share * ndtr((x - one[0]) / one[1] ** 0.5) + (1 - share) * ndtr(
        (x - other[0]) / other[1] ** 0.5
    )
    steps = np.arange(len(x) + 1) / len(x)
    gap = max((steps[1:] - expected).max(), (expected - steps[:-1]).max())
    return float(kolmogorov(np.sqrt(len(x)) * gap))


def _log_density(y: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, (y - mean).T)
    half = np.log(np.diag(factor)).sum() + 0.5 * len(mean) * np.log(2 * np.pi)
    return np.asarray(-0.5 * (white**2).sum(0) - half)
