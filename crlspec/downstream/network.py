"""Networks with one hidden layer, w₂ᵀ tanh(W₁ pa + b₁) + b₂: trained once, then linear in what leads out of it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

__all__ = ["Hidden", "declared", "features", "hidden_layer"]

ITERATIONS = 250
ROWS = 10_000
"""Rows that train a hidden layer, at most: it only has to bend where the data do. What leads out of it sees all."""

Hidden = tuple[np.ndarray, np.ndarray]
"""W₁ (hidden, parent) and b₁ (hidden,)."""


def hidden_layer(parents: np.ndarray, target: np.ndarray, units: int, seed: int) -> Hidden:
    """The hidden layer of a network trained by least squares (scikit-learn's L-BFGS).

    parents (sample, parent), target (sample,)
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    step = -(-len(target) // ROWS)
    parents, target = parents[::step], target[::step]
    mean, scale = parents.mean(0), parents.std(0)
    network = MLPRegressor(
        hidden_layer_sizes=(units,),
        activation="tanh",
        solver="lbfgs",
        alpha=1e-4,
        max_iter=ITERATIONS,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # stopped early on purpose
        network.fit((parents - mean) / scale, target)
    inner = network.coefs_[0].T / scale
    return inner, network.intercepts_[0] - inner @ mean


def features(hidden: Hidden | None, parents: np.ndarray) -> np.ndarray:
    """(sample, feature + 1) of parents (sample, parent): themselves, or the hidden layer; and 1."""
    if hidden is not None:
        parents = np.tanh(parents @ hidden[0].T + hidden[1])
    return np.column_stack([parents, np.ones(len(parents))])


def declared(hidden: Hidden, outer: np.ndarray, parents: Sequence[str]) -> dict[str, object]:
    """The declaration of a network; outer (hidden + 1,), the constant last."""
    inner, bias = hidden
    return {
        "kind": "mlp",
        "hidden": len(inner),
        "activation": "tanh",
        "parents": list(parents),
        "inner": inner.tolist(),
        "bias": bias.tolist(),
        "outer": outer[:-1].tolist(),
        "offset": float(outer[-1]),
    }
