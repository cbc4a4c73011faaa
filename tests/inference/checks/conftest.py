"""Small linear worlds: three latents with arrows, hard interventions that scale each, and faults put into them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from crlspec.data import Problem
from crlspec.spec.setting import Setting

ARROWS = np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0], [0.7, -0.9, 0.0]])
Draw = Callable[[np.random.Generator, int], np.ndarray]


@dataclass(frozen=True)
class World:
    """Latents z = B z + noise; each environment cuts its targets off and gives them 2 N(0, 1).

    targets  environment → targets, the control with none
    rows     environment → rows, or one number for all
    """

    seed: int = 0
    rows: int | Mapping[str, int] = 4000
    targets: Mapping[str, tuple[int, ...]] = field(
        default_factory=lambda: {"obs": (), "e0": (0,), "e1": (1,), "e2": (2,)}
    )
    observed: int = 6
    arrows: np.ndarray = field(default_factory=lambda: ARROWS)
    noise: Draw = lambda rng, n: rng.normal(size=n)
    soft: bool = False
    shift: float = 0.0
    scale: float = 2.0

    def latents(self, name: str, rng: np.random.Generator) -> np.ndarray:
        count = self.rows if isinstance(self.rows, int) else self.rows[name]
        z = np.zeros((count, len(self.arrows)))
        for i, weights in enumerate(self.arrows):
            hit = i in self.targets[name]
            kept = 1.0 if not hit else 0.4 if self.soft else 0.0
            size = self.scale if hit and not self.soft else 1.0
            z[:, i] = kept * (z @ weights) + size * self.noise(rng, count) + hit * self.shift
        return z

    def mixing(self) -> np.ndarray:
        return np.random.default_rng([self.seed, 1]).normal(size=(self.observed, len(self.arrows)))

    def samples(self) -> dict[str, np.ndarray]:
        rng, mixing = np.random.default_rng([self.seed, 2]), self.mixing()
        return {name: self.latents(name, rng) @ mixing.T for name in self.targets}

    def problem(self, samples: Mapping[str, np.ndarray] | None = None, **setting: object) -> Problem:
        found = self.samples() if samples is None else dict(samples)
        names = list(self.targets)
        observed = tuple(f"x{k + 1}" for k in range(next(iter(found.values())).shape[1]))
        declared: dict = {
            "mixing": "linear",
            "design": "single-node",
            "kind": "soft" if self.soft else "hard",
            "latents": tuple(f"z{k + 1}" for k in range(len(self.arrows))),
            "observational": names[0],
            "environments": tuple(names[1:]),
            "observed": observed,
        }
        return Problem(Setting(**{**declared, **setting}), observed, found)


@pytest.fixture
def world() -> type[World]:
    return World
