"""Independent and principal components: right where their assumptions hold, and honest where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import crlspec
from crlspec.errors import DataError
from crlspec.inference import declarations
from crlspec.inference.baselines import Baseline, Ica, Pca
from crlspec.inference.estimate import Estimate
from crlspec.progress import silent
from crlspec.scores.gaussian import GaussianScores
from crlspec.spec.identifiability import promise
from crlspec.spec.setting import Setting
from crlspec.testing import EstimatorContract, LinearGaussianToy

TOY = LinearGaussianToy().problem.setting


class TestPca(EstimatorContract):
    """The laws that do not speak of environments or edges: nothing ties a component to an environment."""

    def estimator(self) -> Baseline:
        return Pca()

    def refused(self) -> Sequence[Setting]:
        return (replace(TOY, mixing="general"), replace(TOY, mixing="glm"))

    def by_latent(self, estimate: Estimate) -> tuple[np.ndarray, set[tuple[str, str]]]:
        """Rows by falling variance explained, each up to its sign."""
        assert estimate.graph == "not estimated"
        assert not estimate.edges and not estimate.tested and not estimate.environment_of
        rows = estimate.encoder.matrix
        largest = np.abs(rows).argmax(1)
        return rows * np.sign(rows[range(len(rows)), largest])[:, None], set()

    def test_the_toy_is_recovered(self) -> None:
        """Its column space is, which is all that components can promise of causal latents."""
        toy = LinearGaussianToy()
        found = self.solved(toy.problem)
        np.testing.assert_allclose(found.encoder.matrix @ found.mixing, np.eye(3), atol=1e-8)
        inside = found.mixing @ (found.encoder.matrix @ toy.mixing)
        np.testing.assert_allclose(inside, toy.mixing, atol=1e-6)


class TestIca(TestPca):
    tolerance = 1e-3

    def estimator(self) -> Baseline:
        return Ica()


def independent(samples: int = 5000) -> tuple[Estimate, np.ndarray]:
    """What ICA makes of three independent Laplace latents, and its rows times the true mixing."""
    toy, rng = LinearGaussianToy(), np.random.default_rng(0)
    x = {name: rng.laplace(size=(samples, 3)) @ toy.mixing.T for name in ("obs", *toy.environments)}
    found = Ica().solve(replace(toy.problem, samples=x), GaussianScores(), 0, silent)
    return found, found.encoder.matrix @ toy.mixing


def test_independent_non_gaussian_latents_are_recovered_by_ica() -> None:
    found, passed = independent()
    largest = np.abs(passed).max(1)
    assert np.all(largest >= 0.99 * np.linalg.norm(passed, axis=1))
    assert sorted(np.abs(passed).argmax(1)) == [0, 1, 2]
    assert found.status.ok
    assert (
        found.status.message == "The latents are components that pass as independent. No graph is estimated."
    )
    assert found.latents == ("ic1", "ic2", "ic3")


def test_principal_components_are_sorted_and_uncorrelated() -> None:
    toy = LinearGaussianToy()
    found = Pca().solve(toy.problem, GaussianScores(), 0, silent)
    pooled = found.encoder(np.concatenate(list(toy.problem.samples.values())))
    np.testing.assert_allclose(np.cov(pooled.T), np.eye(3), atol=1e-3)
    assert found.status.message == (
        "The latents are principal components, the directions of most variance. No graph is estimated."
    )
    spectrum = found.diagnostics["spectrum"].values
    assert np.all(np.diff(spectrum) <= 0)


def test_dependent_latents_refute_ica_and_the_status_says_so() -> None:
    rng, toy = np.random.default_rng(1), LinearGaussianToy()

    def chain() -> np.ndarray:
        first = rng.laplace(size=8000)
        second = first**2 / 2 + rng.laplace(size=8000)
        return np.stack([first, second, rng.laplace(size=8000)], 1)

    x = {name: chain() @ toy.mixing.T for name in ("obs", *toy.environments)}
    found = Ica().solve(replace(toy.problem, samples=x), GaussianScores(), 0, silent)
    assert found.status.code == "refuted"
    assert found.status.message == (
        "The components of ICA are dependent (p < 1e-12). ICA assumes independent latents, and latents that cause "
        "one another are dependent."
    )
    assert found.status.remedy


def test_components_of_gaussian_latents_mean_nothing() -> None:
    toy, rng = LinearGaussianToy(), np.random.default_rng(0)
    x = {name: rng.normal(size=(50, 3)) @ toy.mixing.T for name in ("obs", *toy.environments)}
    found = Ica().solve(replace(toy.problem, samples=x), GaussianScores(), 0, silent)
    assert found.status.code == "undecided"
    assert found.status.message == (
        "ICA did not converge, as happens where latents are Gaussian. Its components mean nothing."
    )


def test_more_dimensions_than_latents_are_refused() -> None:
    toy = LinearGaussianToy()
    x = {name: np.tanh(values) for name, values in toy.problem.samples.items()}
    with pytest.raises(DataError, match="a linear mixing without noise is refuted"):
        Pca().solve(replace(toy.problem, samples=x), GaussianScores(), 0, silent)


def test_the_promise_of_a_baseline_is_none() -> None:
    assert promise(TOY, declarations.LscaleI()).covered
    for declared in (declarations.Ica(), declarations.Pca()):
        verdict = promise(TOY, declared)
        assert not verdict.covered and verdict.graph == "nothing" and verdict.latents == "nothing"


@pytest.mark.parametrize("kind", ["ica", "pca"])
def test_a_whole_run_says_plainly_that_no_graph_was_estimated(kind: str, tmp_path: Path) -> None:
    spec = crlspec.load("linear/laplace-sine-hard-5", sets=["samples=1500", f"estimator={{kind: {kind}}}"])
    model = crlspec.compile(spec, seed=3)
    result = crlspec.solve(spec, model.sample(seed=3), seed=3)
    found = result.evaluate(model, samples=2000)
    assert 0.3 < float(found["mcc"]) < 1
    assert np.isnan(float(found["shd"])) and result.metrics(found)["shd"] is None
    assert "not estimated" in str(result)
    assert not result.status.ok  # no theorem covers it
    result.save(tmp_path / "result.nc")
    again = crlspec.open_result(tmp_path / "result.nc")
    assert again.graph == "not estimated" and again.names == result.names and not again.environment_of
    for truth in (None, model):
        path = result.report(tmp_path / f"{truth is None}.html", model=truth)
        assert "without a graph" in Path(path).read_text(encoding="utf-8")
