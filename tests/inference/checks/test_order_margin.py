"""Vuong's test: closed form and samples agree, and it keeps its level."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from crlspec.inference.checks.order_margin import gaussian_margin, sample_margin

RUNS = 1000


def models(tilt: float) -> tuple[np.ndarray, np.ndarray]:
    """Means and covariances of two environments."""
    covariances = np.stack([np.array([[1, tilt], [tilt, 1.0]]), np.array([[2, tilt], [tilt, 1.0]])])
    return np.array([[0.0, tilt], [tilt, 0.0]]), covariances


def test_the_closed_form_is_that_of_the_samples() -> None:
    rng = np.random.default_rng(0)
    samples = [rng.multivariate_normal([0, 0.1], [[1.2, 0.3], [0.3, 0.8]], size=n) for n in (40_000, 60_000)]
    one, other = models(0.4), models(0.1)
    densities = [
        [
            stats.multivariate_normal(m, c).logpdf(y)
            for m, c, y in zip(means, covariances, samples, strict=True)
        ]
        for means, covariances in (one, other)
    ]
    sampled = np.stack([y.mean(0) for y in samples]), np.stack([np.cov(y.T, bias=True) for y in samples])
    by_samples = sample_margin(*densities, alternatives=3)
    closed = gaussian_margin(one, other, sampled, np.array([40_000, 60_000]), alternatives=3)
    assert closed.gain == pytest.approx(by_samples.gain, rel=1e-9)
    assert closed.error == pytest.approx(by_samples.error, rel=0.02)
    assert closed.z == closed.gain / closed.error


def test_models_equally_far_from_the_truth_are_told_apart_at_the_level() -> None:
    rng, p_values = np.random.default_rng(1), []
    for _ in range(RUNS):
        y = rng.normal(size=300)
        p_values.append(sample_margin([-((y - 0.2) ** 2) / 2], [-((y + 0.2) ** 2) / 2]).p_value)
    for level in (0.1, 0.01):
        assert (np.array(p_values) < level).mean() <= stats.binom.ppf(1 - 1e-4, RUNS, level) / RUNS


def test_the_better_model_wins_and_alternatives_cost() -> None:
    y = np.random.default_rng(2).normal(size=(2, 500))
    right, wrong = [-(v**2) / 2 for v in y], [-((v - 0.3) ** 2) / 2 for v in y]
    one, many = sample_margin(right, wrong), sample_margin(right, wrong, alternatives=10)
    assert one.z > 3 and one.p_value < 1e-3
    assert many.p_value == pytest.approx(10 * one.p_value)


def test_dependent_rows_widen_the_error() -> None:
    y = np.random.default_rng(3).normal(size=400)
    first, second = [-(y**2) / 2], [-((y - 0.3) ** 2) / 2]
    free, dependent = sample_margin(first, second), sample_margin(first, second, sizes=[100.0])
    assert dependent.error == pytest.approx(2 * free.error)
    assert dependent.gain == free.gain


def test_equal_models_decide_nothing() -> None:
    found = gaussian_margin(models(0.2), models(0.2), models(0.3), np.array([100, 100]))
    assert (found.z, found.p_value) == (0.0, 1.0)
