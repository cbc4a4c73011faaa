"""What the absence of an edge says: power in closed form, by simulation, and as results tell it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from crlspec.inference.answer import absent_edges
from crlspec.inference.edges.classifier import calibrated, detectable_shares
from crlspec.inference.estimate import AbsentEdge
from crlspec.inference.likelihood import edge_tests
from crlspec.inference.likelihood.gaussian import GaussianFit, fit_order
from crlspec.inference.likelihood.wald import WaldTests, wald_tests
from crlspec.inference.lscale import LScaleI
from crlspec.inference.power import Power, by_chi_square, by_normal
from crlspec.inference.step import Step
from crlspec.progress import silent
from crlspec.results.texts import absent_text, absent_texts
from crlspec.scores.gaussian import GaussianScores
from crlspec.testing import LinearGaussianToy

ORDER = (0, 1)
DECODER = np.array([[1.0, 0.4], [-0.7, 1.3]])
Q = (0.3, 2.5)
"""Variances of the two latents in the environments that target them; both are 1 elsewhere."""


def covariances(weight: float = 0.0) -> np.ndarray:
    """(environment, component, component) of z1 → z2 by a weight, in standard units without intervention."""
    left = 1 - weight**2
    latents = [
        np.array([[1, weight], [weight, 1]]),
        np.array([[Q[0], Q[0] * weight], [Q[0] * weight, left + Q[0] * weight**2]]),
        np.diag([1, Q[1]]),
    ]
    return np.stack([DECODER @ one @ DECODER.T for one in latents])


def augmented(second: np.ndarray, means: np.ndarray | None = None) -> np.ndarray:
    """(environment, 3, 3) E[(1, y)(1, y)ᵀ] of covariances and means."""
    means = np.zeros(second.shape[:2]) if means is None else means
    found = np.zeros((len(second), 3, 3))
    found[:, 0, 0], found[:, 0, 1:], found[:, 1:, 0] = 1, means, means
    found[:, 1:, 1:] = second + means[:, :, None] * means[:, None, :]
    return found


def wald(moments: np.ndarray, samples: float) -> WaldTests:
    counts = np.full(3, samples)
    fit: GaussianFit = fit_order(ORDER, np.linalg.inv(DECODER), moments, counts)
    return wald_tests(fit, moments, counts)


def error(samples: float) -> float:
    """Standard error of the weight, encoder unknown, in closed form where there is no edge.

    With ẑ = (z1 + a z2, z2 + b z1) and a weight w, the information per sample of (a, b, b − w), a square for each
    mechanism and twice the cross term of the log determinant, is [[A, 1, 2], [1, 1 / q2, 0], [2, 0, C]], where
    A = 1 + q2 + 1 / q1 and C = 1 + q1.
    """
    a, c = 1 + Q[1] + 1 / Q[0], 1 + Q[0]
    determinant = c / Q[1] - 4 / (a * Q[1]) - c / a
    return float(np.sqrt((c + 1 / Q[1] - 9 / a) / (samples * determinant)))


@pytest.mark.parametrize("samples", [500, 20_000])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_two_latents_have_a_closed_form(samples: int, alpha: float) -> None:
    found = wald(augmented(covariances()), samples)
    assert found.errors[1, 0] == pytest.approx(error(samples), rel=1e-4)
    by_hand = (stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(0.8)) * error(samples)
    assert by_normal(found.errors, alpha)[1, 0] == pytest.approx(by_hand, rel=1e-4)


def test_four_times_the_samples_halve_what_can_be_seen() -> None:
    moments = augmented(covariances(0.2))
    few, many = (by_normal(wald(moments, samples).errors, 0.01)[1, 0] for samples in (1000, 4000))
    assert few / many == pytest.approx(2, rel=1e-6)
    by_share = [edge_tests.detectable_shares(3, samples, 0.01)[2, 1] for samples in (1000, 4000)]
    assert by_share[0] / by_share[1] == pytest.approx(4)  # shares go with the square of a weight


def test_the_power_at_the_detectable_strength_is_four_in_five() -> None:
    """300 draws of sample moments (Wishart) with an edge of just that strength."""
    samples, level, runs = 4000, 0.01, 300
    weight = float(by_normal(np.array(error(samples)), level))
    truth, rng, seen = covariances(weight), np.random.default_rng(11), 0
    second = [stats.wishart.rvs(samples - 1, one / samples, runs, rng) for one in truth]
    means = [rng.multivariate_normal(np.zeros(2), one / samples, runs) for one in truth]
    for one, mean in zip(np.stack(second, 1), np.stack(means, 1), strict=True):
        seen += wald(augmented(one, mean), samples).p_values[1, 0] < level
    assert seen / runs == pytest.approx(0.8, abs=3 * np.sqrt(0.16 / runs))


def test_noncentralities_have_the_power_that_they_promise() -> None:
    rng = np.random.default_rng(0)
    shift = by_chi_square(5, 0.005)
    drawn = rng.noncentral_chisquare(5, shift, 40_000)
    assert (stats.chi2.sf(drawn, 5) < 0.005).mean() == pytest.approx(0.8, abs=0.006)
    assert by_chi_square(1, 0.01) == pytest.approx(float(by_normal(np.array(1.0), 0.01)) ** 2, rel=1e-4)
    assert by_chi_square(5, 0.005, 1e7) == pytest.approx(shift, rel=1e-3)


def test_the_power_of_a_classifiers_test_is_four_in_five_in_units_of_the_excess() -> None:
    """2000 statistics of a → b, by the p-values that an estimator has; all others as large as the excess says."""
    freedom, samples, alpha, excess = np.full((2, 3, 3), 9.0), 7000, 0.01, 1.6
    share = detectable_shares(freedom[1], excess, samples, alpha)
    assert np.isnan(share[np.triu_indices(3)]).all()
    signal = share[1, 0] / (1 - share[1, 0])
    drawn = np.random.default_rng(3).noncentral_chisquare(9, samples * signal / excess, 2000)
    statistics, seen = np.zeros((2, 3, 3)), 0
    statistics[1][np.triu_indices(3, 1)] = excess * 9
    for one in drawn:
        statistics[1][1, 0] = statistics[1][2, 1] = excess * max(one, 9.001)
        found = calibrated(statistics, freedom)
        assert found.order == (0, 1, 2) and found.excess == pytest.approx(excess)
        seen += found.p_values[1, 0] < alpha
    assert seen / 2000 == pytest.approx(0.8, abs=0.027)


def step(p_values: np.ndarray, power: Power | None) -> Step:
    n = len(p_values)
    return Step("likelihood", tuple(range(n)), np.eye(n), np.zeros((n, n)), p_values, 0.0, "", power=power)


def test_only_pairs_that_were_not_found_are_absent_and_only_below_the_bound_claimed() -> None:
    p_values = np.ones((3, 3))
    p_values[1, 0] = 1e-9
    power = Power(np.array([[0, 0, 0], [0.3, 0, 0], [0.1, 0.8, 0]]), 0.5)
    found = absent_edges(step(p_values, power), ("a", "b", "c"), 0.01)
    assert found == (AbsentEdge("a", "c", 0.1, True), AbsentEdge("b", "c", 0.8, False))
    unknown = replace(power, detectable=np.full((3, 3), np.nan))
    assert absent_edges(step(p_values, unknown), ("a", "b", "c"), 0.01) == ()
    assert absent_edges(step(p_values, None), ("a", "b", "c"), 0.01) == ()


def test_an_ancestor_of_an_ancestor_is_not_claimed_absent() -> None:
    p_values = np.ones((3, 3))
    p_values[1, 0] = p_values[2, 1] = 1e-9
    power = Power(np.full((3, 3), 0.1), 0.5)
    names = ("a", "b", "c")
    assert absent_edges(step(p_values, power), names, 0.01) == (AbsentEdge("a", "c", 0.1, True),)
    assert absent_edges(step(p_values, power), names, 0.01, closure=True) == (
        AbsentEdge("a", "c", 0.1, False),
    )


def test_an_absent_edge_is_not_claimed_without_a_power() -> None:
    with pytest.raises(ValueError, match="a → b is claimed absent without a power"):
        AbsentEdge("a", "b", None, True)
    with pytest.raises(ValueError, match="nan is no strength"):
        AbsentEdge("a", "b", float("nan"))


def test_texts() -> None:
    seven = [AbsentEdge("z1", f"y{k}", 0.1 - k / 100, True) for k in range(7)]
    two = [AbsentEdge("z2", "z4", 0.15), AbsentEdge("z1", "z4", 0.2)]
    assert absent_texts([*seven, *two]) == [
        "7 of 9 absent edges are excluded above 0.1; 2 are open: z1 → z4 could be up to 0.2, z2 → z4 could be up to "
        "0.15"
    ]
    assert absent_texts(seven[:1]) == ["1 of 1 absent edges is excluded above 0.1"]
    assert absent_texts([*seven[:1], *two[:1], AbsentEdge("z3", "z4")]) == [
        "1 of 3 absent edges is excluded above 0.1; 1 is open: z2 → z4 could be up to 0.15; 1 without a power "
        "calculation"
    ]
    many = [AbsentEdge("a", f"b{k}", 1 - k / 10) for k in range(7)]
    assert absent_texts(many)[0].startswith("7 of 7 absent edges are open: a → b0 could be up to 1, a → b1 ")
    assert absent_texts(many)[0].endswith("a → b4 could be up to 0.6, and 2 more")
    nothing = [AbsentEdge("a", "b"), AbsentEdge("a", "c")]
    assert absent_texts(nothing) == ["no power calculation: nothing is said of the two absent edges"]
    assert absent_texts([]) == []
    assert absent_texts([*seven, *two[1:]], "transitive closure") == [
        "7 of 8 absent ancestral links are excluded above a change of 0.1; 1 is open: z1 → z4 could be up to a "
        "change of 0.2"
    ]
    assert [absent_text(one) for one in (seven[0], two[1], nothing[0])] == [
        "excluded above 0.1", "not seen; could be up to 0.2", "no power calculation",
    ]  # fmt: skip


@pytest.mark.parametrize("bound", [0.5, 0.0])
def test_an_estimate_says_of_every_absent_edge_what_its_check_says(bound: float) -> None:
    estimator = LScaleI()
    estimator = replace(estimator, thresholds=replace(estimator.thresholds, detectable=bound))
    found = estimator.solve(LinearGaussianToy(2000).problem, GaussianScores(), 0, silent)
    (check,) = [check for check in found.checks if check.name == "edges"]
    absent = found.absent_edges
    assert {edge.pair for edge in absent} == {edge.pair for edge in found.tested} - {
        e.pair for e in found.edges
    }
    assert absent and max(edge.detectable or 0.0 for edge in absent) == check.figure
    assert all(edge.claimed for edge in absent) == (not check.objects) == (bound > 0)
    other = {name: name.upper() for name in found.latents}
    renamed = found.renamed(other, {e: e for e in found.environment_of.values()} | {"obs": "obs"})
    upper = [(edge.source.upper(), edge.target.upper()) for edge in absent]
    assert [edge.pair for edge in renamed.absent_edges] == upper


def test_noncentralities_are_those_of_a_root_search() -> None:
    """The power of a χ² test, and of one against an estimate of its unit, at what is said to be seen is .8."""
    for freedom in (1.0, 3.0, 12.0):
        for level in (0.005, 1e-4):
            critical = stats.chi2.isf(level, freedom)
            assert stats.ncx2.sf(critical, freedom, by_chi_square(freedom, level)) == pytest.approx(
                0.8, abs=1e-8
            )
            critical = freedom * stats.f.isf(level, freedom, 200.0)
            found = stats.ncx2.sf(critical, freedom, by_chi_square(freedom, level, 200.0))
            assert found == pytest.approx(0.8, abs=1e-8)
