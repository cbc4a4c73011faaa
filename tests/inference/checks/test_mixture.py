"""Rows that an intervention did not reach are found and counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crlspec.inference.checks.design import checks_of
from crlspec.inference.checks.mixture import untouched


def escaped(w: Any, share: float, name: str = "e1") -> dict[str, np.ndarray]:
    samples, rng = w.samples(), np.random.default_rng(w.seed)
    left = int(share * w.rows)
    untouched_rows = w.latents("obs", rng)[:left] @ w.mixing().T
    samples[name] = rng.permutation(np.concatenate([samples[name][left:], untouched_rows]))
    return samples


@pytest.mark.parametrize("share", [0.3, pytest.param(0.6, marks=pytest.mark.slow)])
def test_untouched_rows_refute_a_hard_intervention(world: Any, share: float) -> None:
    right = []
    for seed in range(10):
        w = world(seed=seed, scale=3.0)
        found = [c for c in checks_of(w.problem(escaped(w, share))) if c.name == "hard-mixture"]
        right += [c for c in found if c.environments == ("e1", "obs")]
    assert len(right) >= 8
    assert all(abs(check.figure - share) < 0.05 for check in right)
    assert right[0].message == (
        f"In environment 'e1' about {right[0].figure:.0%} of the rows follow the distribution of the control 'obs'. "
        "The intervention did not reach them, so the intervention is not hard."
    )
    assert right[0].remedy == "Leave these rows out, or declare kind: soft."


def test_untouched_rows_of_a_soft_intervention_are_a_mixture(world: Any) -> None:
    targets = {"obs": (), "e0": (0,), "e1": (1,), "e2": (2,)}
    w = world(scale=3.0, targets=targets)
    found = [c for c in checks_of(w.problem(escaped(w, 0.4), kind="soft")) if c.name == "hard-mixture"]
    assert found[0].message.endswith(
        "of the rows follow the distribution of the control 'obs'. "
        "The intervention did not reach them, so the environment is a mixture."
    )
    assert found[0].remedy == "Leave these rows out."


def mislabelled(w: Any, into: str, rows_of: str, share: float) -> dict[str, np.ndarray]:
    samples, rng = w.samples(), np.random.default_rng(w.seed)
    wrong = int(share * w.rows)
    strangers = w.latents(rows_of, rng)[:wrong] @ w.mixing().T
    samples[into] = rng.permutation(np.concatenate([samples[into][wrong:], strangers]))
    return samples


@pytest.mark.parametrize(
    ("into", "rows_of"),
    [("e1", "e2"), pytest.param("e0", "e1", marks=pytest.mark.slow), ("obs", "e2")],
)
def test_rows_of_another_environment_are_named(world: Any, into: str, rows_of: str) -> None:
    right = []
    for seed in range(10):
        w = world(seed=seed, scale=3.0)
        found = [
            c for c in checks_of(w.problem(mislabelled(w, into, rows_of, 0.3))) if "rows bear" in c.message
        ]
        right += [c for c in found if c.environments == (into, rows_of)]
    assert len(right) >= 7
    assert np.mean([abs(check.figure - 0.3) < 0.05 for check in right]) >= 0.8
    assert right[0].name == "mislabelled-rows"
    assert right[0].message == (
        f"In environment '{into}' about {right[0].figure:.0%} of the rows follow the distribution of environment "
        f"'{rows_of}'. So rows bear the wrong label, or the intervention of one environment reached the other."
    )
    assert right[0].remedy == f"Give these rows to '{rows_of}', or leave them out."


def test_giving_the_rows_back_ends_it(world: Any) -> None:
    w = world(seed=0, scale=3.0)
    rng = np.random.default_rng(7)
    samples, strangers = w.samples(), w.latents("e2", rng)[:600] @ w.mixing().T
    mixed = {**samples, "e1": np.concatenate([samples["e1"], strangers])}
    shuffled = {name: rng.permutation(x) for name, x in mixed.items()}
    assert "mislabelled-rows" in {check.name for check in checks_of(w.problem(shuffled))}
    back = {**samples, "e2": rng.permutation(np.concatenate([samples["e2"], strangers]))}
    for mended in (samples, back):
        assert not [check for check in checks_of(w.problem(mended)) if check.objects]


def test_a_whole_intervention_is_no_mixture(world: Any) -> None:
    for noise in (None, lambda rng, n: rng.laplace(size=n), lambda rng, n: rng.uniform(-2, 2, n)):
        for seed in range(20):
            w = world(seed=seed) if noise is None else world(seed=seed, noise=noise)
            assert not {check.name for check in checks_of(w.problem())} & {"hard-mixture", "mislabelled-rows"}


def test_a_uniform_replacement_is_no_mixture(world: Any) -> None:
    for seed in range(10):
        w, rng = world(seed=seed), np.random.default_rng(seed)
        samples = w.samples()
        z = w.latents("obs", rng)
        z[:, 2] = rng.uniform(-4, 4, len(z))
        samples["e2"] = z @ w.mixing().T
        assert not {check.name for check in checks_of(w.problem(samples))} & {
            "hard-mixture",
            "mislabelled-rows",
        }


def test_the_share_is_that_of_the_mixture() -> None:
    rng = np.random.default_rng(0)
    y = np.concatenate([rng.normal(size=(1500, 2)), rng.normal(size=(3500, 2)) * [3, 1] + [2, 0]])
    found = untouched(y, np.zeros(2), np.eye(2))
    assert found.share == pytest.approx(0.3, abs=0.03)
    assert found.gain > 100 and min(found.fits, found.given) > 0.01
