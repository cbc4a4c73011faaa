"""Newton's method within a trusted region: minima of scipy's, also where the start is a saddle or a ridge."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from crlspec.numerics.optimum import FLAT
from crlspec.numerics.trust_region import newton_minimised


def rosenbrock(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    return float(optimize.rosen(x)), optimize.rosen_der(x), optimize.rosen_hess(x)


START = np.array([-1.2, 1.0, -1.0])


def test_it_finds_the_minimum_of_scipys_in_no_more_iterations() -> None:
    calls = []

    def counted(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        calls.append(x)
        return rosenbrock(x)

    found = newton_minimised(counted, START, tolerance=1e-9, most=200)
    theirs = optimize.minimize(
        optimize.rosen, START, jac=optimize.rosen_der, hess=optimize.rosen_hess, method="trust-exact",
        options={"gtol": 1e-9},
    )  # fmt: skip
    np.testing.assert_allclose(found.x, 1, atol=1e-9)
    assert found.settled and not found.spent and found.gradient < 1e-8
    assert len(calls) <= 1.5 * theirs.nit


def test_it_leaves_a_saddle_where_the_gradient_is_nearly_nothing() -> None:
    """(x² − 1)² + y² at (0, 0), and a hair beside."""

    def saddle(point: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        x, y = point
        gradient = np.array([4 * x * (x**2 - 1), 2 * y])
        return float((x**2 - 1) ** 2 + y**2), gradient, np.diag([12 * x**2 - 4, 2.0])

    found = newton_minimised(saddle, np.array([0.0, 1e-5]), tolerance=1e-10, most=100)
    np.testing.assert_allclose(np.abs(found.x), [1, 0], atol=1e-9)


def test_a_quadratic_takes_one_step_where_the_region_holds_it() -> None:
    rng = np.random.default_rng(0)
    half = rng.normal(size=(6, 6))
    matrix, wanted = half @ half.T + np.eye(6), rng.normal(size=6) / 10

    def bowl(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        away = x - wanted
        return float(away @ matrix @ away / 2), matrix @ away, matrix

    np.testing.assert_allclose(
        newton_minimised(bowl, np.zeros(6), tolerance=1e-9, most=1).x, wanted, atol=1e-12
    )


def test_a_search_that_runs_out_of_iterations_is_spent() -> None:
    found = newton_minimised(rosenbrock, START, tolerance=1e-9, most=2)
    assert found.spent and not found.settled and found.gradient > FLAT


def test_a_gradient_that_rounding_keeps_from_the_tolerance_ends_the_search_flat() -> None:
    calls = []

    def rough(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        calls.append(x)
        return float(1e6 + x @ x / 2), x + 1e-7, np.eye(len(x))

    found = newton_minimised(rough, np.ones(3), tolerance=1e-30, most=200)
    assert found.settled and found.gradient < FLAT
    assert found.x == pytest.approx(-1e-7 * np.ones(3), abs=1e-12)
    assert len(calls) < 60
