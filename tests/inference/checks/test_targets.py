"""How many mechanisms an environment changes: level, power, and who is named."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

from crlspec.inference.checks.design import checks_of
from crlspec.inference.checks.one_target import one_mechanism
from crlspec.inference.checks.two_samples import relative

RUNS = 400

CHANGES = {
    "nothing": lambda z: z,
    "a scale": lambda z: z * np.array([2.0] + [1.0] * (z.shape[1] - 1)),
    "a shift": lambda z: z + np.array([1.0] + [0.0] * (z.shape[1] - 1)),
    "a mechanism": lambda z: np.c_[z[:, 0], 2 * z[:, 1] + z[:, 0], z[:, 2:]],
    "a little": lambda z: np.c_[z[:, 0], z[:, 1] + 0.2 * z[:, 0] + 0.3, z[:, 2:]],
}


def p_values(change: str, rows: int, n: int, runs: int = RUNS) -> np.ndarray:
    rng, found = np.random.default_rng([rows, n, len(change)]), []
    for _ in range(runs):
        a, b = rng.normal(size=(rows, n)), CHANGES[change](rng.normal(size=(rows, n)))
        compared = relative(np.cov(a.T), np.cov(b.T), rows - 1, rows - 1)
        found.append(one_mechanism(compared, b.mean(0) - a.mean(0), (rows, rows)))
    return np.array(found)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("rows", "n"), [(60, 3), (60, 6), (300, 2), (300, 4), (2000, 8)])
def test_one_mechanism_keeps_its_level_whatever_its_rank(change: str, rows: int, n: int) -> None:
    found = p_values(change, rows, n)
    for level in (0.1, 0.01):
        assert (found < level).mean() <= stats.binom.ppf(1 - 1e-4, RUNS, level) / RUNS


def test_two_mechanisms_are_seen_by_rank_by_sign_and_by_mean() -> None:
    rng = np.random.default_rng(5)

    def p_value(n: int, scales: list[float], shift: list[float]) -> float:
        a, b = rng.normal(size=(2000, n)), rng.normal(size=(2000, n)) * scales + shift
        compared = relative(np.cov(a.T), np.cov(b.T), 1999, 1999)
        return one_mechanism(compared, b.mean(0) - a.mean(0), (2000, 2000))

    assert p_value(4, [2, 2, 0.5, 1], [0, 0, 0, 0]) < 1e-6  # three directions
    assert p_value(2, [1.5, 1.5], [0, 0]) < 1e-6  # two grew, none fell
    assert p_value(4, [2, 0.5, 1, 1], [0, 0, 0.5, 0]) < 1e-6  # a mean off both
    assert p_value(4, [2, 0.5, 1, 1], [1, 1, 0, 0]) > 1e-3


def test_a_sound_design_passes(world: Any) -> None:
    for rows in (200, 4000):
        for seed in range(100):
            names = {check.name for check in checks_of(world(seed=seed, rows=rows).problem())}
            assert not names & {"one-target", "same-target", "control"}


def test_two_targets_in_one_environment_are_refuted(world: Any) -> None:
    targets = {"obs": (), "e0": (0,), "e1": (1, 2), "e2": (2,)}
    found = [checks_of(world(seed=seed, targets=targets).problem()) for seed in range(40)]
    named = [[c for c in checks if c.name == "one-target"] for checks in found]
    right = [c[0] for c in named if [x.environments for x in c] == [("e1", "obs")]]
    assert len(right) >= 37  # normality is rejected now and then, and nothing is tested
    assert right[0].consequence == "refuted"
    assert right[0].message.startswith(
        "Environment 'e1' differs from the control 'obs' by more than one mechanism (p < 1e-16). "
    )
    assert right[0].remedy == "Declare design: multi-node, or leave 'e1' out."
    assert checks_of(world(targets=targets).problem(design="multi-node")) == ()


@pytest.mark.parametrize("hit", [0, 1, 2])
def test_one_target_twice_is_refuted_and_both_are_named(world: Any, hit: int) -> None:
    other = (hit + 1) % 3
    w = world(targets={"obs": (), "e0": (hit,), "e1": (hit,), "e2": (other,)}, rows=10_000)
    right = 0
    for seed in range(20):
        strong = world(seed=seed, targets=w.targets, scale=3.0, rows=10_000)
        samples = world(seed=seed, targets=w.targets, rows=10_000).samples()
        samples["e1"] = strong.samples()["e1"]
        found = [c for c in checks_of(strong.problem(samples)) if c.name == "same-target"]
        right += [c.environments for c in found] == [("e0", "e1")]
    assert right >= 15


def test_pure_shifts_of_one_latent_are_the_same_target(world: Any) -> None:
    def shifted(targets: dict[str, tuple[int, ...]]) -> Any:
        w = world(targets=targets)
        rng = np.random.default_rng(8)
        z = {name: rng.normal(size=(4000, 3)) for name in targets}
        for size, (name, hit) in enumerate(targets.items(), start=1):
            z[name][:, list(hit)] += size
        spread = np.linalg.inv(np.eye(3) - w.arrows)
        return w.problem({name: v @ (w.mixing() @ spread).T for name, v in z.items()})

    (check,) = checks_of(shifted({"obs": (), "e0": (1,), "e1": (1,), "e2": (2,)}))
    assert check.message == (
        "Environments 'e0' and 'e1' change the same linear combinations of the observations. "
        "So they have the same target, though each was declared to have its own."
    )
    assert checks_of(shifted({"obs": (), "e0": (0,), "e1": (1,), "e2": (2,)})) == ()


def test_equal_targets_of_several_are_told(world: Any) -> None:
    targets = {"obs": (), "e0": (0, 1), "e1": (0, 1), "e2": (2,)}
    (check,) = checks_of(world(targets=targets).problem(design="multi-node"))
    assert (check.name, check.consequence, check.environments) == ("same-targets", "undecided", ("e0", "e1"))
    assert check.message.endswith("That leaves 2 environments that differ, and 3 are needed.")


def test_equal_targets_among_enough_others_are_a_note(world: Any) -> None:
    targets = {"obs": (), "e0": (0, 1), "e1": (0, 1), "e2": (2,), "e3": (1,)}
    (check,) = checks_of(world(targets=targets).problem(design="multi-node"))
    assert (check.name, check.consequence) == ("same-targets", "note")
    assert check.message == (
        "Environments 'e0' and 'e1' differ from the control, but not from each other. So they have the same targets. "
        "That leaves 3 environments that differ, and 3 are needed."
    )


def test_what_does_not_fit_one_target_is_told(world: Any) -> None:
    targets = {"obs": (), "e0": (0,), "e1": (1, 2), "e2": (2,)}
    (check,) = checks_of(world(targets=targets, scale=3.0).problem())
    grown = re.search(r"variance grew: (\d), along which it fell: (\d). A single target", check.message)
    assert grown and max(map(int, grown.groups())) > 1
    assert check.message.endswith("A single target changes at most one of each; sensors that changed, more.")


def test_declared_pairs_may_share_their_target(world: Any) -> None:
    targets = {"obs": (), "e0": (0,), "e1": (0,), "e2": (2,)}
    declared = {"e0": ("z1",), "e1": ("z1",), "e2": ("z3",)}
    assert checks_of(world(targets=targets).problem(targets=declared)) == ()


def test_a_swapped_control_is_told_and_the_right_one_named(world: Any) -> None:
    arrows = np.tril(np.full((5, 5), 0.9), -1)
    swapped = {"e3": (3,), **{f"e{k}": (k,) for k in (0, 1, 2)}, "obs": (), "e4": (4,)}
    found = [
        checks_of(world(seed=seed, targets=swapped, arrows=arrows, observed=8).problem())
        for seed in range(20)
    ]
    right = [c[0] for c in found if len(c) == 1 and c[0].name == "control"]
    assert len(right) >= 17
    assert all(c.remedy == "Declare 'obs' as the observational environment." for c in right)
    assert right[0].message.startswith(
        "'obs' looks like the control, not 'e3'. All others differ from 'obs' by one "
    )


def test_where_one_environment_alone_does_not_fit_both_ways_out_are_told(world: Any) -> None:
    swapped = {"e1": (1,), "e0": (0,), "obs": (), "e2": (2,)}
    found = [checks_of(world(seed=seed, targets=swapped).problem()) for seed in range(20)]
    told = [c[0].remedy for c in found if len(c) == 1 and c[0].name == "one-target"]
    right = (
        "Declare design: multi-node, or leave 'e2' out. "
        "Or 'obs' is the control: from it, all others differ by one mechanism."
    )
    assert told.count(right) >= 18


def test_nothing_is_said_of_targets_where_latents_are_not_normal(world: Any) -> None:
    targets = {"obs": (), "e0": (0,), "e1": (1, 2), "e2": (2,)}
    w = world(targets=targets, noise=lambda rng, n: rng.laplace(size=n))
    assert all(check.name != "one-target" for check in checks_of(w.problem()))
