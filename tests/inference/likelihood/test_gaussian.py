"""The joint Gaussian likelihood: its optima, and the order search that starts from the present rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import optimize

from crlspec.inference.likelihood.gaussian import (
    GaussianFit,
    Order,
    fit_order,
    fit_orders,
    loss_of,
    search_order,
)
from crlspec.inference.likelihood.profile import environments_apart
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


def loss_at(
    rows: np.ndarray, order: Order, moments: np.ndarray, counts: np.ndarray, signature: np.ndarray
) -> float:
    return loss_of(GaussianFit(order, rows, 0.0), moments, counts, signature)


@pytest.mark.parametrize("seed", range(6))
def test_no_general_optimiser_finds_more_than_newton_steps_do(seed: int) -> None:
    """Neither one with gradients nor one without, started from the optimum."""
    moments, counts, signature = problem(seed, 3, 5)
    order, rng = (2, 0, 1), np.random.default_rng(seed)
    start = np.linalg.inv(np.linalg.cholesky(moments[:, 1:, 1:].mean(0))) + 0.1 * rng.normal(size=(3, 3))

    def loss(flat: np.ndarray) -> float:
        return loss_at(flat.reshape(3, 3), order, moments, counts, signature)

    fit = fit_order(order, start, moments, counts, signature)
    assert fit.settled and fit.gradient < 1e-5
    assert fit.loss == pytest.approx(loss(fit.rows.ravel()), abs=1e-12)
    for method in ("L-BFGS-B", "Nelder-Mead"):
        further = optimize.minimize(loss, fit.rows.ravel(), method=method, options={"maxiter": 2000}).fun
        assert further > fit.loss - 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_one_environment_each_is_fitted_among_nested_spaces_and_unmixed(seed: int) -> None:
    """The rows have the likelihood that was found, and no change of any of their entries has a greater one."""
    moments, counts, _ = problem(seed, 3, 4)
    order, signature = (1, 2, 0), np.eye(3, dtype=bool)
    fit = fit_order(order, np.eye(3), moments, counts)

    def loss(flat: np.ndarray) -> float:
        return loss_at(flat.reshape(3, 3), order, moments, counts, signature)

    assert fit.settled and fit.loss == pytest.approx(loss(fit.rows.ravel()), abs=1e-12)
    found = optimize.minimize(loss, fit.rows.ravel(), method="L-BFGS-B")
    assert found.fun > fit.loss - 1e-9
    for k in range(1, 3):  # z_k is independent of those before it where it is targeted
        second = environments_apart(moments)[1 + order[k]]
        np.testing.assert_allclose(fit.rows[:k] @ second @ fit.rows[k], 0.0, atol=1e-12)


def test_fits_together_are_fits_alone() -> None:
    moments, counts, signature = problem(3, 3, 5)
    other = signature.copy()
    other[0, 1] ^= True
    starts = np.stack([np.eye(3), np.random.default_rng(0).normal(size=(3, 3))])
    together = fit_orders([(0, 1, 2), (2, 1, 0)], starts, moments, counts, [signature, other])
    for found, order, start, given in zip(
        together, [(0, 1, 2), (2, 1, 0)], starts, [signature, other], strict=True
    ):
        alone = fit_order(order, start, moments, counts, given)
        assert found.order == order and found.loss == pytest.approx(alone.loss, abs=1e-12)
        np.testing.assert_allclose(found.rows, alone.rows, rtol=1e-6, atol=1e-6)


def test_singular_rows_are_no_start() -> None:
    moments, counts, signature = problem(1, 3, 5)
    with pytest.raises(np.linalg.LinAlgError, match="encoder rows to start from are singular"):
        fit_order((0, 1, 2), np.ones((3, 3)), moments, counts, signature)


def test_scale_of_the_rows_leaves_the_likelihood_as_it_is() -> None:
    moments, counts, signature = problem(5, 3, 4)
    rows = np.random.default_rng(0).normal(size=(3, 3))
    scaled = rows * np.array([[2.0], [-0.5], [3.0]])
    first, second = (loss_at(each, (0, 1, 2), moments, counts, signature) for each in (rows, scaled))
    assert first == pytest.approx(second, abs=1e-12)


def test_a_wrong_order_is_undone() -> None:
    """z₁ → z₂ → z₃ seen directly, one hard intervention on each."""
    rng, samples = np.random.default_rng(0), []
    for target in range(-1, 3):
        z = rng.normal(size=(40_000, 3)) * (1 + np.eye(3)[target] * (target >= 0))
        for child in (1, 2):
            z[:, child] += z[:, child - 1] * (child != target)
        samples.append(z)
    moments, counts = np.stack([augmented_moments(z) for z in samples]), np.full(4, 40_000.0)

    def refit(orders: Sequence[Order], starts: np.ndarray) -> list[GaussianFit]:
        return fit_orders(orders, starts, moments, counts)

    found = search_order(refit([(2, 1, 0)], np.eye(3)[[2, 1, 0]][None])[0], refit, margin=1e-6)
    assert found.order == (0, 1, 2)
    normal = found.rows / np.abs(found.rows).max(1, keepdims=True)
    np.testing.assert_allclose(np.abs(normal), np.eye(3), atol=0.05)
