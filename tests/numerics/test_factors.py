"""Factor analysis: closed forms, recovered noise, the level of its test, and what is not identified."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from crlspec.numerics.factors import count_factors, degrees_of_freedom, fit_factors, most_factors


def drawn(
    seed: int, observed: int = 12, factors: int = 3, samples: int = 4000
) -> tuple[np.ndarray, np.ndarray]:
    """The covariance of Laplace factors, each wider in a fourth of the samples, in noise of the given variances."""
    rng = np.random.default_rng(seed)
    loadings, noise = rng.normal(size=(observed, factors)), rng.uniform(0.05, 0.5, observed)
    wide = 1 + (np.arange(samples)[:, None] * 4 // samples == np.arange(factors))
    x = (rng.laplace(size=(samples, factors)) * wide) @ loadings.T
    return np.cov((x + np.sqrt(noise) * rng.normal(size=x.shape)).T), noise


def test_one_factor_of_three_variables_has_a_closed_form() -> None:
    s = np.array([[2.0, 0.6, 0.8], [0.6, 1.5, 0.5], [0.8, 0.5, 1.2]])
    model = fit_factors(s, 1000, 1)
    expected = [2 - 0.6 * 0.8 / 0.5, 1.5 - 0.6 * 0.5 / 0.8, 1.2 - 0.8 * 0.5 / 0.6]
    np.testing.assert_allclose(model.variances, expected, rtol=1e-5)
    assert model.degrees == 0 and model.p_value == 1.0 and model.misfit == 0.0 and not model.heywood


def test_a_covariance_that_is_one_of_factors_is_fitted_exactly_in_any_units() -> None:
    rng = np.random.default_rng(0)
    loadings, noise = rng.normal(size=(10, 3)), rng.uniform(0.1, 1, 10)
    units = 10.0 ** rng.uniform(-4, 4, 10)
    covariance = (loadings @ loadings.T + np.diag(noise)) * np.outer(units, units)
    model = fit_factors(covariance, 1000, 3)
    np.testing.assert_allclose(model.variances / units**2, noise, rtol=1e-3)
    assert model.statistic < 1e-3 and model.degrees == 18


@pytest.mark.parametrize("size", [1.0, 1e-2, 1e-4])
def test_noise_of_any_size_is_recovered(size: float) -> None:
    rng = np.random.default_rng(3)
    loadings, noise = rng.normal(size=(12, 3)), rng.uniform(0.05, 0.5, 12)
    x = rng.laplace(size=(20_000, 3)) @ loadings.T + size * np.sqrt(noise) * rng.normal(size=(20_000, 12))
    model = fit_factors(np.cov(x.T), 20_000, 3)
    np.testing.assert_allclose(model.variances / size**2, noise, rtol=0.06)
    assert model.p_value > 1e-3 and not model.heywood


def test_the_level_of_the_test_is_what_it_says_though_factors_are_no_normal_ones() -> None:
    p_values = np.array([fit_factors(drawn(seed)[0], 4000, 3).p_value for seed in range(5000, 5400)])
    assert stats.binomtest(int((p_values < 0.05).sum()), 400, 0.05).pvalue > 0.01
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_factors_are_counted_and_too_few_are_rejected() -> None:
    for seed in range(20):
        covariance, _ = drawn(seed)
        found = count_factors(covariance, 4000, 1e-3)
        assert found is not None and found.factors == 3
        assert fit_factors(covariance, 4000, 2).p_value < 1e-10


def test_no_number_of_factors_explains_correlated_noise() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4000, 8)) @ rng.normal(size=(8, 8))
    assert count_factors(np.cov(x.T), 4000, 1e-3) is None


def test_a_variable_without_noise_is_a_heywood_case() -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(0.1, 0.5, 10)
    noise[4] = 0
    x = rng.laplace(size=(4000, 3)) @ rng.normal(size=(10, 3)).T + np.sqrt(noise) * rng.normal(
        size=(4000, 10)
    )
    x[:, 4] += 0.5 * (x[:, 4] - x[:, 4].mean())
    assert fit_factors(np.cov(x.T), 4000, 3).heywood == (4,)


def test_what_so_many_variables_identify() -> None:
    assert [most_factors(d) for d in (3, 4, 5, 6, 8, 12)] == [1, 1, 2, 3, 4, 7]
    assert (
        degrees_of_freedom(5, 3) == -2 and degrees_of_freedom(6, 3) == 0 and degrees_of_freedom(12, 3) == 33
    )
