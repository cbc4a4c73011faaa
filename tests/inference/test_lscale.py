"""LSCALE-I on data of a generator that knows nothing of crlspec, and its refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import crlspec
from crlspec.data import Problem
from crlspec.errors import DataError, SettingMismatch
from crlspec.inference.estimate import Estimate
from crlspec.inference.lscale import LScaleI
from crlspec.numerics.graphs import shd, transitive_closure
from crlspec.numerics.linalg import projector_off
from crlspec.progress import silent
from crlspec.scores.base import Coordinates, ScoreDifference
from crlspec.scores.exact import ExactScores
from crlspec.scores.gaussian import GaussianScores
from crlspec.scores.ratio import RatioScores
from crlspec.spec.setting import Setting
from crlspec.testing import EstimatorContract, LinearGaussianToy
from tests.reference.generator import Reference, generate

TOY = LinearGaussianToy().problem.setting


class TestLScaleI(EstimatorContract):
    def estimator(self) -> LScaleI:
        return LScaleI()

    def refused(self) -> Sequence[Setting]:
        return (
            replace(TOY, mixing="general"),
            replace(TOY, mixing="glm"),
            replace(TOY, design="multi-node"),
            replace(TOY, design="observational", kind="none", environments=()),
            replace(TOY, design="coupled"),
            replace(TOY, deterministic=True),
            replace(TOY, environments=TOY.environments[:2]),
        )


class TestPaperStagesAlone(TestLScaleI):
    """The latents of scores alone are noisier than refined ones."""

    purity = 0.98

    def estimator(self) -> LScaleI:
        return LScaleI(refine="none")


class TestExactScores(TestLScaleI):
    def scores(self) -> ScoreDifference:
        return ExactScores(LinearGaussianToy().difference)


def problem_of(reference: Reference, kind: str = "hard") -> Problem:
    environments = tuple(name for name in reference.x if name != "obs")
    latents = tuple(f"u{k}" for k in range(len(environments)))
    setting = Setting("linear", "single-node", kind, latents, "obs", environments)  # type: ignore[arg-type]
    return Problem(setting, tuple(f"x{k}" for k in range(len(reference.mixing))), reference.x)


def graph_of(estimate: Estimate, n: int) -> np.ndarray:
    """The adjacency matrix over the generator's nodes: ``do_k`` shows node k."""
    node = {z: int(name.removeprefix("do_")) for z, name in estimate.environment_of.items()}
    adjacency = np.zeros((n, n), dtype=bool)
    for edge in estimate.edges:
        adjacency[node[edge.source], node[edge.target]] = True
    return adjacency


def mcc(estimate: Estimate, reference: Reference) -> float:
    found, truth = estimate.encoder(reference.x["obs"]), reference.z["obs"]
    node = [int(estimate.environment_of[z].removeprefix("do_")) for z in estimate.latents]
    return float(np.mean([abs(np.corrcoef(found[:, k], truth[:, i])[0, 1]) for k, i in enumerate(node)]))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_linear_gaussian_latents_and_graph_are_recovered_on_all_three_seeds(seed: int) -> None:
    reference = generate(seed, latents=4, observed=10, samples=5000)
    found = LScaleI().solve(problem_of(reference), GaussianScores(), 0, silent)
    assert shd(reference.adjacency, graph_of(found, 4)) == 0
    assert mcc(found, reference) > 0.99
    assert found.status.ok and found.graph == "exact"
    assert [stage.name for stage in found.stages] == ["scores", "likelihood"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_refinement_the_latents_are_those_of_the_scores(seed: int) -> None:
    problem = problem_of(reference := generate(seed, latents=4, observed=10, samples=5000))
    plain = LScaleI(refine="none").solve(problem, GaussianScores(), 0, silent)
    refined = LScaleI().solve(problem, GaussianScores(), 0, silent)
    assert len(plain.stages) == 1
    assert plain.stages[0].edges == refined.stages[0].edges == plain.edges
    np.testing.assert_array_equal(plain.encoder.matrix, refined.stages[0].encoder.matrix)  # type: ignore[union-attr]
    assert mcc(plain, reference) > 0.98


@pytest.mark.parametrize("scores", [GaussianScores(), RatioScores(steps=20)])
def test_p_values_that_are_not_calibrated_are_said_to_be_so(
    small: Reference, scores: ScoreDifference
) -> None:
    found = LScaleI(refine="none").solve(problem_of(small), scores, 0, silent)
    assert ("not calibrated" in found.status.message) == isinstance(scores, RatioScores)
    assert ("not calibrated" in found.stages[0].note) == isinstance(scores, RatioScores)


def test_mixing_and_encoder_undo_each_other() -> None:
    reference = generate(2, latents=4, observed=10, samples=5000)
    found = LScaleI().solve(problem_of(reference), GaussianScores(), 0, silent)
    np.testing.assert_allclose(found.encoder.matrix @ found.mixing, np.eye(4), atol=1e-8)
    x = reference.x["do_1"]
    np.testing.assert_allclose(found.encoder(x) @ found.mixing.T + found.encoder.offset, x, atol=1e-8)


def test_exact_moments_have_their_image_in_the_rows_of_a_latent_and_its_parents() -> None:
    toy = LinearGaussianToy(1000)
    coordinates = Coordinates.fit(toy.problem.samples, "obs", toy.environments, 3)
    moments = ExactScores(toy.difference).estimate(coordinates, 0, silent).moments
    rows = np.linalg.pinv(toy.mixing) @ coordinates.space.coloring
    for k, latent in enumerate(toy.latents):
        inside = [i for i, name in enumerate(toy.latents) if name == latent or (name, latent) in toy.edges]
        left = projector_off(rows[inside]) @ moments[k]
        np.testing.assert_allclose(left, 0, atol=1e-10 * np.abs(moments[k]).max())
        assert np.linalg.matrix_rank(moments[k], tol=1e-8 * np.abs(moments[k]).max()) == len(inside)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_soft_interventions_give_the_transitive_closure(seed: int) -> None:
    reference = generate(seed, latents=4, observed=10, samples=50_000, kind="soft")
    found = LScaleI().solve(problem_of(reference, "soft"), GaussianScores(), 0, silent)
    assert found.graph == "transitive closure"
    assert shd(transitive_closure(reference.adjacency), graph_of(found, 4)) == 0


@pytest.fixture(scope="module")
def small() -> Reference:
    return generate(2, latents=4, observed=10, samples=2000)


def spoilt(reference: Reference, change: object) -> Problem:
    problem = problem_of(reference)
    return replace(problem, samples={name: change(x) for name, x in problem.samples.items()})  # type: ignore[operator]


def test_a_nonlinear_mixing_is_refused_in_words(small: Reference) -> None:
    with pytest.raises(DataError, match=r"4 latents. So a linear mixing without noise is refuted") as caught:
        LScaleI().solve(spoilt(small, np.tanh), GaussianScores(), 0, silent)
    assert "mixing: general" in str(caught.value.remedy)


def test_more_latents_than_declared_are_refused_in_words() -> None:
    reference = generate(2, latents=5, observed=10, samples=2000)
    problem = problem_of(reference)
    setting = replace(
        problem.setting,
        latents=problem.latents[:4],
        environments=problem.environments[:4],
    )
    with pytest.raises(DataError, match="5 significant linear components, more than the 4 latents"):
        LScaleI().solve(replace(problem, setting=setting), GaussianScores(), 0, silent)


def test_fewer_dimensions_than_latents_are_refused_in_words(small: Reference) -> None:
    mixing = small.mixing[:, [0, 1, 2, 2]]
    flat = replace(small, x={name: z @ mixing.T for name, z in small.z.items()})
    with pytest.raises(DataError, match="span 3 linear dimensions, fewer than the 4 latents") as caught:
        LScaleI().solve(problem_of(flat), GaussianScores(), 0, silent)
    assert caught.value.remedy


@pytest.mark.parametrize("size", [1e-4, 1e-2])
def test_small_observation_noise_is_let_pass(small: Reference, size: float) -> None:
    rng = np.random.default_rng(0)
    problem = spoilt(small, lambda x: x + size * rng.normal(size=x.shape))
    assert mcc(LScaleI(refine="none").solve(problem, GaussianScores(), 0, silent), small) > 0.98


def test_a_wrong_setting_is_refused_before_the_data_are_touched() -> None:
    spec = crlspec.load("linear/soft-5")
    spec = spec.model_copy(update={"estimator": spec.estimator.model_copy(update={"variant": "hard"})})
    with pytest.raises(SettingMismatch):
        crlspec.solve(spec, xr.DataTree())


@pytest.mark.slow
def test_quadratic_latents_are_recovered_from_classified_scores() -> None:
    reference = generate(1, latents=4, observed=10, samples=10_000, family="quadratic")
    found = LScaleI().solve(problem_of(reference), RatioScores(), 0, silent)
    assert mcc(found, reference) > 0.95
    assert shd(reference.adjacency, graph_of(found, 4)) <= 1
