"""Noise of its own size on each variable: recovered, tested, told; and what undeclared noise is said to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from crlspec.data import Problem
from crlspec.errors import DataError, SpecError
from crlspec.inference.baselines import Pca
from crlspec.inference.checks.design import checks_of
from crlspec.inference.checks.latent_count import count_latents
from crlspec.inference.estimate import Estimate
from crlspec.inference.lscale import LScaleI
from crlspec.inference.status import status_of_checks
from crlspec.progress import silent
from crlspec.scores.gaussian import GaussianScores
from crlspec.spec.load import loads
from crlspec.spec.setting import Setting

OWN = "per-variable"


def noisy(w: Any, low: float = 0.2, high: float = 0.6, **setting: object) -> tuple[Problem, np.ndarray]:
    """The world's problem with noise on x of its own size on each variable, and those deviations."""
    rng = np.random.default_rng([w.seed, 9])
    sizes = rng.uniform(low, high, w.observed)
    samples = {name: x + sizes * rng.normal(size=x.shape) for name, x in w.samples().items()}
    return w.problem(samples, **{"observation_noise": OWN, **setting}), sizes


def solved(problem: Problem) -> Estimate:
    return LScaleI().solve(problem, GaussianScores(), 0, silent)


def correlations(w: Any, problem: Problem, estimate: Estimate) -> np.ndarray:
    """|correlation| of each latent with what was recovered of it, in the control."""
    rng = np.random.default_rng([w.seed, 2])
    truth = w.latents("obs", rng)
    found = estimate.encoder(problem.samples["obs"])
    return np.abs([np.corrcoef(truth[:, k], found[:, k])[0, 1] for k in range(3)])


@pytest.mark.parametrize("seed", range(3))
def test_latents_and_the_noise_of_each_variable_are_recovered(world: Callable[..., Any], seed: int) -> None:
    w = world(seed=seed, observed=12)
    problem, sizes = noisy(w)
    (check,) = [c for c in checks_of(problem) if c.name == "observation-noise"]
    assert check.consequence == "passed" and "explain the covariance (p = " in check.message
    estimate = solved(problem)
    noise, share = estimate.diagnostics["observation_noise"], estimate.diagnostics["noise_share"].values
    assert list(noise["observed"].values) == list(problem.observed)
    np.testing.assert_allclose(noise.values, sizes, rtol=0.06)
    assert (correlations(w, problem, estimate) ** 2 > 1 - share - 0.03).all()
    assert correlations(w, problem, estimate).mean() > 0.98
    assert estimate.status.ok and f"Noise of standard deviation {noise.values.min():.3g} to" in str(
        estimate.status
    )
    assert {(e.source, e.target) for e in estimate.edges} == {("z1", "z2"), ("z1", "z3"), ("z2", "z3")}


def test_units_do_not_matter(world: Callable[..., Any]) -> None:
    problem, _ = noisy(world(observed=12))
    units = 10.0 ** np.linspace(-3, 3, 12)
    other = replace(problem, samples={name: x * units for name, x in problem.samples.items()})
    one, two = solved(problem), solved(other)
    np.testing.assert_allclose(
        one.diagnostics["noise_share"].values, two.diagnostics["noise_share"].values, rtol=1e-3
    )
    z, again = one.encoder(problem.samples["obs"]), two.encoder(other.samples["obs"])
    np.testing.assert_allclose(np.abs((z * again).mean(0)), 1, rtol=1e-3)


def test_much_noise_leaves_the_result_undecided(world: Callable[..., Any]) -> None:
    status = solved(noisy(world(observed=12), 1.0, 2.0)[0]).status
    assert status.code == "undecided" and "too much to rely on edges" in status.message


def test_baselines_tell_of_the_noise_of_each_variable(world: Callable[..., Any]) -> None:
    problem, sizes = noisy(world(observed=12))
    found = Pca().solve(problem, GaussianScores(), 0, silent)
    np.testing.assert_allclose(found.diagnostics["observation_noise"].values, sizes, rtol=0.06)


def test_the_level_of_the_check_and_its_power(world: Callable[..., Any]) -> None:
    figures = []
    for seed in range(40):
        (check,) = [
            c for c in checks_of(noisy(world(seed=seed, observed=8))[0]) if c.name == "observation-noise"
        ]
        figures.append(check.figure)
    assert min(figures) > 1e-3 and 0.3 < np.mean(figures) < 0.7
    for seed in range(5):
        w = world(seed=seed, observed=8)
        problem, _ = noisy(w)
        shared = np.random.default_rng(seed).normal(size=(2, 4000))
        samples = {name: x.copy() for name, x in problem.samples.items()}
        for x in samples.values():  # noise that two pairs of variables share
            x[:, :2] += 0.7 * shared[0, :, None]
            x[:, 2:4] += 0.7 * shared[1, :, None]
        checks = checks_of(replace(problem, samples=samples))
        (check,) = [c for c in checks if c.name == "observation-noise"]
        assert check.consequence == "refuted" and check.remedy
        assert check.message.startswith(
            "3 latents and noise of its own on each variable do not explain the covariance (p "
        )
        assert status_of_checks(checks).code == "refuted"


def test_a_misfit_that_many_samples_alone_see_is_undecided(world: Callable[..., Any]) -> None:
    problem, _ = noisy(world(observed=12))
    shared = 0.15 * np.random.default_rng(0).normal(size=(4000, 2))
    samples = {
        name: x + np.repeat(shared, [2, 10], axis=1) * (np.arange(12) < 4)
        for name, x in problem.samples.items()
    }
    (check,) = [c for c in checks_of(replace(problem, samples=samples)) if c.name == "observation-noise"]
    assert check.consequence == "undecided"
    assert check.message.startswith(
        "3 latents and noise of its own on each variable explain the covariance only roughly (p "
    )


def test_so_few_variables_do_not_identify_noise_of_their_own(world: Callable[..., Any]) -> None:
    problem, _ = noisy(world(observed=5))
    with pytest.raises(DataError, match="5 observed variables of 3 latents do not identify") as caught:
        checks_of(problem)
    assert str(caught.value.remedy).startswith("Observe 6 variables or more, declare 2 latents or fewer")
    problem, _ = noisy(world(observed=6))
    (check,) = [c for c in checks_of(problem) if c.name == "observation-noise"]
    assert check.consequence == "note" and "the model could not be tested" in check.message


def test_a_variable_without_noise_is_named(world: Callable[..., Any]) -> None:
    w = world(seed=1, observed=10)
    problem, _ = noisy(w)
    samples = {name: x.copy() for name, x in problem.samples.items()}
    for name, x in w.samples().items():
        samples[name][:, 4] = x[:, 4]
    found = [c for c in checks_of(replace(problem, samples=samples)) if c.name == "heywood-case"]
    assert len(found) == 1 and found[0].consequence == "undecided"
    assert "The noise of 'x5' is estimated as zero" in found[0].message
    left = {name: np.delete(x, 4, axis=1) for name, x in samples.items()}
    checks = checks_of(w.problem(left, observation_noise=OWN))
    assert [c.consequence for c in checks] == ["passed"]


def test_without_noise_nothing_is_amiss(world: Callable[..., Any]) -> None:
    problem = world(observed=8).problem(observation_noise=OWN)
    (check,) = checks_of(problem)
    assert check.consequence == "passed"
    assert check.message == "The observations have deficient rank, so no variable carries noise of its own."
    assert solved(problem).status.ok


def test_fewer_factors_than_latents_are_refused(world: Callable[..., Any]) -> None:
    problem, sizes = noisy(
        world(observed=12, arrows=np.zeros((2, 2)), targets={"obs": (), "e0": (0,), "e1": (1,)})
    )
    rest = np.random.default_rng(4).normal(size=(4000, 12))
    samples = {**problem.samples, "e2": rest * sizes}
    setting = replace(problem.setting, latents=("z1", "z2", "z3"), environments=("e0", "e1", "e2"))
    with pytest.raises(DataError, match="A factor model of 2 factors explains the covariance") as caught:
        solved(replace(problem, setting=setting, samples=samples))
    assert caught.value.remedy


def test_latents_are_counted_by_factors(world: Callable[..., Any]) -> None:
    problem, _ = noisy(world(observed=12), latents=())
    counted, found = count_latents(problem)
    assert counted.latents == ("z1", "z2", "z3") and counted.setting.observation_noise == OWN
    assert str(found).startswith("3 factors and noise of its own on each variable explain")
    undeclared = replace(problem, setting=replace(problem.setting, observation_noise="none"))
    with pytest.raises(DataError) as caught:
        count_latents(undeclared)
    assert str(caught.value.remedy).startswith("Declare assume: {observation_noise: per-variable}")


@pytest.mark.parametrize(
    ("declared", "low", "high", "said", "remedy"),
    [
        ("none", 0.3, 0.3, "noise of one size on every variable", "Declare assume: {observation_noise: isotropic}."),
        ("none", 0.3, 0.9, "noise of another size", "Declare assume: {observation_noise: per-variable}."),
        ("isotropic", 0.3, 0.9, "noise of another size", "Declare assume: {observation_noise: per-variable}."),
    ],
)  # fmt: skip
def test_undeclared_noise_is_told_and_its_remedy_works(
    world: Callable[..., Any], declared: str, low: float, high: float, said: str, remedy: str
) -> None:
    w = world(observed=30)  # of noise 0.3 at least: less is let pass
    problem, _ = noisy(w, low, high, observation_noise=declared)
    with pytest.raises(DataError, match=said) as caught:
        solved(problem)
    assert caught.value.remedy == remedy and "nan" not in str(caught.value)
    assert "function of the others" not in str(caught.value)
    mended = remedy.partition("observation_noise: ")[2].rstrip("}.")
    estimate = solved(replace(problem, setting=replace(problem.setting, observation_noise=mended)))
    assert estimate.status.ok and correlations(w, problem, estimate).min() > 0.95


def test_a_function_of_the_others_is_said_where_it_was_found(world: Callable[..., Any]) -> None:
    w = world(observed=8)
    curved = {name: np.tanh(0.5 * x) for name, x in w.samples().items()}
    with pytest.raises(DataError, match=r"is a function of the other components \(p < 1e-16\)") as caught:
        solved(w.problem(curved))
    assert str(caught.value.remedy).startswith("Declare mixing: general")


def test_more_latents_are_said_where_they_were_found(world: Callable[..., Any]) -> None:
    w = world(observed=12)
    problem, _ = noisy(w)
    two = replace(problem.setting, latents=("z1", "z2"), environments=("e0", "e1"), observation_noise="none")
    with pytest.raises(DataError, match="3 linear components and noise on each variable explain") as caught:
        solved(replace(problem, setting=two))
    assert str(caught.value.remedy).startswith(
        "Declare latents: 3 and assume: {observation_noise: per-variable}, with an environment for each"
    )


@pytest.mark.parametrize("mixing", ["general", "glm"])
def test_noise_of_each_variable_needs_a_linear_mixing(mixing: str) -> None:
    text = f"""
crlspec: 1
latents: 2
data: {{path: folder, observational: obs}}
assume:
  mixing: {mixing}
  observation_noise: per-variable
  interventions: {{design: coupled, kind: hard, pairs: [[a, b], [c, d]]}}
"""
    with pytest.raises(SpecError, match=f"needs a linear mixing, got {mixing}") as caught:
        loads(text.replace("glm", "glm\n  link: tanh"))
    assert "assume.observation_noise" in {issue.field for issue in caught.value.issues}


def test_settings_of_older_results_are_read() -> None:
    setting = Setting("linear", "single-node", "hard", ("z1",), observation_noise=OWN)
    assert setting.noisy and Setting.from_values(setting.as_values()) == setting
    old = {**setting.as_values(), "noisy": True}
    del old["observation_noise"]
    assert Setting.from_values(old).observation_noise == "isotropic"
