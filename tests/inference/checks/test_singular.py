"""Latents that do not vary, moments that do not settle, environments without an effect."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from scipy import stats

from crlspec.inference.checks.design import checks_of
from crlspec.inference.checks.heavy_tails import worth

RUNS = 200


def latents(w: Any, rng: np.random.Generator, **fixed: Any) -> np.ndarray:
    z = rng.normal(size=(w.rows, 3))
    z[:, 0] = fixed.get("first", z[:, 0])
    z[:, 1] = 1.1 * z[:, 0] + (0 if fixed.get("exact") else z[:, 1])
    z[:, 2] += 0.7 * z[:, 0] - 0.9 * z[:, 1]
    return z @ w.mixing().T


def test_a_latent_fixed_in_one_environment_is_named(world: Any) -> None:
    w = world()
    samples = w.samples()
    samples["e0"] = latents(w, np.random.default_rng(1), first=1.0)
    (check,) = checks_of(w.problem(samples))
    assert (check.name, check.consequence, check.environments) == ("fixed-latent", "refuted", ("e0",))
    assert check.message == (
        "The observations of environment 'e0' span 2 dimensions, fewer than the 3 latents. "
        "A latent is fixed to one value there, so it has no density."
    )


def test_a_latent_that_is_a_function_of_another_is_told(world: Any) -> None:
    w = world()
    samples = w.samples()
    for k, name in enumerate(("obs", "e0", "e2")):
        samples[name] = latents(w, np.random.default_rng(k), exact=True)
    (check,) = checks_of(w.problem(samples))
    assert (check.name, check.consequence) == ("dependent-latents", "refuted")
    assert check.environments == ("obs", "e0", "e2")
    assert check.message == (
        "The observations of environments 'obs', 'e0' and 'e2' span 2 dimensions, fewer than the 3 latents. "
        "Some latent is an exact function of the others where no intervention targets it."
    )


def test_tails_without_a_variance_are_named_and_finite_ones_are_not(world: Any) -> None:
    t2 = [checks_of(world(seed=k, noise=lambda rng, n: rng.standard_t(2, n)).problem()) for k in range(20)]
    assert (
        sum(any(c.name == "heavy-tails" and c.consequence == "undecided" for c in found) for found in t2)
        >= 19
    )
    check = next(c for found in t2 for c in found if c.name == "heavy-tails" and len(c.environments) > 1)
    told = re.fullmatch(
        r"In environment '\w+' 4 of 4000 rows hold \d+% of the variance along one direction. "
        r"The same holds in ('\w+'(, | and )?)+. "
        r"Covariances are as uncertain there as those of \d+ normal rows, so tests of them say nothing.",
        check.message,
    )
    assert told, check.message
    for rows in (60, 500, 4000):
        for noise in (lambda rng, n: rng.laplace(size=n), lambda rng, n: rng.standard_t(6, n)):
            for k in range(20):
                found = checks_of(world(seed=k, rows=rows, noise=noise).problem())
                assert all(check.name != "heavy-tails" for check in found)


def test_heavy_tails_are_a_note_where_no_moments_are_used(world: Any) -> None:
    w = world(noise=lambda rng, n: rng.standard_t(1.5, n))
    found = [c for c in checks_of(w.problem(mixing="general", noise="other")) if c.name == "heavy-tails"]
    assert [c.consequence for c in found] == ["note"]
    assert found[0].message.endswith(" normal rows, so tests of them say nothing.")


def test_rows_of_normal_kurtosis_are_worth_themselves() -> None:
    assert worth(3.0, 500) == 500


def test_an_environment_without_an_effect_is_named(world: Any) -> None:
    targets = {"obs": (), "e0": (0,), "e1": (), "e2": (2,)}
    found = [checks_of(world(seed=k, rows=500, targets=targets).problem()) for k in range(RUNS)]
    named = [c for checks in found for c in checks if c.name == "effect"]
    assert all(c.environments == ("e1", "obs") and c.consequence == "undecided" for c in named)
    missed = RUNS - len(named)  # the test has level 1 %
    assert missed <= stats.binom.ppf(1 - 1e-4, RUNS, 0.01)
    assert named[0].message.startswith("Environment 'e1' cannot be told from the control 'obs' (p = ")


def test_an_effect_on_the_shape_alone_is_seen(world: Any) -> None:
    w = world(noise=lambda rng, n: rng.laplace(size=n) / 2**0.5)
    samples = w.samples()
    z = w.latents("obs", rng := np.random.default_rng(4))
    z[:, 2] += rng.uniform(-(3**0.5), 3**0.5, len(z)) - (z[:, 2] - z[:, :2] @ w.arrows[2, :2])
    samples["e2"] = z @ w.mixing().T
    assert all(check.name != "effect" for check in checks_of(w.problem(samples)))
