"""The checks of a closure: level and power of its fit, and false pairs that its order check lets through."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

from crlspec.data import Problem
from crlspec.inference.check import Check
from crlspec.inference.estimate import Estimate
from crlspec.inference.lscale import LScaleI
from crlspec.inference.soft.decided import check_by_chance, check_by_errors, claimed
from crlspec.inference.umni import UmniCrl
from crlspec.progress import silent
from crlspec.scores.gaussian import GaussianScores
from crlspec.solving import restore
from crlspec.spec.setting import Setting

RUNS = 40


@dataclass(frozen=True)
class Soft:
    """z1 → z2 → z3, z1 → z3 by ``arrows``; environments multiply the weights of their targets and their noise."""

    seed: int
    rows: int = 1000
    arrows: tuple[float, float, float] = (1.1, -0.9, 0.7)
    targets: tuple[tuple[int, ...], ...] = ((0,), (1,), (2,))
    hidden: float = 0.0

    def problem(self, **more: Any) -> Problem:
        rng = np.random.default_rng([self.seed, 6])
        mixing, samples = rng.normal(size=(6, 3)), {}
        arrows = np.zeros((3, 3))
        arrows[1, 0], arrows[2, 1], arrows[2, 0] = self.arrows
        for e, hit in enumerate([(), *self.targets]):
            changed, noise = arrows.copy(), rng.normal(size=(self.rows, 3))
            noise[:, [0, 2]] += self.hidden * rng.normal(size=(self.rows, 1))
            for i in hit:
                changed[i] *= 0.3
                noise[:, i] *= 1.3
            samples["obs" if not e else f"e{e}"] = noise @ np.linalg.inv(np.eye(3) - changed).T @ mixing.T
        names, observed = tuple(samples)[1:], tuple(f"x{k}" for k in range(6))
        declared: dict[str, Any] = {"design": "single-node", "kind": "soft", "mixing": "linear"}
        latents = ("z1", "z2", "z3")
        setting = Setting(
            latents=latents,
            observational="obs",
            environments=names,
            observed=observed,
            **{**declared, **more},
        )
        return Problem(setting, observed, samples)

    def solved(self, **more: Any) -> Estimate:
        problem, names = self.problem(**more).shuffled(self.seed)
        estimator = UmniCrl() if more.get("design") == "multi-node" else LScaleI()
        return restore(
            estimator.solve(problem, GaussianScores(), self.seed, silent), names, self.problem(**more).setting
        )


@cache
def solved(seed: int, rows: int) -> Estimate:
    return Soft(seed, rows).solved()


def check_of(estimate: Estimate, name: str) -> Check:
    (found,) = [check for check in estimate.checks if check.name == name]
    return found


@pytest.mark.parametrize("rows", [200, 1000])
def test_a_sound_design_fits(rows: int) -> None:
    fits = [check_of(solved(seed, rows), "goodness-of-fit") for seed in range(RUNS)]
    assert {fit.bound for fit in fits} == {
        15.0
    }  # 36 moments less 3 rows and 2 · (2 + 3 + 4) of the regressions
    p_values = np.array([stats.chi2.sf(fit.figure, fit.bound) for fit in fits])
    assert [fit.objects for fit in fits] == list(p_values < 1e-3)
    for level in (0.1, 0.01):
        assert (p_values < level).mean() <= stats.binom.ppf(1 - 1e-3, RUNS, level) / RUNS


@pytest.mark.parametrize(
    "fault", [{"targets": ((0,), (1, 2), (2,))}, {"targets": ((0,), (0,), (2,))}, {"hidden": 1.0}]
)
def test_faults_of_a_design_do_not_fit(fault: dict[str, Any]) -> None:
    found = [check_of(Soft(seed, 4000, **fault).solved(), "goodness-of-fit") for seed in range(20)]
    assert sum(check.objects for check in found) >= 17


def test_a_misfit_makes_the_status() -> None:
    estimate = Soft(0, 4000, targets=((0,), (1, 2), (2,))).solved()
    check = check_of(estimate, "goodness-of-fit")
    assert check.consequence == "refuted" and estimate.status.code == "refuted"
    assert estimate.status.message.startswith("The declared model does not fit: likelihood ratio ")


def test_several_targets_are_checked_too() -> None:
    targets = ((0, 1), (1, 2), (2,))
    sound = [Soft(seed, 4000, targets=targets).solved(design="multi-node") for seed in range(10)]
    assert {check_of(estimate, "goodness-of-fit").consequence for estimate in sound} == {"passed"}
    assert all(check_of(estimate, "order").consequence == "passed" for estimate in sound)


def test_clear_orders_are_decided_and_faint_ones_are_not() -> None:
    clear = [solved(seed, 1000) for seed in range(20)]
    assert sum(estimate.status.code == "ok" for estimate in clear) >= 19
    check = check_of(clear[0], "order")
    assert set(check.latents) <= {"z1", "z2", "z3"} and " nats." in check.message
    faint = [Soft(seed, 300, arrows=(0.4, 0.0, 0.0)).solved() for seed in range(RUNS)]
    claims = [estimate for estimate in faint if len(estimate.edges) == 1]
    assert {check_of(estimate, "order").objects for estimate in claims} == {True, False}
    for estimate in claims:
        assert check_of(estimate, "order").objects == (estimate.edges[0].p_value >= 3e-3)


@pytest.mark.slow
def test_false_pairs_are_left_undecided() -> None:
    """Three latents without an edge, 100 rows: alpha lets pairs through, the check of the order hardly any."""
    found = [Soft(seed, 100, arrows=(0.0, 0.0, 0.0)).solved() for seed in range(RUNS)]
    wrong = [estimate for estimate in found if estimate.edges]
    assert wrong
    assert sum(estimate.status.code == "ok" for estimate in wrong) <= 2


def test_an_order_by_standard_errors_counts_all_claimed_pairs() -> None:
    check = check_by_errors({("a", "b"): 3.0, ("a", "c"): 9.0})
    assert check.consequence == "passed" and check.latents == ("a", "b")
    assert check.message == (
        "Every order that reverses an ancestral pair fits worse. "
        "The nearest has 'b' first, worse by 3.0 standard errors."
    )
    assert check.figure == pytest.approx(4 * stats.norm.sf(3.0))
    check = check_by_errors({("a", "b"): 2.0, ("a", "c"): 9.0})
    assert check.consequence == "undecided"
    assert check.message == (
        "The order of 'a' and 'b' is not decided. The reversed order fits worse by 2.0 standard errors only "
        "(p = 0.091)."
    )
    assert check.remedy == "Give more samples, or stronger interventions on these two."
    assert check_by_errors({("a", "b"): -5.0}).figure == 1.0
    unclaimed = check_by_errors({})
    assert unclaimed.consequence == "passed"
    assert unclaimed.message == "No latent was found to be an ancestor of another, so no order is claimed."


def test_an_order_by_p_values_stands_by_itself_first() -> None:
    check = check_by_chance({("a", "b"): 1e-9}, 1.0)
    assert check.consequence == "passed"
    assert (
        check.message
        == "Every order that reverses an ancestral pair is ruled out. The nearest has 'b' first."
    )
    check = check_by_chance({("a", "b"): 1e-9, ("a", "c"): 1e-3}, 1.0)
    assert check.message == (
        "The order of 'a' and 'c' is not decided. The order that has 'c' first fits nearly as well (p = 0.002)."
    )
    check = check_by_chance({("a", "b"): 1e-9}, 1e-8)
    assert check.consequence == "undecided" and check.message.startswith(
        "Under the best order, mechanisms change"
    )


def test_claimed_pairs_go_by_their_names() -> None:
    p_values = np.array([[1, 1, 1], [1e-3, 1, 1], [0.5, 1e-4, 1]])
    assert claimed((2, 0, 1), p_values, 0.01, ("a", "b", "c")) == {("c", "a"): 1e-3, ("a", "b"): 1e-4}
