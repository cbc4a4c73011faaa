"""What is known already enters the search and the tests, and what the data contradict is refuted by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crlspec.data import Problem
from crlspec.errors import DataError, SettingMismatch
from crlspec.inference.check import Check
from crlspec.inference.checks.known import check_known
from crlspec.inference.estimate import Estimate
from crlspec.inference.likelihood.gaussian import fit_order
from crlspec.inference.likelihood.known_tests import smooth_statements
from crlspec.inference.likelihood.wald import wald_tests
from crlspec.inference.lscale import LScaleI
from crlspec.inference.order.knowledge import Knowledge, earliest_first
from crlspec.inference.thresholds import LinearThresholds
from crlspec.inference.umni import UmniCrl
from crlspec.numerics.linalg import augmented_moments
from crlspec.progress import silent
from crlspec.scores.gaussian import GaussianScores
from crlspec.scores.ratio import RatioScores
from crlspec.spec.known import Known
from crlspec.spec.setting import Setting

NAMES = ("a", "b", "c", "d")
EDGES = (("a", "b"), ("b", "c"), ("a", "d"))
WEIGHTS = {("a", "b"): 0.9, ("b", "c"): -0.8, ("a", "d"): 1.1}
TARGETS = {f"do_{z}": (z,) for z in NAMES}


def drawn(
    seed: int,
    samples: int,
    soft: bool = False,
    bent: bool = False,
    weights: dict | None = None,
    mixing: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """x (sample, observed) of every environment of a → b → c, a → d behind one mixing."""
    rng, weights = np.random.default_rng(seed), WEIGHTS if weights is None else weights
    mixing = rng.normal(size=(6, 4)) if mixing is None else mixing
    found = {}
    for name in ("obs", *TARGETS):
        z: dict[str, np.ndarray] = {}
        for one in NAMES:
            hit = TARGETS.get(name) == (one,)
            factor = (0.3 if soft else 0.0) if hit else 1.0
            cause = sum(
                (w * (z[p] ** 2 - 1 if bent else z[p]) for (p, c), w in weights.items() if c == one), 0.0
            )
            z[one] = factor * cause + rng.normal(0, 0.5 if hit else 1.0, samples)
        found[name] = np.stack([z[one] for one in NAMES], 1) @ mixing.T
    return found


def problem(known: Known | None, seed: int = 1, samples: int = 1500, **how: bool) -> Problem:
    kind = "soft" if how.get("soft") else "hard"
    setting = Setting("linear", "single-node", kind, NAMES, "obs", tuple(TARGETS), TARGETS, known=known)  # type: ignore[arg-type]
    return Problem(setting, tuple(f"x{k}" for k in range(6)), drawn(seed, samples, **how))


def solved(known: Known | None, seed: int = 1, samples: int = 1500, **how: bool) -> Estimate:
    return LScaleI().solve(problem(known, seed, samples, **how), GaussianScores(), 0, silent)


def check(found: Estimate, name: str = "known") -> Check:
    return next(one for one in found.checks if one.name == name)


TRUE = Known(edges=EDGES[:1], absent=(("a", "c"), ("c", "d")), order=("a", "d"))


def test_what_is_true_is_kept_and_passes() -> None:
    found = solved(TRUE, seed=2)
    assert check(found).consequence == "passed"
    assert check(found).message.startswith(
        "The data contradict nothing that is known already. What they doubt most is"
    )
    assert {edge.pair for edge in found.edges} == set(EDGES) and found.status.ok


@pytest.mark.parametrize(("known", "said", "latents"), [
    (Known(edges=(("b", "a"),)),
     "The data contradict that there is an edge 'b' → 'a', which is said to be known. The best order without it fits "
     "better by", {"a", "b"}),
    (Known(order=("c", "b"), absent=(("a", "c"),)),
     "The data contradict that 'c' comes before 'b', which is said to be known.", {"b", "c"}),
    (Known(absent=(("b", "c"), ("a", "c"))),
     "The data contradict that there is no edge 'b' → 'c', which is said to be known. Left free, that edge has "
     "strength", {"b", "c"}),
])  # fmt: skip
def test_what_the_data_contradict_is_refuted_by_name_and_nothing_else_is(
    known: Known, said: str, latents: set[str]
) -> None:
    found = solved(known)
    assert check(found).consequence == "refuted" == found.status.code
    assert check(found).message.startswith(said) and set(check(found).latents) == latents
    assert found.status.message.startswith(said)
    assert check(found).remedy == (
        "Take it out of assume.known, or look whether each environment targets what is said."
    )


def test_an_edge_that_surely_is_none_is_refuted() -> None:
    found = solved(Known(edges=(("a", "c"),)), samples=5000)
    assert "surely less than the 0.1 from which an edge counts" in check(found).message
    assert ("a", "c") in {edge.pair for edge in found.edges}, "what was said is kept, and the status refuted"


def test_an_edge_that_few_samples_do_not_show_stands_with_a_note() -> None:
    found = solved(Known(edges=(("a", "c"),)), samples=150)
    assert check(found).consequence == "passed"
    assert check(found, "known-unseen").message.startswith(
        "The edge 'a' → 'c' stands because it is known. The data do not show it by themselves (p = "
    )
    assert ("a", "c") in {edge.pair for edge in found.edges}


@pytest.mark.parametrize("known", [Known(order=("b", "a", "d")), Known(edges=(("c", "a"),))])
def test_orders_keep_what_is_known_even_where_it_is_wrong(known: Known) -> None:
    place = solved(known).order.index
    pairs = [*known.edges, *zip(known.order, known.order[1:], strict=False)]
    assert all(place(one) < place(two) for one, two in pairs)


def test_an_order_that_few_samples_leave_open_is_decided_by_knowing_it() -> None:
    weak = {("a", "b"): 0.35, ("b", "c"): -0.35, ("a", "d"): 0.4}
    few = {"known": None, "told": Known(order=NAMES)}
    codes = {}
    for name, known in few.items():
        one = problem(known)
        one = replace(one, samples=drawn(5, 150, weights=weak))
        codes[name] = check(LScaleI().solve(one, GaussianScores(), 0, silent), "order")
    assert codes["known"].consequence == "undecided"
    assert codes["told"].message == "What is known already leaves no order that reverses an edge."


def test_names_and_order_of_latents_do_not_matter() -> None:
    one = problem(TRUE)
    found = LScaleI().solve(one, GaussianScores(), 0, silent)
    shuffled, back = one.shuffled(3)
    other = LScaleI().solve(shuffled, GaussianScores(), 0, silent)
    renamed = {(back.latents[e.source], back.latents[e.target]): e.strength for e in other.edges}
    assert renamed == pytest.approx({edge.pair: edge.strength for edge in found.edges}, abs=1e-5)


def test_an_absent_edge_lowers_the_errors_of_the_others_and_has_none_itself() -> None:
    samples = list(drawn(1, 1500, mixing=np.eye(4)).values())
    moments = np.stack([augmented_moments(y) for y in samples])
    counts = np.full(5, 1500.0)
    fit = fit_order((0, 1, 2, 3), np.eye(4), moments, counts)
    absent = np.zeros((4, 4), dtype=bool)
    absent[2, 0] = True
    free, bound = wald_tests(fit, moments, counts), wald_tests(fit, moments, counts, absent=absent)
    assert (bound.strengths[2, 0], bound.errors[2, 0], bound.p_values[2, 0]) == (0.0, 0.0, 1.0)
    lower = np.tril_indices(4, -1)
    assert (bound.errors[lower] <= free.errors[lower] + 1e-12).all()
    assert bound.errors[2, 1] < free.errors[2, 1]
    assert (bound.leftovers <= free.leftovers + 1e-9).all()


def test_soft_closures_take_the_order_and_refute_it() -> None:
    true = solved(Known(edges=EDGES[:1], order=("a", "d")), samples=3000, soft=True)
    assert check(true).consequence == "passed" and true.status.ok
    wrong = solved(Known(order=("c", "a")), samples=3000, soft=True)
    assert check(wrong).consequence == "refuted" and "'c' comes before 'a'" in wrong.status.message
    assert check(wrong, "order").message


def test_a_soft_closure_whose_whole_order_is_known_claims_no_reversal() -> None:
    found = solved(Known(order=("a", "b", "c", "d")), samples=3000, soft=True)
    assert check(found, "order").message == (
        "What is known already leaves no order that reverses an ancestral pair."
    )


@pytest.mark.parametrize(("known", "code"), [(TRUE, "passed"), (Known(order=("c", "a")), "refuted")])
def test_known_targets_of_several_latents_at_once_name_the_latents(known: Known, code: str) -> None:
    one = problem(known)
    setting = replace(one.setting, design="multi-node")
    found = UmniCrl().solve(replace(one, setting=setting), GaussianScores(), 0, silent)
    assert check(found).consequence == code


@pytest.mark.slow
@pytest.mark.parametrize(("known", "code"), [
    (Known(edges=EDGES[:1], absent=(("a", "c"),), order=("a", "d")), "passed"),
    (Known(absent=(("a", "d"),)), "refuted"),
    (Known(order=("b", "a")), "refuted"),
])  # fmt: skip
def test_smooth_mechanisms_take_it_too(known: Known, code: str) -> None:
    one = problem(known, samples=3000, bent=True)
    found = LScaleI().solve(one, RatioScores(), 0, silent)
    assert check(found).consequence == code


def test_where_it_cannot_enter_it_is_refused() -> None:
    bent = problem(Known(order=("a", "b")), samples=1500, bent=True, soft=True)
    with pytest.raises(
        SettingMismatch, match=r"soft interventions on them are read without what assume\.known says"
    ):
        LScaleI().solve(bent, RatioScores(steps=20), 0, silent)
    anonymous = problem(Known(order=("a", "b")))
    setting = replace(anonymous.setting, design="multi-node", targets=None)
    with pytest.raises(SettingMismatch, match="no latent has a name before data are read"):
        UmniCrl().solve(replace(anonymous, setting=setting), GaussianScores(), 0, silent)


def test_known_targets_name_the_latents_of_a_single_node_design() -> None:
    import crlspec

    told = Known(targets={"do_c": ("a",), "do_a": ("c",)}, order=("c", "a"))
    setting = Setting("linear", "single-node", "hard", NAMES, "obs", known=told)
    tree = crlspec.data.from_arrays(drawn(1, 100), observed=[f"x{k}" for k in range(6)], observational="obs")
    found = Problem.from_data(tree, setting).setting
    assert found.targets == {"do_a": ("c",), "do_b": ("b",), "do_c": ("a",), "do_d": ("d",)}
    with pytest.raises(
        DataError, match="names the environment 'do_x', which is none of those with interventions"
    ):
        Problem.from_data(tree, replace(setting, known=Known(targets={"do_x": ("a",)})))
    with pytest.raises(DataError, match=r"assume\.known names 'x', which is no latent"):
        Problem.from_data(tree, replace(setting, known=Known(order=("x", "a"))))


def test_orders_are_repaired_with_as_little_change_as_may_be() -> None:
    before = np.zeros((4, 4), dtype=bool)
    before[3, 0] = True
    assert earliest_first(before, (0, 1, 2, 3)) == (1, 2, 3, 0)
    assert earliest_first(before, (3, 2, 0, 1)) == (3, 2, 0, 1)


def test_what_is_known_is_closed_transitively() -> None:
    known = Knowledge.of(problem(Known(edges=(("a", "b"),), order=("b", "d"))))
    assert known is not None and known.before[0, 3] and not known.direct[0, 3]
    assert known.allows((2, 0, 1, 3)) and not known.allows((3, 0, 1, 2))
    assert Knowledge.of(problem(Known(targets=TARGETS))) is None


def test_an_absent_edge_that_the_order_excludes_is_contradicted_by_nothing() -> None:
    known = Knowledge.of(problem(Known(absent=(("d", "a"),))))
    assert known is not None
    shares, p_values = np.zeros((4, 4)), np.ones((4, 4))
    (one,) = smooth_statements(known, (0, 1, 2, 3), {}, shares, p_values, 1000, 0.01, LinearThresholds())
    assert one.p_value == 1 and check_known([one], 1e-3).consequence == "passed"
    found = solved(Known(absent=(("d", "a"),)))
    assert check(found).message.endswith("What they doubt most is that there is no edge 'd' → 'a' (p = 1).")


@pytest.mark.slow
def test_the_level_of_the_check_is_held() -> None:
    """Of 200 true statements at 300 samples none, or one at most, is refuted at level 1e-3."""
    refuted = [check(solved(TRUE, seed, 300)).consequence == "refuted" for seed in range(200, 400)]
    assert sum(refuted) <= 1
