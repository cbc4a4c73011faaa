"""Whether targets are independent of the latents before them: level, power, and what is said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from crlspec.inference.check import Check
from crlspec.inference.checks.hard import check_hard

RUNS = 400
TARGETED = np.array([[False, True, False], [False, False, True]])


def checked(seed: int, leak: float = 0.0, rows: int = 500, alpha: float = 1e-3, sure: bool = True) -> Check:
    """a → b; environment ``ea`` targets a, ``eb`` b, which there keeps a share of a's square."""
    rng = np.random.default_rng([seed, rows])
    latents = []
    for kept in (1.0, 1.0, leak):
        a = rng.standard_t(4, rows)
        latents.append(np.column_stack([a, rng.normal(size=rows) + kept * (a**2 if kept == leak else a)]))
    return check_hard(latents, TARGETED, ["a", "b"], ["obs", "ea", "eb"], np.full(3, rows), alpha, sure)


def test_independent_targets_keep_the_level() -> None:
    for level in (0.1, 0.01):
        refuted = sum(checked(seed, alpha=level).objects for seed in range(RUNS))
        assert refuted <= stats.binom.ppf(1 - 1e-4, RUNS, level)


def test_a_leak_is_seen() -> None:
    assert sum(checked(seed, leak=0.3).objects for seed in range(50)) >= 48


def test_a_hard_intervention_passes() -> None:
    check = checked(0)
    assert check.consequence == "passed"
    assert check.message == (
        "Every target is independent of the latents before it in the causal order, as it should be."
    )


def test_where_no_target_has_a_latent_before_it_nothing_is_tested() -> None:
    z = [np.random.default_rng(k).normal(size=(100, 1)) for k in range(2)]
    check = check_hard(z, np.array([[False, True]]), ["a"], ["obs", "ea"], np.full(2, 100.0), 1e-3, True)
    assert check.consequence == "passed"
    assert check.message == "No target has a latent before it in the causal order, so nothing is tested."


@pytest.mark.parametrize(("sure", "consequence"), [(True, "refuted"), (False, "undecided")])
def test_the_target_and_its_environment_are_named(sure: bool, consequence: str) -> None:
    check = checked(0, leak=0.5, sure=sure)
    assert (check.consequence, check.environments, check.latents) == (consequence, ("eb",), ("b",))
    begin, _, end = check.message.partition(" (p ")
    assert begin == "In environment 'eb' a target still depends on latents before it in the causal order"
    doubt = "" if sure else ", or the latents are not separated"
    assert end.endswith(f"). So not every intervention on 'b' is hard{doubt}.")
    declare = "Declare kind: soft, or leave out rows that the intervention did not reach."
    assert check.remedy == (declare if sure else f"Give more samples. {declare}")
