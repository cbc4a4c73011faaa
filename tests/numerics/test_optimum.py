"""Minimisers that say whether they reached the minimum."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import optimize

from crlspec.errors import NumericalWarning
from crlspec.numerics.optimum import FLAT, minimised, relative_gradient, warn_unless_settled


def rosenbrock(x: np.ndarray) -> tuple[float, np.ndarray]:
    return float(optimize.rosen(x)), optimize.rosen_der(x)


START = np.array([-1.2, 1.0, -1.0])


def test_an_optimum_is_settled_and_flat() -> None:
    found = minimised(rosenbrock, START, options={"maxiter": 500})
    np.testing.assert_allclose(found.x, 1, atol=1e-3)
    assert found.settled and not found.spent and found.gradient < 1e-2
    assert found.value == rosenbrock(found.x)[0]


def test_a_search_that_runs_out_of_iterations_is_not_settled() -> None:
    found = minimised(rosenbrock, START, options={"maxiter": 3})
    assert found.spent and not found.settled
    assert found.gradient == relative_gradient(rosenbrock(found.x)[1], found.x, found.value) > FLAT


def test_a_trust_region_takes_second_derivatives() -> None:
    found = minimised(
        optimize.rosen, START, method="trust-exact", jac=optimize.rosen_der, hess=optimize.rosen_hess,
        options={"gtol": 1e-9, "maxiter": 200},
    )  # fmt: skip
    np.testing.assert_allclose(found.x, 1, atol=1e-8)
    assert found.settled


def test_a_line_search_stopped_by_rounding_is_settled_where_it_is_flat() -> None:
    """ABNORMAL of L-BFGS, of an objective whose gradient is off by a little."""

    def rough(x: np.ndarray) -> tuple[float, np.ndarray]:
        return float((x**2).sum()), 2 * x + 1e-6

    options = {"maxiter": 500, "ftol": 0.0, "gtol": 0.0}
    raw = optimize.minimize(rough, START, jac=True, method="L-BFGS-B", options=options)
    found = minimised(rough, START, options=options)
    assert not raw.success and found.settled and found.gradient < FLAT


def test_the_relative_gradient_does_not_depend_on_the_unit_of_large_parameters() -> None:
    gradient, x = np.array([3.0, -4.0]), np.array([20.0, -50.0])
    assert relative_gradient(gradient, x, 10.0) == 20.0
    assert relative_gradient(gradient / 7, 7 * x, 10.0) == pytest.approx(20.0)
    assert relative_gradient(np.zeros(0), np.zeros(0), 1.0) == 0.0


def test_a_fit_that_stopped_early_warns_by_name() -> None:
    expected = (
        r"^The fit of it stopped before its optimum\. The relative gradient there is 0\.03, and below 0\.001 is "
        r"needed, so results that rest on it may be off\. Give more samples\.$"
    )
    with pytest.warns(NumericalWarning, match=expected):
        warn_unless_settled(False, 0.03, "The fit of it", "Give more samples.")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_unless_settled(True, 0.03, "The fit of it", "Give more samples.")
