"""Whether soft interventions change weights: level, power, and what is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import stats

from crlspec.data import Problem
from crlspec.inference.checks.design import checks_of
from crlspec.inference.checks.mechanism_changed import (
    check_mechanism_changed,
    edgeless,
    noise_alone,
    noise_p_values,
)
from crlspec.inference.checks.moments import Moments
from crlspec.inference.checks.two_samples import relative
from crlspec.spec.setting import Setting

ARROWS = np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0], [0.7, -0.9, 0.0]])
RUNS = 200
NOISES: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "laplace": lambda rng, size: rng.laplace(size=size) / np.sqrt(2),
    "uniform": lambda rng, size: rng.uniform(-np.sqrt(3), np.sqrt(3), size=size),
    "exponential": lambda rng, size: rng.exponential(size=size) - 1,
}


@dataclass(frozen=True)
class Soft:
    """z = B z + ε; the environment of a latent multiplies its weights, rescales and shifts its noise."""

    seed: int
    rows: int = 2000
    weights: float = 1.0
    scale: float = 1.0
    shift: float = 0.0
    n: int = 3
    several: bool = False
    noise: str = "normal"
    curve: float = 0.0

    def samples(self) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([self.seed, 4])
        arrows = np.tril(rng.uniform(0.5, 1.5, (self.n, self.n)), -1) if self.n != 3 else ARROWS
        mixing, found = rng.normal(size=(self.n + 3, self.n)), {}
        for e in range(-1, self.n):
            changed, noise = arrows.copy(), NOISES[self.noise](rng, (self.rows, self.n))
            if e >= 0:
                hit = [e, (e + 1) % self.n] if self.several else [e]
                changed[hit] *= self.weights
                noise[:, hit] = self.scale * noise[:, hit] + self.shift
            z = noise @ np.linalg.inv(np.eye(self.n) - changed).T
            z[:, -1] += self.curve * (z[:, 0] ** 2 - 1)
            found["obs" if e < 0 else f"e{e}"] = z @ mixing.T
        return found

    def problem(self, **more: Any) -> Problem:
        samples = self.samples()
        names = tuple(samples)
        observed = tuple(f"x{k}" for k in range(self.n + 3))
        latents = tuple(f"z{k + 1}" for k in range(self.n))
        design = "multi-node" if self.several else "single-node"
        setting = Setting("linear", design, "soft", latents, "obs", names[1:], observed=observed, **more)
        return Problem(setting, observed, samples)

    def fires(self) -> bool:
        curved = 0.0 if self.noise == "normal" and not self.curve else 1e-6
        moments = Moments.of(self.samples(), self.n)
        p_values = noise_p_values(moments, self.several, curved)
        return bool(check_mechanism_changed(moments.names[1:], p_values))


@pytest.mark.parametrize("change", ["nothing", "a scale", "a shift", "both"])
@pytest.mark.parametrize(("rows", "n"), [(60, 3), (300, 5), (2000, 2)])
def test_one_row_rescaled_keeps_the_level(change: str, rows: int, n: int) -> None:
    rng, found = np.random.default_rng([rows, n, len(change)]), []
    for _ in range(RUNS):
        a, b = rng.normal(size=(2, rows, n))
        b[:, 0] = b[:, 0] * (2.0 if change in ("a scale", "both") else 1.0)
        found.append(noise_alone(relative(np.cov(a.T), np.cov(b.T), rows - 1, rows - 1)))
    for level in (0.1, 0.01):
        assert (np.array(found) < level).mean() <= stats.binom.ppf(1 - 1e-4, RUNS, level) / RUNS


@pytest.mark.parametrize(
    "change", [{"shift": 2.0}, {"scale": 2.0}, {"scale": 0.5, "shift": -1.0}], ids=["shift", "scale", "both"]
)
@pytest.mark.parametrize(("rows", "n"), [(300, 3), (4000, 3), (1000, 5)])
def test_noise_alone_is_seen_99_times_in_100(change: dict[str, float], rows: int, n: int) -> None:
    fired = sum(Soft(seed, rows, n=n, **change).fires() for seed in range(RUNS))
    assert fired >= stats.binom.ppf(1e-4, RUNS, 0.99)


@pytest.mark.parametrize(
    ("rows", "weights", "scale", "least"),
    [(300, 0.4, 1.0, 0.95), (1000, 0.7, 1.0, 0.95), (1000, 0.4, 0.7, 0.99), (4000, 0.7, 0.7, 0.97)],
)
def test_changed_weights_pass(rows: int, weights: float, scale: float, least: float) -> None:
    passed = sum(not Soft(seed, rows, weights, scale).fires() for seed in range(RUNS))
    assert passed >= least * RUNS


@pytest.mark.parametrize(("rows", "n"), [(100, 3), (300, 5), (2000, 4)])
def test_a_model_without_edges_keeps_the_level_however_many_targets(rows: int, n: int) -> None:
    found = np.array(
        [
            edgeless(Moments.of(Soft(seed, rows, scale=0.6, shift=1.0, n=n, several=True).samples(), n))
            for seed in range(RUNS // 2)
        ]
    )
    for level in (0.1, 0.01):
        assert (found < level).mean() <= stats.binom.ppf(1 - 1e-4, RUNS // 2, level) / (RUNS // 2)


@pytest.mark.parametrize(("rows", "weights", "scale"), [(1000, 0.4, 1.0), (1000, 0.4, 0.7), (4000, 0.7, 0.7)])
def test_changed_weights_pass_however_many_targets(rows: int, weights: float, scale: float) -> None:
    passed = sum(not Soft(seed, rows, weights, scale, several=True).fires() for seed in range(RUNS // 2))
    assert passed >= 0.97 * RUNS // 2


@pytest.mark.parametrize("noise", ["laplace", "uniform", "exponential"])
@pytest.mark.parametrize("several", [False, True], ids=["single-node", "multi-node"])
def test_sizes_of_noise_that_is_not_normal_are_seen(noise: str, several: bool) -> None:
    fired = sum(Soft(seed, 2000, scale=2.0, several=several, noise=noise).fires() for seed in range(40))
    assert fired >= stats.binom.ppf(1e-4, 40, 0.99)


@pytest.mark.parametrize("noise", ["laplace", "uniform", "exponential"])
def test_changed_weights_pass_where_noise_is_not_normal(noise: str) -> None:
    assert sum(not Soft(seed, 2000, 0.4, 0.7, noise=noise).fires() for seed in range(40)) >= 38


def test_parents_that_a_latent_is_not_correlated_with_are_seen() -> None:
    assert not any(Soft(seed, 2000, scale=2.0, curve=1.0).fires() for seed in range(10))


def test_two_environments_are_always_of_some_model_without_edges() -> None:
    two = dict(list(Soft(0, weights=0.4, several=True).samples().items())[:2])
    assert edgeless(Moments.of(two, 3)) == 1.0


@pytest.mark.parametrize("several", [False, True], ids=["single-node", "multi-node"])
def test_the_environments_are_named_and_the_remedy_is_a_change_of_the_file(several: bool) -> None:
    given = Soft(0, shift=2.0, several=several)
    (check,) = [one for one in checks_of(given.problem()) if one.name == "mechanism-changed"]
    assert check.consequence == "undecided"
    assert check.environments == ("e0", "e1", "e2")
    assert check.message.startswith(
        "The environments 'e0', 'e1' and 'e2' only shift or rescale their targets, as far as the data show (p = "
    )
    assert check.message.endswith("A model without edges fits as well.")
    assert check.remedy is not None and "say changes: shift or changes: scale" in check.remedy
    for said in ("shift", "scale"):  # then the declaration says it, and the verdict with it
        assert not [one for one in checks_of(given.problem(changes=said)) if one.name == "mechanism-changed"]
        assert given.problem(changes=said).setting.noise_alone


def test_what_it_is_not_asked_of() -> None:
    given = Soft(0, shift=2.0)
    found = checks_of(given.problem(function="nonlinear"))
    assert not [one for one in found if one.name == "mechanism-changed"]
    assert not [one for one in checks_of(Soft(0, weights=0.4).problem()) if one.name == "mechanism-changed"]
