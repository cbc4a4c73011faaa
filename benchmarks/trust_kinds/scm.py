"""Latent structural causal models in numpy, written apart from crlspec: what its answers are judged by.

Latent i is f(parents) + mean_i + deviation_i · noise, in causal order: row i of ``weights`` holds the weights of the
latents before it. An intervention replaces one row of everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
"""(rng, (rows, latents)) → independent noise of mean 0 and variance 1, where it has them."""

__all__ = ["NOISES", "Draw", "Model", "ancestors", "change", "draw_model", "hard", "soft", "with_mechanism"]


def _laplace(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.laplace(size=shape) / np.sqrt(2)


def _skewed(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return (rng.lognormal(sigma=0.6, size=shape) - np.exp(0.18)) / np.sqrt(np.exp(0.36) * (np.exp(0.36) - 1))


NOISES: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "laplace": _laplace,
    "skewed": _skewed,
    "t2": lambda rng, shape: rng.standard_t(2, size=shape),
    "cauchy": lambda rng, shape: rng.standard_cauchy(size=shape),
}


@dataclass(frozen=True)
class Model:
    """One environment's mechanisms.

    weights    (n, n), entry [i, j] of latent j in latent i; 0 for j ≥ i
    function   ``linear`` Σ w z, ``quadratic`` √Σ (w z)², ``sine`` Σ 2 w sin(z)
    """

    weights: np.ndarray
    deviations: np.ndarray
    means: np.ndarray
    function: str = "linear"
    noise: str = "normal"

    @property
    def parents(self) -> np.ndarray:
        """(n, n) bool: entry [i, j], j is a parent of i."""
        return self.weights != 0

    def expected(self, z: np.ndarray, i: int) -> np.ndarray:
        """E[z_i given the latents before it] at rows of z."""
        terms = z * self.weights[i]
        if self.function == "quadratic":
            return np.sqrt((terms**2).sum(1)) + self.means[i]
        if self.function == "sine":
            return 2 * (self.weights[i] * np.sin(z)).sum(1) + self.means[i]
        return terms.sum(1) + self.means[i]

    def latents(self, noise: np.ndarray) -> np.ndarray:
        """(rows, n) latents of standardised noise (rows, n)."""
        z = np.zeros_like(noise)
        for i in range(z.shape[1]):
            z[:, i] = self.expected(z, i) + self.deviations[i] * noise[:, i]
        return z

    def sample(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        """(rows, n) independent draws."""
        return self.latents(NOISES[self.noise](rng, (rows, len(self.weights))))

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """Log density of rows of z, for normal noise."""
        total = np.zeros(len(z))
        for i, deviation in enumerate(self.deviations):
            total -= (
                0.5 * ((z[:, i] - self.expected(z, i)) / deviation) ** 2
                + np.log(deviation)
                + np.log(2 * np.pi) / 2
            )
        return total


def ancestors(parents: np.ndarray) -> np.ndarray:
    """(n, n) bool: entry [i, j], j is an ancestor of i; in a cycle everybody is everybody's."""
    found = parents.astype(bool)
    for k in range(len(found)):
        found = found | (found[:, [k]] & found[[k], :])
    return found


def draw_model(
    rng: np.random.Generator,
    n: int,
    density: float = 0.6,
    weight: tuple[float, float] = (0.5, 1.5),
    function: str = "linear",
    noise: str = "normal",
) -> Model:
    """A random model: each pair an edge with probability ``density``, weights of either sign, variances .5 to 1.5."""
    drawn = rng.uniform(*weight, size=(n, n)) * rng.choice([-1, 1], size=(n, n))
    weights = np.tril(drawn * (rng.uniform(size=(n, n)) < density), -1)
    return Model(weights, np.sqrt(rng.uniform(0.5, 1.5, size=n)), np.zeros(n), function, noise)


def change(
    model: Model, i: int, *, weights: float = 1.0, deviation: float = 1.0, shift: float = 0.0
) -> Model:
    """The model with mechanism i replaced: weights and deviation times a factor, mean shifted."""
    w, s, m = model.weights.copy(), model.deviations.copy(), model.means.copy()
    w[i] *= weights
    s[i] *= deviation
    m[i] += shift
    return replace(model, weights=w, deviations=s, means=m)


def hard(rng: np.random.Generator, model: Model, i: int, strong: bool = False) -> Model:
    """Parents of i cut; its variance times a quarter or four (half as strong where not ``strong``), its mean moved in
    every other draw."""
    factor = rng.choice([0.5, 2.0] if strong else [0.5, 0.65, 1.6, 2.0])
    shift = rng.choice([0.0, 1.0]) * rng.normal()
    return change(model, i, weights=0.0, deviation=factor, shift=shift)


def soft(rng: np.random.Generator, model: Model, i: int, strong: bool = False) -> Model:
    """Weights of i times a small or a negative factor, deviation changed as well; a root changes its deviation."""
    factor = rng.choice([-0.5, 0.1] if strong else [-0.5, 0.1, 0.3])
    return change(model, i, weights=factor, deviation=rng.choice([0.5, 2.0] if strong else [0.6, 1.7]))


def with_mechanism(model: Model, i: int, other: Model) -> Model:
    """The model with the mechanism that i has in another."""
    w, s, m = model.weights.copy(), model.deviations.copy(), model.means.copy()
    w[i], s[i], m[i] = other.weights[i], other.deviations[i], other.means[i]
    return replace(model, weights=w, deviations=s, means=m)
