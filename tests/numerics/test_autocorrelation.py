"""Dependent rows are worth as many independent ones as their autocorrelations say, moment by moment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import signal, stats

from crlspec.data import Problem
from crlspec.numerics.autocorrelation import effective_size, third_moment_size
from crlspec.numerics.statistics import gaussianity_p_value
from crlspec.scores.auto import AutoScores
from crlspec.scores.base import Coordinates
from crlspec.spec.setting import Setting

SEEDS = 40


def walk(rng: np.random.Generator, rows: int, columns: int, rho: float = 0.8) -> np.ndarray:
    """AR(1) columns of unit variance."""
    y = signal.lfilter([1.0], [1.0, -rho], rng.normal(size=(rows + 200, columns)), axis=0)[200:]
    return np.asarray(y * np.sqrt(1 - rho**2))


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
@pytest.mark.parametrize("power", [1, 2, 3])
def test_the_effective_number_is_the_closed_form(rho: float, power: int) -> None:
    """AR(1): ρ_k = ρᵏ, and its powers add up to (1 + ρᵖ) / (1 − ρᵖ)."""
    rng = np.random.default_rng(3)
    sizes = [effective_size(walk(rng, 4000, 1, rho), power) for _ in range(20)]
    assert np.mean(sizes) == pytest.approx(4000 * (1 - rho**power) / (1 + rho**power), rel=0.1)


def test_a_slow_combination_of_quick_columns_is_found() -> None:
    rng, mixing = np.random.default_rng(0), np.random.default_rng(1).normal(size=(4, 4))
    y = np.c_[walk(rng, 4000, 1, 0.9), rng.normal(size=(4000, 3))] @ mixing
    alone = 4000 * (1 - 0.9**3) / (1 + 0.9**3)
    assert third_moment_size(y) == pytest.approx(alone, rel=0.3)
    assert effective_size(y, 3) > 1.5 * alone
    assert third_moment_size(np.zeros((30, 2))) == 1.0


def test_the_variance_of_a_third_moment_is_what_the_effective_number_says() -> None:
    rng = np.random.default_rng(5)
    thirds = stats.skew(walk(rng, 2000, 2000), axis=0)
    said = third_moment_size(walk(rng, 2000, 1))
    assert thirds.var() == pytest.approx(6 / said, rel=0.2)


def problem(x: dict[str, np.ndarray], effective: dict[str, float]) -> Problem:
    names = tuple(name for name in x if name != "obs")
    latents = tuple(f"z{k + 1}" for k in range(3))
    setting = Setting("linear", "single-node", "hard", latents, "obs", names)
    return Problem(setting, tuple(f"x{k}" for k in range(5)), x, effective)


def drawn(seed: int, change: Any = lambda y: y) -> Problem:
    rng = np.random.default_rng([seed, 77])
    mixing = rng.normal(size=(5, 3))
    x = {name: change(walk(rng, 2000, 3)) @ mixing.T for name in ("obs", "e1", "e2", "e3")}
    return problem(x, {name: 2000 / 9 for name in x})


def test_normal_rows_in_time_are_not_called_other_than_normal() -> None:
    """The choice of Gaussian scores keeps its level, which it does not where rows count as independent."""
    p_values, naive = [], []
    for seed in range(SEEDS):
        given = drawn(seed)
        coordinates = Coordinates.of(given, given.environments)
        p_values.append(coordinates.gaussianity)
        naive.append(gaussianity_p_value(coordinates.all))
        assert AutoScores().choose(coordinates).kind == "gaussian"
    assert sum(p < 0.05 for p in p_values) <= stats.binom.ppf(1 - 1e-3, SEEDS, 0.05)
    assert sum(p < 1e-3 for p in naive) > SEEDS / 2


def test_other_rows_in_time_are_still_called_other_than_normal() -> None:
    for seed in range(10):
        given = drawn(seed, lambda y: y + 0.5 * y**2)
        assert Coordinates.of(given, given.environments).gaussianity < 1e-3


def test_independent_rows_count_in_full() -> None:
    rng = np.random.default_rng(0)
    given = problem({name: rng.normal(size=(500, 3)) @ rng.normal(size=(3, 5)) for name in ("obs", "e1")}, {})
    coordinates = Coordinates.of(given, given.environments)
    assert given.dependent == frozenset() == coordinates.dependent
    assert coordinates.gaussianity == gaussianity_p_value(coordinates.all)
    dependent = replace(given, effective={"obs": 500.0, "e1": 100.0})
    assert dependent.dependent == {"e1"} == Coordinates.of(dependent, ("e1",)).dependent
