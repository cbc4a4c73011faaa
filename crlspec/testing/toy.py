"""Small problems whose answers are known, on which scores and estimators are tried."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from crlspec.data import Problem
from crlspec.spec.setting import Setting

__all__ = ["LinearGaussianToy", "PairsToy"]


@dataclass(frozen=True)
class LinearGaussianToy:
    """The chain c → a → b of Gaussian latents, a hard intervention on each, five observed variables.

    ``do_a`` replaces the mechanism of a by noise of four times its variance, likewise ``do_b`` and ``do_c``.
    """

    samples: int = 6000
    latents: ClassVar[tuple[str, ...]] = ("a", "b", "c")
    edges: ClassVar[frozenset[tuple[str, str]]] = frozenset({("c", "a"), ("a", "b")})
    environments: ClassVar[tuple[str, ...]] = ("do_a", "do_b", "do_c")
    weights: ClassVar[np.ndarray] = np.array([[0, 0, 1.0], [-0.9, 0, 0], [0, 0, 0]])  # [effect, cause]

    def target(self, environment: str) -> str:
        """The latent that an environment intervenes on."""
        return self.latents[self.environments.index(environment)]

    @property
    def mixing(self) -> np.ndarray:
        """(observed, latent)"""
        return np.random.default_rng(3).normal(size=(5, 3))

    def unmixed(self, environment: str) -> tuple[np.ndarray, np.ndarray]:
        """I − W (latent, latent) and noise variances (latent,): z = (I − W)⁻¹ noise."""
        weights, variances = self.weights.copy(), np.ones(3)
        if environment != "obs":
            target = self.environments.index(environment)
            weights[target], variances[target] = 0, 4
        return np.eye(3) - weights, variances

    def z(self, environment: str) -> np.ndarray:
        """Latents (sample, latent)."""
        structure, variances = self.unmixed(environment)
        rng = np.random.default_rng(("obs", *self.environments).index(environment))
        noise = rng.normal(size=(self.samples, 3)) * np.sqrt(variances)
        return np.asarray(np.linalg.solve(structure, noise.T).T)

    @property
    def problem(self) -> Problem:
        """Observations of all environments, targets concealed: latents are named by their environments."""
        setting = Setting(
            "linear", "single-node", "hard", self.latents, "obs", self.environments, noise="gaussian"
        )
        x = {name: self.z(name) @ self.mixing.T + 2 for name in ("obs", *self.environments)}
        return Problem(setting, ("x1", "x2", "x3", "x4", "x5"), x)

    def difference(self, environment: str, x: np.ndarray) -> np.ndarray:
        """The true d_x = s_obs − s_env at x: (sample, observed) → (sample, observed)."""
        precisions = [
            structure.T @ np.diag(1 / variances) @ structure
            for structure, variances in (self.unmixed(environment), self.unmixed("obs"))
        ]
        inverse = np.linalg.pinv(self.mixing)
        return np.asarray((x - 2) @ inverse.T @ (precisions[0] - precisions[1]) @ inverse)


@dataclass(frozen=True)
class PairsToy:
    """The chain c → a → b, its first link even, two hard interventions on each latent, four observed variables.

    ``a1`` replaces the mechanism of a by noise of a quarter of its variance, ``a2`` by noise of four times as much,
    likewise those of b and c; x = tanh(G z).
    """

    samples: int = 2000
    latents: ClassVar[tuple[str, ...]] = ("a", "b", "c")
    edges: ClassVar[frozenset[tuple[str, str]]] = frozenset({("c", "a"), ("a", "b")})
    environments: ClassVar[tuple[str, ...]] = ("a1", "a2", "b1", "b2", "c1", "c2")
    mixing: ClassVar[np.ndarray] = np.array(
        [[0.3, -0.2, 0.1], [0.1, 0.3, -0.2], [-0.2, 0.1, 0.4], [0.2, 0.2, 0.2]]
    )

    def target(self, environment: str) -> str:
        """The latent that an environment intervenes on."""
        return environment[0]

    def z(self, environment: str) -> np.ndarray:
        """Latents (sample, latent)."""
        rng = np.random.default_rng(("obs", *self.environments).index(environment))
        noise = rng.normal(size=(self.samples, 3))
        deviation = 0.5 if environment.endswith("1") else 2.0
        hit = None if environment == "obs" else self.target(environment)
        c = noise[:, 2] * (deviation if hit == "c" else 1.0)
        a = noise[:, 0] * deviation if hit == "a" else np.sqrt(1 + 4 * c**2) + noise[:, 0]
        b = noise[:, 1] * deviation if hit == "b" else a + noise[:, 1]
        return np.stack([a, b, c], axis=1)

    @property
    def problem(self) -> Problem:
        """Observations of all environments; which two intervene on the same latent is known, on which is not."""
        pairs = (("a1", "a2"), ("b1", "b2"), ("c1", "c2"))
        setting = Setting(
            "glm", "coupled", "hard", self.latents, "obs", self.environments, None, pairs,
            noise="gaussian", link="tanh",
        )  # fmt: skip
        x = {name: np.tanh(self.z(name) @ self.mixing.T) for name in ("obs", *self.environments)}
        return Problem(setting, ("x1", "x2", "x3", "x4"), x)
