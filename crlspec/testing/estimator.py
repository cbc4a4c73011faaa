"""The contract of estimators of latents and graph."""

import abc
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import numpy as np

from crlspec.data import Problem
from crlspec.errors import SettingMismatch
from crlspec.inference.estimate import Estimate
from crlspec.progress import silent
from crlspec.results.canonical import canonical
from crlspec.scores.base import ScoreDifference
from crlspec.scores.gaussian import GaussianScores
from crlspec.spec.setting import Setting
from crlspec.testing.toy import LinearGaussianToy, PairsToy

__all__ = ["EstimatorContract"]


class EstimatorContract(abc.ABC):
    """The laws of an estimator of latents and graph, on :meth:`toy`."""

    tolerance: ClassVar[float] = 1e-5
    purity: ClassVar[float] = 0.99
    """The least share of a recovered latent's length that its own true latent must have."""

    @abc.abstractmethod
    def estimator(self) -> Any:
        """The estimator, with ``accepts`` and ``solve``."""

    @abc.abstractmethod
    def refused(self) -> Sequence[Setting]:
        """Settings that it must refuse."""

    def toy(self) -> LinearGaussianToy | PairsToy:
        """The problem it is tried on."""
        return LinearGaussianToy()

    def scores(self) -> ScoreDifference:
        """The score differences it is given."""
        return GaussianScores()

    def solved(self, problem: Problem, seed: int = 0) -> Estimate:
        """Its answer."""
        estimate: Estimate = self.estimator().solve(problem, self.scores(), seed, silent)
        return estimate

    def answer(self) -> Estimate:
        """Its answer to the toy; the tests of a class share it."""
        return _answer(type(self))

    def by_latent(self, estimate: Estimate) -> tuple[np.ndarray, set[tuple[str, str]]]:
        """Recovered latents (latent, sample) of the observational sample in the order of the true ones, and edges
        between true latents: free of names, by the environments that show each latent, and in the scale and sign that
        results have."""
        toy = self.toy()
        shown = {z: toy.target(environment) for z, environment in estimate.environment_of.items()}
        x = toy.problem.samples["obs"]
        found = canonical(estimate, x).encoder(x).T
        rows = {shown[z]: row for z, row in zip(estimate.latents, found, strict=True)}
        edges = {(shown[edge.source], shown[edge.target]) for edge in estimate.edges}
        return np.stack([rows[name] for name in toy.latents]), edges

    def same(self, first: Estimate, second: Estimate) -> None:
        """Fails unless both say the same of every latent."""
        (rows, edges), (others, other_edges) = self.by_latent(first), self.by_latent(second)
        np.testing.assert_allclose(rows, others, atol=self.tolerance * np.abs(rows).max())
        assert edges == other_edges

    def test_the_toy_is_recovered(self) -> None:
        toy = self.toy()
        rows, edges = self.by_latent(self.answer())
        assert edges == toy.edges
        z = toy.z("obs")
        centred = (rows - rows.mean(1, keepdims=True)).T
        recovered = np.linalg.lstsq(z - z.mean(0), centred, rcond=None)[0].T  # a scaled identity
        assert np.all(np.abs(np.diagonal(recovered)) >= self.purity * np.linalg.norm(recovered, axis=1))

    def test_names_and_order_of_environments_and_latents_do_not_matter(self) -> None:
        problem = self.toy().problem
        *others, last = problem.setting.environments
        turned = replace(problem.setting, environments=(last, *others), latents=("k", "l", "m"))
        samples = {name: problem.samples[name] for name in (*others[1:], "obs", last, others[0])}
        self.same(self.answer(), self.solved(Problem(turned, problem.observed, samples)))

    def test_the_order_of_the_samples_does_not_matter(self) -> None:
        problem, rng = self.toy().problem, np.random.default_rng(0)
        samples = {name: rng.permutation(x) for name, x in problem.samples.items()}
        self.same(self.answer(), self.solved(replace(problem, samples=samples)))

    def test_the_same_seed_gives_the_same_numbers(self) -> None:
        first, second = self.answer(), self.solved(self.toy().problem)
        np.testing.assert_array_equal(self.by_latent(first)[0], self.by_latent(second)[0])
        assert first.tested == second.tested

    def test_wrong_settings_are_refused(self) -> None:
        problem = self.toy().problem
        self.estimator().accepts(problem.setting)
        for setting in self.refused():
            for refuse in (self.estimator().accepts, lambda s: self.solved(replace(problem, setting=s))):
                try:
                    refuse(setting)
                except SettingMismatch as error:
                    remedy = error.remedy
                else:
                    remedy = None
                assert remedy, f"{setting} must be refused by accepts and solve, with a remedy"


@cache
def _answer(contract: type[EstimatorContract]) -> Estimate:
    made = contract()
    return made.solved(made.toy().problem)
