"""Smooth minimisation by scipy, with a word on whether the minimum was reached."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from crlspec.errors import NumericalWarning

__all__ = ["FLAT", "Optimum", "minimised", "relative_gradient", "warn_unless_settled"]

FLAT = 1e-3
"""Relative gradient below which a point passes as a minimum though the optimiser gave up: a convention. At the truth
sampling error leaves a mean loss of 100,000 samples a gradient of about three times as much."""

ITERATIONS = 1
"""scipy's status of a search that ran out of iterations."""


@dataclass(frozen=True)
class Optimum:
    """Where a minimisation ended.

    x         (parameter,)
    value     of the objective there
    gradient  the relative gradient there, see :func:`relative_gradient` (Dennis & Schnabel, "Numerical methods for
              unconstrained optimization and nonlinear equations", 1983, section 7.2)
    settled   whether the minimum was reached: by the optimiser's own criterion, or, where rounding stopped its line
              search, by a relative gradient of almost nothing
    spent     whether it ran out of iterations
    """

    x: np.ndarray
    value: float
    gradient: float
    settled: bool
    spent: bool


def relative_gradient(gradient: np.ndarray, x: np.ndarray, value: float) -> float:
    """Largest entry of |g| max(|x|, 1) / max(|value|, 1): how much of the value a relative change of x changes."""
    relative = np.abs(gradient) * np.maximum(np.abs(x), 1) / max(abs(value), 1)
    return float(relative.max(initial=0.0))


def minimised(
    objective: Callable[..., Any],
    start: np.ndarray,
    *,
    options: Mapping[str, Any],
    method: Literal["L-BFGS-B", "trust-exact"] = "L-BFGS-B",
    jac: bool | Callable[[np.ndarray], np.ndarray] = True,
    hess: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Optimum:
    """The minimum near a start (parameter,).

    objective  gives the value and the gradient, or the value alone where ``jac`` gives the gradient
    hess       second derivatives, for trust-exact
    """
    from scipy.optimize import minimize

    found = minimize(objective, start, jac=jac, hess=hess, method=method, options=dict(options))
    x, value = np.asarray(found.x), float(found.fun)
    gradient = relative_gradient(np.asarray(found.jac), x, value)
    return Optimum(x, value, gradient, bool(found.success) or gradient < FLAT, found.status == ITERATIONS)


def warn_unless_settled(settled: bool, gradient: float, what: str, remedy: str) -> None:
    """Raises a NumericalWarning where a fit did not reach its optimum.

    what    names the fit, as the start of a sentence
    remedy  what to do, a sentence
    """
    if settled:
        return
    text = f"{what} stopped before its optimum. The relative gradient there is {gradient:.1g}, and below {FLAT:g} is "
    warnings.warn(
        f"{text}needed, so results that rest on it may be off. {remedy}", NumericalWarning, stacklevel=3
    )
