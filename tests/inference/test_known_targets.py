"""Targets known of some environments of a multi-node design: kept by the search, tested, refuted by name."""

from __future__ import annotations

import numpy as np
import pytest

import crlspec
from crlspec.data import Problem
from crlspec.errors import SettingMismatch
from crlspec.inference.check import Check
from crlspec.inference.estimate import Estimate
from crlspec.inference.umni import UmniCrl
from crlspec.progress import silent
from crlspec.scores.gaussian import GaussianScores
from crlspec.spec.known import Known
from crlspec.spec.setting import Setting

FILE = """
latents: [a, b, c]
data: {path: cells.csv, environment: guide, observational: obs}
assume:
  mixing: linear
  interventions: {design: multi-node, kind: hard}
  known: {targets: {e1: [c, a], e2: [a, b]}}
"""
NAMES = ("a", "b", "c")
TARGETS = {"e1": ("a", "b"), "e2": ("b", "c"), "e3": ("c",)}


def drawn(seed: int, samples: int, soft: bool = False, bent: bool = False) -> dict[str, np.ndarray]:
    """x (sample, observed) of every environment of a → b → c behind one mixing."""
    rng = np.random.default_rng(seed)
    mixing, found = rng.normal(size=(5, 3)), {}
    for name in ("obs", *TARGETS):
        hit = TARGETS.get(name, ())
        cause, columns = np.zeros(samples), []
        for one, weight in zip(NAMES, (0.0, 0.9, -0.8), strict=True):
            factor = (0.3 if soft else 0.0) if one in hit else 1.0
            spread = 0.4 if one in hit else 1.0
            cause = factor * weight * (cause**2 - 1 if bent else cause) + rng.normal(0, spread, samples)
            columns.append(cause)
        found[name] = np.stack(columns, 1) @ mixing.T
    return found


def problem(known: Known | None, seed: int = 1, samples: int = 1000, **how: bool) -> Problem:
    kind = "soft" if how.get("soft") else "hard"
    setting = Setting("linear", "multi-node", kind, NAMES, "obs", tuple(TARGETS), known=known)  # type: ignore[arg-type]
    return Problem(setting, tuple(f"x{k}" for k in range(5)), drawn(seed, samples, **how))


def solved(targets: dict[str, tuple[str, ...]], seed: int = 1, samples: int = 1000, **how: bool) -> Estimate:
    return UmniCrl().solve(problem(Known(targets=targets), seed, samples, **how), GaussianScores(), 0, silent)


def check(found: Estimate) -> Check:
    (one,) = [one for one in found.checks if one.name == "known"]
    return one


def signature(found: Estimate) -> dict[str, set[str]]:
    """Environment → the latents that it targets, as found."""
    array = found.diagnostics["signature"]
    return {
        str(e): {z for z in found.latents if int(array.sel(environment=e, latent=z))}
        for e in array["environment"].values
    }


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("told", [("e1",), ("e1", "e2"), ("e1", "e2", "e3")])
def test_what_is_true_is_kept_names_the_latents_and_passes(told: tuple[str, ...], soft: bool) -> None:
    found = solved({e: TARGETS[e] for e in told}, soft=soft)
    assert check(found).consequence == "passed"
    assert check(found).message.startswith(
        "The data contradict nothing that is known already. What they doubt most is that '"
    )
    targets = signature(found)
    assert all(targets[e] == set(TARGETS[e]) for e in told)
    assert sorted(map(len, targets.values())) == [1, 2, 2]
    if len(told) > 1:
        assert targets == {e: set(hit) for e, hit in TARGETS.items()}
        assert ("a", "b") in {edge.pair for edge in found.edges}


def test_a_wrong_number_of_targets_is_refuted_by_name_and_kept() -> None:
    found = solved({"e1": ("a", "b"), "e2": ("b", "c"), "e3": ("a", "b", "c")})
    assert check(found).consequence == "refuted" == found.status.code
    assert check(found).message.startswith(
        "The data contradict that 'e3' targets 'a', 'b' and 'c', which is said to be known. That it targets 'c' fits "
        "better by "
    )
    assert "as well" not in check(found).message
    assert check(found).environments == ("e3",) and set(check(found).latents) == {"a", "b", "c"}
    assert signature(found)["e3"] == {"a", "b", "c"}, "what was said is kept, and the status refuted"


def test_targets_that_contradict_each_other_are_all_named() -> None:
    """Each alone would only name a latent: together they say that two environments share one, which they do not."""
    found = solved({"e3": ("a",), "e1": ("a", "b")})
    assert check(found).consequence == "refuted"
    assert check(found).message.startswith(
        "The data contradict that 'e1' targets 'a' and 'b', which is said to be "
    )
    assert check(found).message.endswith("as well.") and set(check(found).environments) == {"e1", "e3"}


def test_a_target_that_surely_does_not_change_is_refuted() -> None:
    """A model in which more may change always fits as well: what changes is too little to count."""
    found = solved({"e1": ("a", "b"), "e2": ("b", "c"), "e3": ("a", "c")}, samples=5000, soft=True)
    assert check(found).consequence == "refuted"
    assert check(found).message.startswith(
        "The data contradict that 'e3' targets 'a' and 'c', which is said to be known. What it changes of 'a' is "
        "surely less than the 0.1 deviations from which a change counts (p = "
    )


def test_one_set_of_targets_alone_is_only_a_choice_of_names() -> None:
    found = solved({"e3": ("a",)})
    assert check(found).consequence == "passed" and signature(found)["e3"] == {"a"}


def test_the_graph_may_speak_of_latents_that_known_targets_tell_apart() -> None:
    told = {e: TARGETS[e] for e in ("e1", "e2")}
    for order, code in ((("a", "c"), "passed"), (("c", "a"), "refuted")):
        one = problem(Known(order=order, targets=told))
        found = UmniCrl().solve(one, GaussianScores(), 0, silent)
        assert check(found).consequence == code
        assert found.order.index(order[0]) < found.order.index(order[1])
    assert "'c' comes before 'a'" in check(found).message and "targets" not in check(found).message
    with pytest.raises(SettingMismatch, match="those known do not tell which latent a is"):
        UmniCrl().solve(
            problem(Known(order=("a", "c"), targets={"e1": ("a", "b")})), GaussianScores(), 0, silent
        )


def test_names_and_order_do_not_matter() -> None:
    one = problem(Known(targets={"e1": ("a", "b"), "e2": ("b", "c")}))
    found = UmniCrl().solve(one, GaussianScores(), 0, silent)
    shuffled, back = one.shuffled(3)
    other = UmniCrl().solve(shuffled, GaussianScores(), 0, silent)
    renamed = {(back.latents[e.source], back.latents[e.target]): e.strength for e in other.edges}
    assert renamed == pytest.approx({edge.pair: edge.strength for edge in found.edges}, abs=1e-5)


def test_a_result_gives_the_latents_that_are_told_apart_their_names() -> None:
    tree = crlspec.data.from_arrays(drawn(1, 1000), observed=[f"x{k}" for k in range(5)], observational="obs")
    result = crlspec.solve(crlspec.loads(FILE), tree, seed=2)
    assert result.signature is not None
    assert {z for z in "abc" if int(result.signature.sel(environment="e3", latent=z))} == {"b"}


def test_latents_that_are_not_gaussian_are_told_all_or_none() -> None:
    bent = problem(Known(targets={"e1": ("a", "b")}), bent=True)
    with pytest.raises(
        SettingMismatch, match="targets known of some environments are tested by the likelihood"
    ):
        UmniCrl().solve(bent, GaussianScores(), 0, silent)


def test_refine_none_tests_them_too() -> None:
    one = problem(Known(targets={"e1": ("a", "b"), "e2": ("b", "c"), "e3": ("a", "b", "c")}))
    found = UmniCrl(refine="none").solve(one, GaussianScores(), 0, silent)
    assert check(found).consequence == "refuted" == found.status.code
    assert [one.name for one in found.checks if one.name == "settled"] == ["settled"]


@pytest.mark.slow
@pytest.mark.parametrize("soft", [False, True])
def test_true_targets_are_not_refuted(soft: bool) -> None:
    """Of 50 data sets with 300 rows an environment none refutes true targets at level 1e-3."""
    true = {e: TARGETS[e] for e in ("e1", "e3")}
    refuted = [check(solved(true, seed, 300, soft=soft)).consequence == "refuted" for seed in range(500, 550)]
    assert sum(refuted) == 0


@pytest.mark.slow
def test_wrong_targets_are_refuted() -> None:
    """Of 25 data sets with 300 rows an environment 24, at least, refute that e3 targets b, which e1 targets too."""
    wrong = {"e1": ("a", "b"), "e3": ("b",)}
    refuted = [check(solved(wrong, seed, 300)).consequence == "refuted" for seed in range(500, 525)]
    assert sum(refuted) >= 24
