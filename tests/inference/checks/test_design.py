"""All checks together: silent on sound data of any size and family, quick, and honest about what they skip."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from crlspec.data import Problem
from crlspec.inference.checks.design import checks_of, examined

NOISES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "laplace": lambda rng, n: rng.laplace(size=n),
    "uniform": lambda rng, n: rng.uniform(-1.7, 1.7, n),
    "t5": lambda rng, n: rng.standard_t(5, n),
}


def sound(world: Any, seed: int, rows: int, noise: str) -> Problem:
    """A random graph of 2 to 6 latents behind as many variables or more; each is hit alone, by scale or shift."""
    rng = np.random.default_rng([seed, rows])
    n = int(rng.integers(2, 7))
    weights = rng.uniform(0.5, 1.5, (n, n)) * rng.choice([-1, 1], (n, n))
    w = world(
        seed=seed,
        rows=rows,
        arrows=np.tril(weights * (rng.random((n, n)) < 0.5), -1),
        targets={"obs": (), **{f"do_z{k + 1}": (k,) for k in range(n)}},
        observed=n + int(rng.choice([0, 3, 10])),
        noise=NOISES[noise],
        scale=float(rng.choice([0.5, 2.0])),
        shift=float(rng.choice([0.0, 1.0])),
    )
    return w.problem()


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("rows", [60, 200, 1000, 5000])
def test_sound_data_raise_no_alarm(world: Any, noise: str, rows: int) -> None:
    """At most one in a hundred; 60 runs a cell, 960 together. That no effect is seen where there are few rows is no
    alarm, but so."""
    runs = 60
    alarms = [checks_of(sound(world, seed, rows, noise)) for seed in range(runs)]
    loud = [found for found in alarms if any(check.name != "effect" for check in found)]
    assert len(loud) <= stats.binom.ppf(1 - 1e-4, runs, 0.01), loud
    if rows >= 1000:
        assert not any(check.name == "effect" for found in alarms for check in found)


def test_the_checks_cost_little(world: Any) -> None:
    n = 5
    w = world(
        rows=10_000,
        observed=25,
        arrows=np.tril(np.full((n, n), 0.8), -1),
        targets={"obs": (), **{f"e{k}": (k,) for k in range(n)}},
    )
    problem, seconds = w.problem(), []
    for _ in range(5):
        began = time.process_time()
        assert checks_of(problem) == ()
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.15


def test_the_same_problem_gets_the_same_checks_and_order_of_environments_does_not_matter(world: Any) -> None:
    targets = {"obs": (), "e0": (0,), "e1": (1, 2), "e2": (2,)}
    w = world(targets=targets)
    first = checks_of(w.problem())
    assert first == checks_of(w.problem()) and len(first) == 1
    turned = w.problem(environments=("e2", "e1", "e0"))
    assert checks_of(turned)[0].environments == first[0].environments
    assert checks_of(turned)[0].figure == pytest.approx(first[0].figure, rel=1e-6)


def test_units_of_variables_do_not_matter(world: Any) -> None:
    w = world(targets={"obs": (), "e0": (0,), "e1": (1, 2), "e2": (2,)})
    units = {name: x * np.logspace(-3, 3, 6) + np.arange(6) for name, x in w.samples().items()}
    (one,), (other,) = checks_of(w.problem()), checks_of(w.problem(units))
    assert one.name == other.name and np.log(one.figure) == pytest.approx(np.log(other.figure), rel=1e-6)


def test_general_mixings_are_asked_for_no_targets(world: Any) -> None:
    w = world(targets={"obs": (), "e0": (0,), "e1": (1, 2), "e2": (2,)})
    assert checks_of(w.problem(mixing="general")) == ()
    samples = w.samples()
    samples["e2"] = samples["e1"] + 1e-9
    assert checks_of(w.problem(samples, mixing="general"))[0].name == "copied-environments"


def test_many_variables_are_looked_at_by_random_combinations(world: Any) -> None:
    w = world(rows=500, observed=2000, targets={"obs": (), "e0": (0,), "e1": (1, 2), "e2": (2,)})
    assert [check.name for check in checks_of(w.problem())] == ["one-target"]
    assert checks_of(world(rows=500, observed=2000).problem()) == ()


def test_an_unknown_number_of_latents_and_no_interventions_are_no_hindrance(world: Any) -> None:
    assert checks_of(world().problem(latents=())) == ()
    w = world(targets={"obs": ()})
    assert checks_of(w.problem(design="observational", kind="none")) == ()


def test_a_handful_of_rows_is_no_hindrance(world: Any) -> None:
    for rows in (1, 2, 4, 7, 12, 25):
        assert all(check.name == "effect" for check in checks_of(world(rows=rows).problem()))


def test_what_was_tested_is_listed_with_its_figure_and_bound(world: Any) -> None:
    problem = sound(world, 3, 2000, "normal")
    found = examined(problem)
    assert not checks_of(problem)
    names = [check.name for check in found]
    assert len(set(names)) == len(names)
    assert {
        "outlier",
        "duplicate-rows",
        "singular",
        "rows-independent",
        "heavy-tails",
        "effect",
        "one-target",
    } <= set(names)
    for check in found:
        assert check.consequence == "passed" and np.isfinite([check.figure, check.bound]).all(), check
        assert check.message.endswith(".") and not check.objects


@pytest.mark.parametrize("seed", range(5))
def test_a_test_is_listed_once_and_only_where_it_was_made(world: Any, seed: int) -> None:
    """What objects is not listed as passed; what a setting does not allow is not listed at all."""
    given = sound(world, seed, 1000, "normal")
    e1 = {**given.samples, "do_z1": given.samples["obs"][::-1] + 1e-13}
    silent = examined(replace(given, samples=e1))
    (effect,) = [check for check in silent if check.name == "effect"]
    assert effect.objects
    general = replace(given, setting=replace(given.setting, mixing="general", design="coupled"))
    listed = {check.name for check in examined(general)}
    assert not listed & {"one-target", "same-target", "sensors", "singular", "mechanism-changed"}
    assert {"outlier", "rows-independent"} <= listed
    other = examined(sound(world, seed, 1000, "laplace"))
    assert "one-target" not in {check.name for check in other}
    several = examined(replace(given, setting=replace(given.setting, design="multi-node")))
    assert "one-target" not in {check.name for check in several}


def test_levels_of_what_passed_are_on_the_right_side_of_their_bounds(world: Any) -> None:
    above = {"singular", "rows-independent", "heavy-tails", "copied-environments", "one-target"}
    for seed in range(10):
        for check in examined(sound(world, seed, 2000, "normal")):
            held = check.figure >= check.bound if check.name in above else check.figure <= check.bound
            assert held, check
