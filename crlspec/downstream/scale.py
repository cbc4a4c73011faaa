"""How large noise is at each value of the parents: s = exp(r tanh(g(parents) / r)), g a network with a hidden layer.

Given the mean, g is fitted by the Gaussian likelihood Σ log s + ½ (residual / s)², and given s the mean by weighted
least squares, in turn. Both estimating equations hold whatever the noise is distributed like (Immer et al., "On the
identifiability and estimation of causal location-scale noise models", ICML 2023, fit the same likelihood).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlspec.downstream.network import Hidden, features

__all__ = ["REACH", "Scale", "first_scale", "refit"]

REACH = 3.0
"""s lies between e^−3 and e^3, relative to the noise's mean size."""
CENTRES = (-2.4, -1.6, -0.8, 0.0, 0.8, 1.6, 2.4)
WIDTH = 0.8
"""Of the hidden units, in standard deviations of a parent."""
STEPS = 25
MEAN_LOG = -0.635
"""E log |ε| of a standard normal ε."""


@dataclass(frozen=True)
class Scale:
    """g: its hidden layer, and what leads out of it (hidden + 1,), the constant last."""

    hidden: Hidden
    outer: np.ndarray

    def log(self, values: np.ndarray) -> np.ndarray:
        """log s (sample,) at features (sample, hidden + 1)."""
        return np.asarray(REACH * np.tanh(values @ self.outer / REACH))


def first_scale(parents: np.ndarray, residual: np.ndarray) -> Scale:
    """By least squares of log |residual|; parents (sample, parent), residual (sample,) with variance 1.

    The hidden layer is not trained, so that what leads out of it can be bootstrapped: seven units along each parent,
    and two along the sum and the difference of each pair.
    """
    n = parents.shape[1]
    units = [(row, centre) for row in np.eye(n) for centre in CENTRES]
    pairs = zip(*np.triu_indices(n, 1), strict=True)
    units += [(np.eye(n)[j] + sign * np.eye(n)[k], 0.0) for j, k in pairs for sign in (1, -1)]
    inner = np.array([row for row, _ in units]) / (WIDTH * parents.std(0))
    hidden = (inner, -inner @ parents.mean(0) - np.array([centre for _, centre in units]) / WIDTH)
    size = np.log(np.maximum(np.abs(residual), 1e-3)) - MEAN_LOG
    return Scale(hidden, np.linalg.lstsq(features(hidden, parents), size, rcond=None)[0])


def refit(scale: Scale, values: np.ndarray, residual: np.ndarray, weight: np.ndarray) -> Scale:
    """What leads out of the hidden layer by maximum likelihood: Fisher scoring, steps halved until they help.

    values    features (sample, hidden + 1)
    residual  (sample,), with a variance near 1
    weight    (sample,) of the samples
    """

    def loss(one: Scale) -> float:
        log = one.log(values)
        return float(weight @ (log + 0.5 * residual**2 * np.exp(-2 * log)))

    best = loss(scale)
    for _ in range(STEPS):
        log = scale.log(values)
        slope = 1 - (log / REACH) ** 2
        gradient = values.T @ (weight * slope * (1 - residual**2 * np.exp(-2 * log)))
        information = (values * (2 * weight * slope**2)[:, None]).T @ values
        information += 1e-6 * np.trace(information) / len(information) * np.eye(len(information))
        step = np.linalg.solve(information, gradient)
        for size in 0.5 ** np.arange(8):
            trial = Scale(scale.hidden, scale.outer - size * step)
            if (reached := loss(trial)) < best:
                break
        else:
            return scale
        gain, best, scale = best - reached, reached, trial
        if gain < 1e-7 * weight.sum():
            return scale
    return scale
