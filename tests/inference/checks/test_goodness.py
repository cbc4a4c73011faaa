"""Goodness of fit of linear-Gaussian models: freedom, level, power, and what a fit says of environments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from crlspec.inference.checks.fitted import FittedModel, hard_model, soft_model
from crlspec.inference.checks.freeing import most_freeing
from crlspec.inference.checks.goodness import Fit, bootstrap_p_value, check_goodness, goodness
from crlspec.inference.likelihood.gaussian import fit_order
from crlspec.inference.thresholds import LinearThresholds
from crlspec.numerics.linalg import augmented_moments

RUNS = 200
LIMITS = LinearThresholds()
SINGLE = np.concatenate([np.zeros((3, 1), dtype=bool), np.eye(3, dtype=bool)], 1)


def moments_of(samples: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    second = np.stack([augmented_moments(x) for x in samples.values()])
    means = second[:, 0, 1:]
    covariances = second[:, 1:, 1:] - means[:, :, None] * means[:, None, :]
    return second, means, covariances, np.array([len(x) for x in samples.values()], dtype=float)


def fitted(w: Any, samples: dict[str, np.ndarray] | None = None) -> tuple[Fit, FittedModel]:
    second, means, covariances, counts = moments_of(w.samples() if samples is None else samples)
    rows = fit_order((0, 1, 2), np.linalg.inv(w.mixing()), second, counts).rows
    model = hard_model(rows, second, counts, SINGLE)
    return goodness(covariances, model.covariances, counts, model.free, (means, model.means)), model


@pytest.mark.parametrize("rows", [60, 100, 300, 1000])
def test_a_sound_design_keeps_the_level_at_few_samples(world: Any, rows: int) -> None:
    found = [fitted(world(seed=900 + seed, rows=rows, observed=3))[0] for seed in range(RUNS)]
    assert {fit.freedom for fit in found} == {15}  # nine of covariances, six of means
    p_values = np.array([fit.p_value for fit in found])
    for level in (0.1, 0.01):
        assert (p_values < level).mean() <= stats.binom.ppf(1 - 1e-3, RUNS, level) / RUNS
    assert np.mean([fit.statistic for fit in found]) == pytest.approx(15, rel=0.15)


def test_covariances_alone_have_nine_degrees_of_freedom(world: Any) -> None:
    w = world(observed=3)
    second, _, covariances, counts = moments_of(w.samples())
    rows = fit_order((0, 1, 2), np.linalg.inv(w.mixing()), second, counts).rows
    model = hard_model(rows, second, counts, SINGLE)
    intercepts = 3 + 3
    assert goodness(covariances, model.covariances, counts, model.free - intercepts).freedom == 9


def test_a_fit_says_the_likelihood_that_it_maximised(world: Any) -> None:
    w = world(observed=3)
    second, means, covariances, counts = moments_of(w.samples())
    fit = fit_order((0, 1, 2), np.linalg.inv(w.mixing()), second, counts)
    model = hard_model(fit.rows, second, counts, SINGLE)
    inverse, gap = np.linalg.inv(model.covariances), means - model.means
    loss = 0.5 * (
        np.linalg.slogdet(model.covariances)[1]
        + np.einsum("eij,eji->e", covariances, inverse)
        + np.einsum("ei,eij,ej->e", gap, inverse, gap)
    )
    assert counts @ loss / counts.sum() == pytest.approx(fit.loss + 1.5, abs=1e-9)


@pytest.mark.parametrize(
    "targets",
    [
        {"obs": (), "e0": (0,), "e1": (1, 2), "e2": (2,)},
        {"obs": (), "e0": (0,), "e1": (0,), "e2": (2,)},
        {"e1": (1,), "e0": (0,), "obs": (), "e2": (2,)},
    ],
)
def test_wrong_targets_and_a_wrong_control_are_refuted(
    world: Any, targets: dict[str, tuple[int, ...]]
) -> None:
    fit, _ = fitted(world(observed=3, targets=targets))
    check = check_goodness(fit, list(targets), LIMITS)
    assert (check.name, check.consequence) == ("goodness-of-fit", "refuted")
    assert fit.statistic > 1000 and check.environments


def test_a_hidden_cause_is_refuted(world: Any) -> None:
    w = world(observed=3)
    samples, rng = {}, np.random.default_rng(0)
    for name, hit in w.targets.items():
        u, z = rng.normal(size=4000), rng.normal(size=(4000, 3))
        z[:, 0] = 2 * z[:, 0] if 0 in hit else z[:, 0] + 1.2 * u
        z[:, 1] = 2 * z[:, 1] if 1 in hit else z[:, 1] + 1.1 * z[:, 0]
        z[:, 2] = 2 * z[:, 2] if 2 in hit else z[:, 2] - 0.9 * z[:, 1] + 1.2 * u
        samples[name] = z @ w.mixing().T
    assert fitted(w, samples)[0].p_value < 1e-12


def test_a_sound_fit_is_told_and_so_is_what_would_mend_another() -> None:
    passed = check_goodness(Fit(14.2, 15, 0.51, np.ones(4)), ["a", "b", "c", "d"], LIMITS)
    assert passed.consequence == "passed"
    assert passed.message == (
        "The declared model fits all environments: likelihood ratio 14.2 with 15 degrees of freedom, p = 0.5."
    )
    gains = {"the mechanism of z2 in 'c'": (880.0, 4), "an edge z1 → z3": (15.0, 1)}
    freeing = most_freeing(900.0, gains, LIMITS)
    assert freeing == "Freeing the mechanism of z2 in 'c' removes 98% of the misfit."
    wrong = check_goodness(
        Fit(900.0, 15, 0.0, np.array([10.0, 10, 870, 10])), ["a", "b", "c", "d"], LIMITS, freeing
    )
    assert wrong.environments == ("c",)
    assert wrong.message == (
        "The declared model does not fit: likelihood ratio 900.0 with 15 degrees of freedom, p < 1e-16. "
        f"The misfit is largest in environment 'c'. {freeing}"
    )


def test_a_fit_that_may_have_missed_its_optimum_is_undecided() -> None:
    check = check_goodness(
        Fit(900.0, 15, 0.0, np.full(4, 225.0)), ["a", "b", "c", "d"], LIMITS, undecided=True
    )
    assert check.consequence == "undecided"
    assert check.message == (
        "The declared model does not fit: likelihood ratio 900.0 with 15 degrees of freedom, p < 1e-16. "
        "The misfit is spread over all environments."
    )


def test_what_explains_nothing_is_not_named() -> None:
    assert most_freeing(900.0, {"an edge": (3.0, 1)}, LIMITS) is None
    assert most_freeing(900.0, {"an edge": (30.0, 1)}, LIMITS) == (
        "No single change explains the misfit: freeing an edge removes 3% of it."
    )


def test_soft_models_have_a_regression_for_each_group(world: Any) -> None:
    w = world(observed=3, soft=True, shift=1.0)
    groups = np.stack([~SINGLE, SINGLE], 1)
    statistics = []
    for seed in range(60):
        second, means, covariances, counts = moments_of(
            world(seed=seed, observed=3, soft=True, shift=1.0).samples()
        )
        rows = np.linalg.inv(world(seed=seed, observed=3).mixing())
        model = soft_model(rows, second, counts, groups)
        assert model.free == 3 + 2 * (2 + 3 + 4)
        known = model.free - 3  # the rows are the true ones here
        statistics.append(goodness(covariances, model.covariances, counts, known, (means, model.means)))
    assert np.mean([fit.statistic for fit in statistics]) == pytest.approx(statistics[0].freedom, rel=0.1)
    assert w.soft


def test_more_parameters_than_moments_say_nothing() -> None:
    assert goodness(np.eye(2)[None], np.eye(2)[None], np.array([100.0]), 5) == Fit(
        0.0, 0, 1.0, pytest.approx(0)
    )


def test_the_bootstrap_agrees_with_the_law() -> None:
    rng = np.random.default_rng(0)
    counts = [80, 80]

    def refit(samples: list[np.ndarray]) -> float:
        """Both covariances are I: nothing is fitted."""
        covariances = np.stack([np.cov(y.T, bias=True) for y in samples])
        return goodness(covariances, np.stack([np.eye(2)] * 2), np.array([80.0, 80.0]), 0).statistic

    model = (np.zeros((2, 2)), np.stack([np.eye(2)] * 2))
    statistic = refit([rng.normal(size=(80, 2)) for _ in counts])
    found = bootstrap_p_value(statistic, model, counts, refit, replications=399)
    assert found == pytest.approx(float(stats.chi2.sf(statistic, 6)), abs=0.1)
    assert found == bootstrap_p_value(statistic, model, counts, refit, replications=399)
