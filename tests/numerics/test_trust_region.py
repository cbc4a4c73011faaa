"""Newton's method in a trust region, against scipy's and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from crlspec.numerics.optimum import FLAT, relative_gradient
from crlspec.numerics.trust_region import _step, optimised


def rosenbrock(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    return float(optimize.rosen(x)), optimize.rosen_der(x), optimize.rosen_hess(x)


@pytest.mark.parametrize("size", [2, 3, 10])
def test_it_ends_where_scipy_ends(size: int) -> None:
    for start in np.random.default_rng(size).normal(size=(5, size)):
        found = optimised(rosenbrock, start)
        theirs = optimize.minimize(
            optimize.rosen, start, jac=optimize.rosen_der, hess=optimize.rosen_hess, method="trust-exact",
            options={"gtol": 1e-9, "maxiter": 200},
        )  # fmt: skip
        np.testing.assert_allclose(found.x, theirs.x, atol=1e-7)
        assert found.settled and not found.spent and found.value == rosenbrock(found.x)[0]


def test_a_quadratic_takes_one_step_within_the_region() -> None:
    calls = []

    def bowl(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        calls.append(x)
        return float((x - 0.5) @ (x - 0.5)), 2 * (x - 0.5), 2 * np.eye(2)

    np.testing.assert_allclose(optimised(bowl, np.zeros(2)).x, 0.5)
    assert len(calls) == 2


def test_it_leaves_a_ridge_that_the_gradient_does_not_see() -> None:
    def saddle(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        a, b = x
        return a**2 - b**2 + b**4, np.array([2 * a, 4 * b**3 - 2 * b]), np.diag([2.0, 12 * b**2 - 2])

    found = optimised(saddle, np.array([1.0, 0.0]))
    np.testing.assert_allclose(np.abs(found.x), [0, np.sqrt(0.5)], atol=1e-8)
    assert found.value == pytest.approx(-0.25)


def test_a_step_is_the_least_of_the_expansion_within_the_radius() -> None:
    """Optimality (Moré & Sorensen 1983): (H + μ) p = −g H + μ positive semidefinite, μ > 0 on the boundary."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        half = rng.normal(size=(4, 4))
        curvature, gradient, radius = half + half.T, rng.normal(size=4), float(rng.uniform(0.1, 3))
        step, bound = _step(gradient, curvature, radius)
        size = float(np.linalg.norm(step))
        mu = -float(step @ (gradient + curvature @ step)) / size**2
        np.testing.assert_allclose(curvature @ step + mu * step, -gradient, atol=1e-6)
        assert np.linalg.eigvalsh(curvature)[0] + mu > -1e-8
        assert size == pytest.approx(radius) and mu > 0 if bound else size < radius


def test_a_search_that_runs_out_of_iterations_is_not_settled() -> None:
    start = np.array([-1.2, 1.0, -1.0])
    found = optimised(rosenbrock, start, iterations=3)
    assert found.spent and not found.settled
    assert found.gradient == relative_gradient(rosenbrock(found.x)[1], found.x, found.value) > FLAT


def test_rounding_does_not_keep_it_from_the_end() -> None:
    """The value is so large that its last digits hide every gain near the optimum."""

    def high(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        value, gradient, curvature = rosenbrock(x)
        return value + 1e9, gradient, curvature

    found = optimised(high, np.array([-1.2, 1.0]))
    np.testing.assert_allclose(found.x, 1, atol=1e-2)
    assert found.settled and not found.spent
