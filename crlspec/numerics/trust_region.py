"""Newton's method in a trust region, for smooth functions of a few hundred parameters whose derivatives are known.

Each step is the exact minimum of the second-order expansion within the region (Moré & Sorensen, "Computing a trust
region step", SIAM J. Sci. Stat. Comput. 4, 1983), by an eigendecomposition where the plain Newton step will not do.
scipy's ``trust-exact`` ends at the same optima; loading it costs more than most of these fits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crlspec.numerics.optimum import FLAT, Optimum, relative_gradient

__all__ = ["Derivatives", "optimised"]

Derivatives = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]
"""Parameters (parameter,) → value, gradient (parameter,) and second derivative (parameter, parameter)."""

RADIUS, LARGEST = 1.0, 1000.0
POOR, GOOD, ACCEPTED = 0.25, 0.75, 0.15
"""Shares of the promised gain: below the first the region shrinks, above the second it may grow, above the third the
step is taken. Conventions (Nocedal & Wright, "Numerical optimization", 2006, algorithm 4.1)."""

ROUNDING = 1e-15
"""Relative gain of a step below which the values cannot tell whether it is one."""

SECULAR, ON_BOUNDARY = 60, 1e-10
"""Steps towards the multiplier that puts a step on the boundary, and how near to it is near enough."""


def optimised(
    derivatives: Derivatives, start: np.ndarray, *, slope: float = 1e-9, iterations: int = 200
) -> Optimum:
    """The minimum near a start (parameter,).

    slope  norm of the gradient at which it is reached
    """
    x, (value, gradient, curvature) = np.asarray(start, dtype=float), derivatives(start)
    radius, settled, spent = RADIUS, False, True
    for _ in range(iterations):
        if np.linalg.norm(gradient) < slope:
            settled, spent = True, False
            break
        step, bound = _step(gradient, curvature, radius)
        promised = -float(gradient @ step + step @ curvature @ step / 2)
        there = derivatives(x + step)
        if not promised > ROUNDING * max(abs(value), 1):  # the last step, which only the gradient can judge
            if np.linalg.norm(there[1]) < np.linalg.norm(gradient):
                x, (value, gradient, curvature) = x + step, there
            settled, spent = bool(np.linalg.norm(gradient) < slope), False
            break
        share = (value - there[0]) / promised
        if not share >= POOR:
            radius = POOR * float(np.linalg.norm(step))
        elif share > GOOD and bound:
            radius = min(2 * radius, LARGEST)
        if share > ACCEPTED:
            x, (value, gradient, curvature) = x + step, there
    size = relative_gradient(gradient, x, value)
    return Optimum(x, value, size, settled or size < FLAT, spent)


def _step(gradient: np.ndarray, curvature: np.ndarray, radius: float) -> tuple[np.ndarray, bool]:
    """The minimum of the expansion within the radius, and whether the radius bounds it."""
    try:
        np.linalg.cholesky(curvature)
        newton = -np.linalg.solve(curvature, gradient)
        if np.linalg.norm(newton) <= radius:
            return newton, False
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(curvature)
    along = vectors.T @ gradient
    least = max(0.0, -float(values[0]))
    near = values + least <= 1e-12 * max(abs(float(values[-1])), 1.0)
    inner = np.where(near, 0.0, along / np.where(near, 1.0, values + least))
    if values[0] <= 0 and np.abs(along[near]).max(initial=0.0) <= 1e-14 * np.linalg.norm(gradient):
        missing = radius**2 - float(inner @ inner)
        if (
            missing >= 0
        ):  # the gradient does not see the direction of least curvature: go along it to the boundary
            inner[0] = -np.sqrt(missing)
            return -(vectors @ inner), True
    lifted = _multiplier(values, along, least, radius)
    return -(vectors @ (along / (values + lifted))), True


def _multiplier(values: np.ndarray, along: np.ndarray, least: float, radius: float) -> float:
    """The μ > ``least`` with ‖(H + μ)⁻¹ g‖ = radius, by Newton's method for 1/‖·‖, which is nearly linear in μ; the
    interval in which it must lie keeps its steps."""
    low, high = least, least + float(np.linalg.norm(along)) / radius + ON_BOUNDARY
    mu = (low + high) / 2
    for _ in range(SECULAR):
        step = along / (values + mu)
        length = float(np.linalg.norm(step))
        if abs(length - radius) <= ON_BOUNDARY * radius:
            break
        low, high = (mu, high) if length > radius else (low, mu)
        slope = float((step**2 / (values + mu)).sum()) / length**3
        mu += (1 / radius - 1 / length) / slope
        if not low < mu < high:
            mu = (low + high) / 2
    return mu
