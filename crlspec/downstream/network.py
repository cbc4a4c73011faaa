"""Networks with one hidden layer, w₂ᵀ tanh(W₁ pa + b₁) + b₂, whose hidden layer is laid out instead of trained.

Units bend along random directions at random places (Rahimi & Recht, NeurIPS 2008). What is fitted is then linear, by
ridge regression with a part of the penalty that generalised cross-validation chooses (Golub, Heath & Wahba,
Technometrics 21, 1979), so that a bootstrap of it is a matter of one matrix product, and holds all of its error but
the bias.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

__all__ = ["Hidden", "declared", "features", "hidden_layer", "predicted", "resampled", "ridge"]

UNITS = 50
"""Hidden units for each parent."""
SLOPES, REACH = (0.3, 3.0), 2.5
"""How steep units are, and how far from the middle they bend, in standard deviations of the parents."""
PENALTIES = 10.0 ** np.arange(-11, -2, 0.5)
"""Of ridge regression, as shares of the largest eigenvalue."""
UNDERSMOOTHED = 0.3
"""What is taken of the best penalty, so that the bias stays below the standard error, which does not hold it."""
ROWS = 8192
"""Samples taken at a time, so that the features of large data fit into memory."""

Hidden = tuple[np.ndarray, np.ndarray]
"""W₁ (hidden, parent) and b₁ (hidden,)."""


def hidden_layer(parents: np.ndarray, seed: int = 0) -> Hidden:
    """A hidden layer that bends where the parents (sample, parent) are."""
    rng, n = np.random.default_rng(seed), parents.shape[1]
    directions = rng.normal(size=(UNITS * n, n))
    steep = rng.uniform(*SLOPES, size=len(directions))
    inner = directions * (steep / np.linalg.norm(directions, axis=1))[:, None] / parents.std(0)
    return inner, -inner @ parents.mean(0) - steep * rng.uniform(-REACH, REACH, size=len(directions))


def features(hidden: Hidden | None, parents: np.ndarray) -> np.ndarray:
    """(sample, feature + 1) of parents (sample, parent): themselves, or the hidden layer; and 1."""
    if hidden is not None:
        parents = np.tanh(parents @ hidden[0].T + hidden[1])
    return np.column_stack([parents, np.ones(len(parents))])


def ridge(
    hidden: Hidden | None, parents: np.ndarray, target: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What features are multiplied by (feature + 1,), and the inverse (Σ weight · f fᵀ + penalty)⁻¹.

    parents (sample, parent), target and weight (sample,). Without a hidden layer there is a trace of a penalty alone.
    """
    size = parents.shape[1] + 1 if hidden is None else len(hidden[1]) + 1
    gram, cross = np.zeros((size, size)), np.zeros(size)
    for rows, found in _chunks(hidden, parents):
        weighted = found * weight[rows, None]
        gram += weighted.T @ found
        cross += weighted.T @ target[rows]
    values, vectors = np.linalg.eigh(gram)
    rotated, square = vectors.T @ cross, float(weight @ target**2)

    def loss(penalty: float) -> float:
        kept = values / (values + penalty)
        left = square - (rotated**2 / (values + penalty) * (2 - kept)).sum()
        return float(left / (1 - kept.sum() / len(target)) ** 2)

    penalties = PENALTIES[:1] if hidden is None else PENALTIES
    penalty = UNDERSMOOTHED * min(values[-1] * penalties, key=loss)
    inverse = (vectors / (np.maximum(values, 0.0) + penalty)) @ vectors.T
    return inverse @ cross, inverse


def predicted(hidden: Hidden | None, outer: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """f (sample,), or (sample, several) for outer (feature + 1, several)."""
    return np.concatenate([found @ outer for _, found in _chunks(hidden, parents)])


def resampled(
    hidden: Hidden | None, parents: np.ndarray, inverse: np.ndarray, pull: np.ndarray, draws: np.ndarray
) -> np.ndarray:
    """How far bootstrap draws move what :func:`ridge` found, (feature + 1, resample), to first order.

    inverse  as :func:`ridge` gives it
    pull     (sample,): weight times residual
    draws    (sample, resample): how often each sample is drawn
    """
    moved = np.zeros((len(inverse), draws.shape[1]))
    for rows, found in _chunks(hidden, parents):
        moved += found.T @ ((draws[rows] - 1.0) * pull[rows, None])
    return inverse @ moved


def _chunks(hidden: Hidden | None, parents: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    for first in range(0, len(parents), ROWS):
        rows = slice(first, first + ROWS)
        yield rows, features(hidden, parents[rows])


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
