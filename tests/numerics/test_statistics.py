"""Tests keep their level where the null hypothesis holds, and find what is there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from crlspec.numerics.statistics import (
    agreement_p_value,
    curvature_p_value,
    explained_by_squares,
    gaussianity_p_value,
    multivariate_skewness_p_value,
    normality_p_values,
    paired_p_value,
    third_moments,
)

RUNS = 400


def most(level: float) -> float:
    """A share of rejections that RUNS runs at this level exceed with probability 1e-4."""
    return float(stats.binom.ppf(1 - 1e-4, RUNS, level)) / RUNS


@pytest.mark.parametrize("samples", [500, 1000, pytest.param(5000, marks=pytest.mark.slow)])
def test_gaussianity_keeps_its_level_over_components_and_environments(samples: int) -> None:
    """Four environments of three components, 2000 replications; the tail of the kurtosis costs a fifth at 500."""
    rng, runs = np.random.default_rng(samples), 2000
    columns = [normality_p_values(rng.standard_normal((samples, runs))) for _ in range(12)]
    p_values = 24 * np.concatenate(columns).min(axis=0)
    for level in (0.05, 0.01):
        found = (p_values < level).mean()
        assert 0.5 * level < found <= stats.binom.ppf(1 - 1e-3, runs, 1.2 * level) / runs


def test_gaussianity_is_the_least_p_value_times_their_number() -> None:
    samples = list(np.random.default_rng(11).laplace(size=(4, 50, 3)))
    columns = 24 * min(normality_p_values(y).min() for y in samples)
    joint = 4 * min(multivariate_skewness_p_value(y) for y in samples)
    assert gaussianity_p_value(samples) == min(1.0, 2 * min(columns, joint))
    assert gaussianity_p_value([np.random.default_rng(0).normal(size=(100, 1))]) <= 1


@pytest.mark.parametrize(("samples", "components"), [(200, 1), (500, 3), (2000, 6)])
def test_multivariate_skewness_keeps_its_level(samples: int, components: int) -> None:
    rng = np.random.default_rng(samples)
    drawn = (rng.normal(size=(samples, components)) for _ in range(RUNS))
    p_values = np.array([multivariate_skewness_p_value(y) for y in drawn])
    for level in (0.1, 0.01):
        assert (p_values < level).mean() <= most(level)


def test_multivariate_skewness_of_one_column_is_its_squared_skewness() -> None:
    y = np.random.default_rng(13).normal(size=(5000, 1))
    expected = stats.chi2.sf(len(y) / 6 * stats.skew(y[:, 0]) ** 2, 1)
    np.testing.assert_allclose(multivariate_skewness_p_value(y), expected, rtol=0.02)


def test_third_moments_are_summed_as_if_each_order_of_indices_stood_by_itself() -> None:
    y = np.random.default_rng(4).normal(size=(5000, 4)) ** 2
    z = y - y.mean(0)
    whole = np.einsum("si,sj,sk->ijk", z, z, z) / len(z)
    np.testing.assert_allclose(third_moments(y), whole, rtol=1e-10, atol=1e-12)


def test_a_dependence_that_no_column_shows_is_found_and_a_constant_direction_is_left_out() -> None:
    rng = np.random.default_rng(14)
    z = rng.normal(size=(10_000, 2))
    y = np.c_[z[:, 0], 0.2 * z[:, 0] * z[:, 1] + rng.normal(size=10_000), np.full(10_000, 3.0)]
    assert multivariate_skewness_p_value(np.c_[z, y[:, 1:]]) < 1e-6
    assert normality_p_values(y[:, :2]).min() > 1e-3
    assert multivariate_skewness_p_value(np.full((100, 2), 3.0)) == 1


def test_gaussianity_of_correlated_components_keeps_its_level_in_the_far_tail() -> None:
    rng = np.random.default_rng(10)
    mixing = rng.normal(size=(5, 5))
    samples = (list(rng.normal(size=(6, 1000, 5)) @ mixing) for _ in range(RUNS))
    assert sum(gaussianity_p_value(y) < 1e-3 for y in samples) <= 3


def test_too_few_samples_say_nothing_of_gaussianity() -> None:
    assert gaussianity_p_value([np.random.default_rng(0).laplace(size=(19, 2))]) == 1


def test_gaussianity_is_refuted_by_skewness_alone_and_by_kurtosis_alone() -> None:
    rng = np.random.default_rng(12)
    for column in (rng.gamma(20, size=5000), rng.uniform(size=500), rng.standard_t(8, size=5000)):
        assert gaussianity_p_value([np.c_[rng.normal(size=len(column)), column]]) < 1e-3


def test_one_laplace_column_among_many_is_found() -> None:
    rng = np.random.default_rng(2)
    samples = [rng.normal(size=(2000, 3)) for _ in range(4)]
    samples[2][:, 1] = rng.laplace(size=2000)
    assert gaussianity_p_value(samples) < 1e-6


def test_gaussianity_does_not_depend_on_units() -> None:
    y = np.random.default_rng(3).laplace(size=(300, 2))
    np.testing.assert_allclose(gaussianity_p_value([1e3 * y + 7]), gaussianity_p_value([y]), rtol=1e-6)


def test_squares_are_found_and_noise_is_not() -> None:
    rng = np.random.default_rng(4)
    p_values = []
    for _ in range(RUNS):
        p_values.append(explained_by_squares(rng.normal(size=(200, 2)), rng.normal(size=(200, 2))))
    assert (np.array(p_values) < 0.05).mean() <= most(0.05)
    inputs = rng.normal(size=(500, 3))
    target = inputs[:, [0]] * inputs[:, [2]] + 0.5 * rng.normal(size=(500, 1))
    assert explained_by_squares(target, inputs) < 1e-12


@pytest.mark.parametrize("level", [0.01, 0.1])
def test_paired_gains_keep_their_level(level: float) -> None:
    rng = np.random.default_rng(5)
    p_values = np.array([paired_p_value(rng.standard_t(5, size=300)) for _ in range(RUNS)])
    assert (p_values < level).mean() <= most(level)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_paired_gains_are_one_sided() -> None:
    gains = np.random.default_rng(6).normal(0.5, 1.0, 500)
    assert paired_p_value(gains) < 1e-6
    assert paired_p_value(-gains) > 1 - 1e-6
    assert paired_p_value(np.zeros(10)) == 1


@pytest.mark.parametrize("level", [0.01, 0.1])
def test_agreement_of_independent_noise_keeps_its_level(level: float) -> None:
    rng = np.random.default_rng(7)
    points, freedom = rng.normal(size=(500, 10)), 10
    basis = np.linalg.qr(points)[0]
    p_values = np.array(
        [
            agreement_p_value(*(basis @ rng.normal(size=freedom) for _ in range(2)), freedom)
            for _ in range(RUNS)
        ]
    )
    assert (p_values < level).mean() <= most(level)


def test_agreement_finds_a_shared_function_and_no_opposite_one() -> None:
    rng = np.random.default_rng(8)
    shared = rng.normal(size=500)
    first, second = shared + 0.3 * rng.normal(size=500), shared + 0.3 * rng.normal(size=500)
    assert agreement_p_value(first, second, 15) < 1e-4
    assert agreement_p_value(first, -second, 15) > 1 - 1e-4
    assert agreement_p_value(np.zeros(5), np.ones(5), 15) == 1
    np.testing.assert_allclose(
        agreement_p_value(10 * first, 0.1 * second, 15), agreement_p_value(first, second, 15)
    )


@pytest.mark.parametrize("samples", [40, 60, 100, 200, 500])
def test_normality_keeps_its_level_in_the_tail_at_few_samples(samples: int) -> None:
    rng, runs = np.random.default_rng([samples, 2]), 100_000
    drawn = [normality_p_values(rng.standard_normal((samples, runs // 10))) for _ in range(10)]
    for p_values in np.concatenate(drawn, axis=1):
        for level in (1e-2, 1e-3, 1e-4):
            assert (p_values < level).mean() <= stats.binom.ppf(1 - 1e-4, runs, 1.2 * level) / runs
        assert (p_values < 1e-2).mean() > 0.7e-2


def test_scores_of_normality_are_those_of_scipy_at_many_samples() -> None:
    y = np.random.default_rng(3).gamma(400, size=(50_000, 3))
    expected = np.stack([test(y, axis=0).pvalue for test in (stats.skewtest, stats.kurtosistest)])
    np.testing.assert_allclose(np.log(normality_p_values(y)), np.log(expected), rtol=0.1, atol=0.02)


def test_columns_in_which_nothing_varies_say_nothing_of_normality() -> None:
    for constant in (3.0, 0.1, -1e9 / 7):
        assert normality_p_values(np.full((100, 2), constant)).min() == 1
        assert multivariate_skewness_p_value(np.full((100, 2), constant)) == 1


def test_curvature_is_found_and_a_linear_rest_is_none() -> None:
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(300):
        y = rng.normal(size=(500, 3))
        p_values.append(curvature_p_value(y @ rng.normal(size=(3, 2)) + rng.normal(size=(500, 2)), y))
    assert stats.binomtest(int((np.array(p_values) < 0.05).sum()), 300, 0.05).pvalue > 0.01
    y = rng.normal(size=(2000, 3))
    for bent in (y[:, :1] * y[:, 1:2], y[:, :1] ** 3, y[:, :1] ** 2 * y[:, 1:2]):
        assert curvature_p_value(0.2 * bent + rng.normal(size=(2000, 1)), y) < 1e-6
    assert curvature_p_value(y[:15, :1] ** 2, y[:15]) == 1.0
