"""The profile likelihood of nested regressions: its derivatives, its invariance, and optima of nested spaces."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import optimize

from crlspec.inference.likelihood.newton import as_changes, fitted
from crlspec.inference.likelihood.profile import Entries, Profiles, environments_apart, pooled_within
from crlspec.inference.soft.fit import OrderFit, fit_soft, mended
from crlspec.inference.soft.gaussian import _own_and_others
from crlspec.numerics.linalg import augmented_moments

N, ENVIRONMENTS = 4, 6


def moments_of(seed: int, n: int = N, environments: int = ENVIRONMENTS) -> np.ndarray:
    rng = np.random.default_rng(seed)
    samples = [
        rng.normal(size=(60, n)) @ rng.normal(size=(n, n)) + rng.normal(size=n) for _ in range(environments)
    ]
    return np.stack([augmented_moments(y) for y in samples])


def profiles(seed: int, cutting: bool = True) -> tuple[Profiles, np.ndarray]:
    """Two fits, each position with two groups of environments, and some that cut it off; and rows."""
    rng, moments = np.random.default_rng(seed), moments_of(seed)
    counts = rng.uniform(100, 1000, size=ENVIRONMENTS)
    cut = (rng.random((2, N, ENVIRONMENTS)) < 0.3) & cutting
    cut[:, :, 0] = False
    group = rng.random((2, N, ENVIRONMENTS)) < 0.5
    weights = np.stack([group & ~cut, ~group & ~cut], 2) * counts / counts.sum()
    pooled = pooled_within(weights, moments)
    found = Profiles(pooled, weights.sum(-1), environments_apart(moments)[None], cut * counts / counts.sum())
    return found, rng.normal(size=(2, N, N))


@pytest.mark.parametrize("seed", range(3))
def test_derivatives_are_those_of_finite_differences(seed: int) -> None:
    given, rows = profiles(seed)
    free = Entries.of(np.ones((N, N), dtype=bool))
    found = given.expanded(rows, free)

    def gradient(change: np.ndarray, fit: int) -> np.ndarray:
        """At (I + Δ) H, in Δ: that at the rows there in relative changes, times (I + Δ)⁻¹ᵀ."""
        moved = np.eye(N) + change.reshape(N, N)
        here = given.of(np.array([fit])).expanded((moved @ rows[fit])[None], free).gradients[0].reshape(N, N)
        return np.asarray(here @ np.linalg.inv(moved).T).ravel()

    for fit in range(2):

        def loss(change: np.ndarray, fit: int = fit) -> float:
            moved = (np.eye(N) + change.reshape(N, N)) @ rows[fit]
            return float(given.of(np.array([fit])).losses(moved[None])[0])

        expected = optimize.approx_fprime(np.zeros(N * N), loss, 1e-7)
        np.testing.assert_allclose(found.gradients[fit], expected, rtol=1e-4, atol=1e-4)
        steps = np.eye(N * N) * 1e-6
        bends = np.stack([(gradient(step, fit) - gradient(-step, fit)) / 2e-6 for step in steps])
        np.testing.assert_allclose(found.curvatures[fit], bends, rtol=1e-5, atol=1e-5)


def test_rows_mixed_with_those_before_have_the_same_likelihood() -> None:
    """Where nothing is cut off: the optimum is one of nested spaces."""
    given, rows = profiles(5, cutting=False)
    lower = np.tril(np.random.default_rng(0).normal(size=(N, N)), -1) + np.diag([2.0, -1.0, 0.5, 3.0])
    np.testing.assert_allclose(given.losses(lower @ rows), given.losses(rows), atol=1e-12)
    changed = as_changes(lower @ rows, rows + np.triu(np.ones((N, N)), 1) @ rows)
    np.testing.assert_allclose(given.losses(changed), given.losses(rows), atol=1e-10)


def test_changes_are_unit_upper_triangular() -> None:
    rng = np.random.default_rng(1)
    starts, upper = rng.normal(size=(3, N, N)), np.triu(rng.normal(size=(3, N, N)), 1) + np.eye(N)
    lower = np.tril(rng.normal(size=(3, N, N)), -1) + 2 * np.eye(N)
    np.testing.assert_allclose(
        as_changes(lower @ upper @ starts, starts), upper @ starts, rtol=1e-8, atol=1e-8
    )


@pytest.mark.parametrize("seed", range(4))
def test_no_general_optimiser_finds_more_among_nested_spaces(seed: int) -> None:
    given, rows = profiles(seed, cutting=False)
    found = fitted(given, rows, nested=True)
    assert found.settled.all() and not found.spent.any()
    upper = np.triu_indices(N, 1)
    for fit in range(2):

        def loss(flat: np.ndarray, fit: int = fit) -> float:
            change = np.eye(N)
            change[upper] = flat
            return float(given.of(np.array([fit])).losses((change @ found.rows[fit])[None])[0])

        assert loss(np.zeros(len(upper[0]))) == pytest.approx(found.losses[fit], abs=1e-10)
        assert optimize.minimize(loss, np.zeros(len(upper[0]))).fun > found.losses[fit] - 1e-9


def test_no_order_is_left_in_an_optimum_that_a_neighbour_improves() -> None:
    moments, counts = moments_of(2, 3, 4), np.full(4, 500.0)
    grouped, orders = _own_and_others(3), list(itertools.permutations(range(3)))
    groups, starts = grouped[np.array(orders)], np.stack([np.eye(3)[list(order)] for order in orders])
    fits = dict(zip(orders, fit_soft(groups, starts, moments, counts), strict=True))
    worse = {
        order: OrderFit(rows, fits[order].loss + 1, True, 0.0)
        for order, rows in zip(orders, starts, strict=True)
    }
    given = {order: fits[order] if order == orders[0] else worse[order] for order in orders}
    found = mended(given, grouped, moments, counts)
    assert all(found[order].loss <= given[order].loss for order in orders)
    assert found[1, 0, 2].loss < given[1, 0, 2].loss
    same = mended(found, grouped, moments, counts)
    assert all(same[order].loss == found[order].loss for order in orders)
