"""The number of components beyond noise: right, at the level it claims, and never silent about why."""

from __future__ import annotations

import numpy as np
import pytest

from crlspec.numerics.dimension import count_components, largest_noise_eigenvalue


def spectrum(
    rng: np.random.Generator, variables: int, signals: int, noise: float, samples: int
) -> np.ndarray:
    """Eigenvalues of the sample covariance of ``signals`` Laplace factors in isotropic noise."""
    loadings = rng.normal(size=(variables, signals))
    x = rng.laplace(size=(samples, signals)) @ loadings.T + noise * rng.normal(size=(samples, variables))
    return np.linalg.eigvalsh(np.cov(x.T))[::-1]


def test_the_quantiles_are_those_of_tracy_and_widom() -> None:
    rows, columns = np.sqrt(1e6 - 0.5), np.sqrt(100 - 0.5)
    spread = (rows + columns) * (1 / rows + 1 / columns) ** (1 / 3)
    for alpha, quantile in ((0.05, 0.9793), (0.01, 2.0234)):
        edge = largest_noise_eigenvalue(100, 10**6, alpha) * 1e6
        assert (edge - (rows + columns) ** 2) / spread == pytest.approx(quantile, abs=0.03)


@pytest.mark.parametrize(("variables", "samples"), [(3, 2000), (10, 500), (25, 5000)])
def test_noise_alone_has_no_components_at_the_level_claimed(variables: int, samples: int) -> None:
    rng = np.random.default_rng(0)
    found = [
        count_components(spectrum(rng, variables, 0, 1.0, samples), samples, alpha=0.05).count > 0
        for _ in range(300)
    ]
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


@pytest.mark.parametrize("noise", [0.0, 1e-3, 0.1, 1.0])
def test_the_signals_are_counted(noise: float) -> None:
    rng = np.random.default_rng(1)
    for signals in (1, 4, 7):
        found = count_components(spectrum(rng, 12, signals, noise, 4000), 4000, 1e-3)
        assert found.count == signals
        assert found.variance == pytest.approx(noise**2, rel=0.05)
        assert str(found).startswith(f"{signals} eigenvalues of the pooled covariance")


def test_weak_signals_are_missed_rather_than_invented() -> None:
    rng = np.random.default_rng(2)
    counts = [count_components(spectrum(rng, 20, 3, 30.0, 200), 200, 1e-3).count for _ in range(20)]
    assert max(counts) <= 3


def test_without_noise_all_dimensions_may_count() -> None:
    rng = np.random.default_rng(3)
    assert count_components(spectrum(rng, 5, 3, 0.0, 300), 300, 1e-3).count == 3
    assert count_components(np.array([2.0]), 100, 1e-3).count == 1
    assert count_components(spectrum(rng, 4, 4, 0.0, 4000), 4000, 1e-3).count == 3, (
        "the last has nothing beside it"
    )
