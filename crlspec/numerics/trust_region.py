"""Smooth minimisation with second derivatives: Newton's method within a region where its model is trusted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crlspec.numerics.optimum import FLAT, Optimum, relative_gradient

__all__ = ["newton_minimised"]

Derivatives = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]
WIDEST = 1000.0
"""Largest radius of the region."""
ROUNDING = 1e-13
"""Share of the value below which a change of it is rounding; the gradient says then whether a step is better."""


def newton_minimised(derivatives: Derivatives, start: np.ndarray, *, tolerance: float, most: int) -> Optimum:
    """The minimum near a start (parameter,).

    derivatives  gives value, gradient and second derivatives
    tolerance    norm of the gradient at which the minimum is reached
    most         iterations

    Conn, Gould & Toint, "Trust-region methods", SIAM 2000: algorithm 6.1.1; its steps as by Moré & Sorensen,
    "Computing a trust region step", SIAM Journal on Scientific and Statistical Computing 1983.
    """
    x, radius, spent = np.array(start, dtype=float), 1.0, False
    value, gradient, second = derivatives(x)
    for k in range(most + 1):
        size = float(np.linalg.norm(gradient))
        if size < tolerance:
            break
        spent = k == most
        if spent or radius < np.finfo(float).eps * max(1.0, float(np.linalg.norm(x))):
            break
        step = _step(gradient, second, radius)
        promised = -float(gradient @ step + step @ second @ step / 2)
        found = derivatives(x + step)
        gained = value - found[0]
        if promised < ROUNDING * max(1.0, abs(value)):
            share = 1.0 if float(np.linalg.norm(found[1])) < size else 0.0
        else:
            share = gained / promised
        if not share >= 0.25:  # NaN too
            radius = 0.25 * float(np.linalg.norm(step))
        elif share > 0.75 and float(np.linalg.norm(step)) > 0.99 * radius:
            radius = min(2 * radius, WIDEST)
        if share > 0.15:
            x, (value, gradient, second) = x + step, found
    flat = relative_gradient(gradient, x, value)
    return Optimum(x, value, flat, float(np.linalg.norm(gradient)) < tolerance or flat < FLAT, spent)


def _step(gradient: np.ndarray, second: np.ndarray, radius: float) -> np.ndarray:
    """The least of gradient · s + s · second · s / 2 with |s| ≤ radius."""
    try:
        np.linalg.cholesky(second)
        whole = np.linalg.solve(second, -gradient)
        if np.linalg.norm(whole) <= radius:
            return np.asarray(whole)
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(second)
    along = vectors.T @ gradient
    size = float(np.linalg.norm(gradient))
    low, high = max(0.0, -float(values[0])), max(0.0, -float(values[0])) + size / radius
    for _ in range(100):  # |s| falls as the shift grows; its bounds hold the radius
        shift = (low + high) / 2
        longer = np.linalg.norm(along / np.maximum(values + shift, 1e-300)) > radius
        low, high = (shift, high) if longer else (low, shift)
    step = -along / np.maximum(values + high, 1e-300)
    short = radius**2 - float(step @ step)
    if values[0] < 0 and short > 0:  # the hard case: the gradient says nothing of the way down
        step[0] += np.sqrt(short) * (1.0 if along[0] <= 0 else -1.0)
    return np.asarray(vectors @ step)
