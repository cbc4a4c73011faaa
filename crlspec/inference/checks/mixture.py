"""Rows that an intervention did not reach: an environment that is a mixture of itself and of the control."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import kolmogorov

from crlspec.inference.checks.base import Check
from crlspec.inference.checks.moments import Moments

__all__ = ["check_mixture", "untouched_share"]

ROUNDS, STARTS = 200, (0.1, 0.3, 0.6)


def check_mixture(
    moments: Moments, normality: Mapping[str, float], hard: bool, alpha: float = 1e-4
) -> list[Check]:
    """Names environments that are not normal while the control and most others are, and that a mixture with the
    control explains.

    normality  environment → p-value of "its samples are normal"
    hard       whether interventions were declared hard
    alpha      level below which an environment is not normal, all together
    """
    names = moments.names
    level = alpha / len(names)
    if normality[names[0]] < 0.01:
        return []
    odd = [name for name in names[1:] if normality[name] < level]
    if not odd or len(odd) > max(1, (len(names) - 1) // 2):
        return []
    checks = []
    for name in odd:
        share, gain, fits = untouched_share(moments.y[name], moments.means[0], moments.covariances[0])
        bound = 2 * np.log(len(moments.y[name])) + 20
        if not (0.02 < share < 0.98 and gain > bound and fits > 0.01):
            continue
        checks.append(
            Check(
                "hard-mixture", "refuted", share, 0.02,
                f"Environment '{name}' is {'not hard' if hard else 'mixed'}: about {share:.0%} of its rows look untouched. "
                f"They follow the distribution of the control '{names[0]}'.",
                "Leave these rows out" + (", or declare soft." if hard else "."), (name, names[0]),
            )
        )  # fmt: skip
    return checks


def untouched_share(y: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> tuple[float, float, float]:
    """The share of rows (sample, component) that follow a given normal distribution, by the likelihood of a mixture of it
    and one free normal component (EM); twice the gain over one normal; and the p-value of the mixture's distribution
    along the direction that parts the two (Kolmogorov and Smirnov)."""
    given = _log_density(y, mean, covariance)
    alone = float(_log_density(y, y.mean(0), np.cov(y.T).reshape(y.shape[1], -1)).sum())
    best: tuple[float, float, np.ndarray, np.ndarray] | None = None
    for start in STARTS:
        # Rows least likely under the control are touched first.
        touched = (given < np.quantile(given, 1 - start)).astype(float) * 0.9 + 0.05
        share, value, m, c = _climb(y, given, touched)
        if best is None or value > best[1]:
            best = share, value, m, c
    assert best is not None
    share, value, m, c = best
    back = np.linalg.inv(np.linalg.cholesky(covariance))
    values, vectors = np.linalg.eigh(back @ c @ back.T)
    directions = [vectors[:, np.abs(np.log(np.maximum(values, 1e-300))).argmax()] @ back]
    if (gap := np.linalg.solve(covariance + c, m - mean)) @ (m - mean) > 0.1:
        directions.append(gap)
    fits = min(_fits(y @ w, share, (w @ mean, w @ covariance @ w), (w @ m, w @ c @ w)) for w in directions)
    return share, 2 * (value - alone), fits


def _climb(
    y: np.ndarray, given: np.ndarray, touched: np.ndarray
) -> tuple[float, float, np.ndarray, np.ndarray]:
    before = -np.inf
    for _ in range(ROUNDS):
        share = float(np.clip(1 - touched.mean(), 1e-6, 1 - 1e-6))
        total = touched.sum()
        m = touched @ y / total
        c = (y - m).T @ (touched[:, None] * (y - m)) / total + 1e-9 * np.eye(y.shape[1])
        one, other = np.log(share) + given, np.log1p(-share) + _log_density(y, m, c)
        both = np.logaddexp(one, other)
        touched, value = np.exp(other - both), float(both.sum())
        if value - before < 1e-3 or touched.sum() < 3 * y.shape[1]:
            break
        before = value
    return share, value, m, c


def _fits(x: np.ndarray, share: float, one: tuple[float, float], other: tuple[float, float]) -> float:
    from scipy.special import ndtr

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
