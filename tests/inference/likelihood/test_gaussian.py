"""The joint Gaussian likelihood: its gradient, and the order search that starts from the present rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from crlspec.inference.likelihood.gaussian import GaussianFit, _Profile, _targeted, fit_order, search_order
from crlspec.numerics.linalg import augmented_moments


def problem(seed: int, n: int, environments: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Moments and counts of unrelated environments, and a signature without an empty row."""
    rng = np.random.default_rng(seed)
    samples = [
        rng.normal(size=(50, n)) @ rng.normal(size=(n, n)) + rng.normal(size=n) for _ in range(environments)
    ]
    signature = rng.random((n, environments - 1)) < 0.4
    signature[:, 0] |= ~signature.any(1)
    counts = rng.uniform(100, 1000, size=environments)
    return np.stack([augmented_moments(y) for y in samples]), counts, signature


@pytest.mark.parametrize("seed", range(4))
def test_the_gradient_is_that_of_finite_differences(seed: int) -> None:
    moments, counts, signature = problem(seed, 4, 6)
    profile = _Profile(moments, counts, _targeted((2, 0, 3, 1), signature))
    point = np.random.default_rng(seed).normal(size=16)
    expected = optimize.approx_fprime(point, lambda flat: profile(flat)[0], 1e-7)
    np.testing.assert_allclose(profile(point)[1], expected, rtol=1e-4, atol=1e-4)


def test_scale_of_the_rows_leaves_the_likelihood_as_it_is() -> None:
    moments, counts, signature = problem(5, 3, 4)
    profile = _Profile(moments, counts, _targeted((0, 1, 2), signature))
    rows = np.random.default_rng(0).normal(size=(3, 3))
    scaled = rows * np.array([[2.0], [-0.5], [3.0]])
    assert profile(scaled.ravel())[0] == pytest.approx(profile(rows.ravel())[0], abs=1e-12)


def test_a_wrong_order_is_undone() -> None:
    """z₁ → z₂ → z₃ seen directly, one hard intervention on each."""
    rng, samples = np.random.default_rng(0), []
    for target in range(-1, 3):
        z = rng.normal(size=(40_000, 3)) * (1 + np.eye(3)[target] * (target >= 0))
        for child in (1, 2):
            z[:, child] += z[:, child - 1] * (child != target)
        samples.append(z)
    moments, counts = np.stack([augmented_moments(z) for z in samples]), np.full(4, 40_000.0)

    def refit(order: tuple[int, ...], start: np.ndarray) -> GaussianFit:
        return fit_order(order, start, moments, counts)

    found = search_order(refit((2, 1, 0), np.eye(3)[[2, 1, 0]]), refit, margin=1e-6)
    assert found.order == (0, 1, 2)
    normal = found.rows / np.abs(found.rows).max(1, keepdims=True)
    np.testing.assert_allclose(np.abs(normal), np.eye(3), atol=0.05)
