"""Dependence of rows is found, measured, and never seen where there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import signal, stats

from crlspec.inference.checks.design import checks_of
from crlspec.inference.checks.rows import check_rows
from crlspec.inference.design_thresholds import DesignThresholds
from crlspec.numerics.autocorrelation import effective_size

RUNS = 400


def series(rng: np.random.Generator, n: int, rho: float = 0.8) -> np.ndarray:
    return signal.lfilter([1.0], [1.0, -rho], rng.normal(size=n + 200))[200:]


@pytest.mark.parametrize("rows", [60, 300, 2000])
@pytest.mark.parametrize("family", ["normal", "t3", "lognormal"])
def test_independent_rows_raise_no_alarm(rows: int, family: str) -> None:
    rng = np.random.default_rng([rows, len(family)])
    draw = {
        "normal": lambda: rng.normal(size=(rows, 4)),
        "t3": lambda: rng.standard_t(3, (rows, 4)),
        "lognormal": lambda: rng.lognormal(size=(rows, 4)),
    }[family]
    limits = replace(DesignThresholds(), dependent=0.01)
    found = sum(bool(check_rows({"a": draw(), "b": draw()}, limits)[0]) for _ in range(RUNS))
    assert found <= stats.binom.ppf(1 - 1e-4, RUNS, 0.02)


def test_the_effective_number_is_the_closed_form() -> None:
    rng = np.random.default_rng(3)
    for rho in (0.0, 0.5, 0.8):
        sizes = [effective_size(series(rng, 4000, rho)[:, None]) for _ in range(20)]
        assert np.mean(sizes) == pytest.approx(4000 * (1 - rho) / (1 + rho), rel=0.1)


def test_a_time_series_is_a_note_with_the_effective_number(world: Any) -> None:
    check = checks_of(world(rows=2000, noise=series).problem())[0]
    assert (check.name, check.consequence) == ("rows-independent", "note")
    assert check.environments == ("obs", "e0", "e1", "e2")
    assert 2000 / 9 * 0.6 < check.figure < 2000 / 9 * 1.3
    assert check.message.startswith(
        "Rows of environments 'obs', 'e0', 'e1' and 'e2' depend on the rows before them (p < 1e-16). "
    )


def test_one_dependent_environment_is_named_and_too_few_effective_rows_leave_it_undecided() -> None:
    rng = np.random.default_rng(0)
    y = {"a": rng.normal(size=(500, 2)), "b": np.c_[series(rng, 500, 0.98), rng.normal(size=500)]}
    (check,), sizes = check_rows(y, DesignThresholds())
    assert (check.consequence, check.environments) == ("undecided", ("b",))
    assert check.message.startswith(
        "Rows of environment 'b' depend on the rows before them (p < 1e-16). The 500 "
    )
    assert sizes["a"] == 500 and sizes["b"] == check.figure < 40


def test_a_slow_drift_is_seen_though_neighbours_hardly_correlate() -> None:
    rng, found = np.random.default_rng(1), 0
    for _ in range(20):
        drift = 0.2 * np.sin(np.linspace(0, 3 * np.pi, 5000))[:, None]
        found += bool(check_rows({"a": rng.normal(size=(5000, 3)) + drift}, DesignThresholds())[0])
    assert found == 20
