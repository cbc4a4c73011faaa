"""Gaussian, classified and exact scores keep one contract."""

from __future__ import annotations

import numpy as np
import pytest

from crlspec.inference.thresholds import Thresholds
from crlspec.progress import silent
from crlspec.registry import Registry, ScoresDeclaration
from crlspec.scores import scores_for
from crlspec.scores.auto import AutoScores
from crlspec.scores.base import Coordinates, ScoreDifference
from crlspec.scores.exact import ExactScores
from crlspec.scores.gaussian import GaussianScores
from crlspec.scores.kernel import KernelScores
from crlspec.scores.ratio import RatioScores, relative_disagreement
from crlspec.scores.sliced import SlicedScores
from crlspec.testing import LinearGaussianToy, ScoreContract


class TestGaussian(ScoreContract):
    tolerance = 0.02

    def scores(self, toy: LinearGaussianToy) -> ScoreDifference:
        return GaussianScores()


class TestExact(ScoreContract):
    tolerance = 1e-20

    def scores(self, toy: LinearGaussianToy) -> ScoreDifference:
        return ExactScores(toy.difference)


class TestRatio(ScoreContract):
    tolerance = 0.15

    def scores(self, toy: LinearGaussianToy) -> ScoreDifference:
        return RatioScores(width=16, steps=150, batch=256)


class TestAuto(TestGaussian):
    """The toy is Gaussian, and so are the scores that the data choose."""

    def scores(self, toy: LinearGaussianToy) -> ScoreDifference:
        return AutoScores(Thresholds.gaussian)


class TestSliced(ScoreContract):
    tolerance = 0.3

    def scores(self, toy: LinearGaussianToy) -> ScoreDifference:
        return SlicedScores(width=32, steps=400, batch=256, rate=5e-3)


class TestKernel(ScoreContract):
    tolerance = 0.05

    def scores(self, toy: LinearGaussianToy) -> ScoreDifference:
        return KernelScores(features=64, bandwidths=(1.0,))


def white(values: dict[str, np.ndarray]) -> Coordinates:
    return Coordinates.fit(values, "obs", tuple(name for name in values if name != "obs"), 2)


def test_auto_takes_gaussian_scores_for_gaussian_data_and_classifiers_for_others() -> None:
    rng = np.random.default_rng(0)
    normal = {name: rng.normal(size=(3000, 2)) for name in ("obs", "e1", "e2")}
    assert isinstance(AutoScores(Thresholds.gaussian).choose(white(normal)), GaussianScores)
    other = {**normal, "e2": rng.laplace(size=(3000, 2))}
    assert isinstance(AutoScores(Thresholds.gaussian).choose(white(other)), RatioScores)


def test_gaussian_moments_have_no_bias_where_nothing_changes() -> None:
    moments = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        same = {name: rng.normal(size=(500, 2)) for name in ("obs", "e1")}
        moments.append(GaussianScores().estimate(white(same), 0, silent).moments[0])
    traces = np.trace(moments, axis1=1, axis2=2)
    assert abs(traces.mean()) < 4 * traces.std() / np.sqrt(len(traces))


def test_replicates_disagree_less_with_more_samples() -> None:
    found = []
    for samples in (500, 8000):
        coordinates = Coordinates.fit(
            LinearGaussianToy(samples).problem.samples, "obs", LinearGaussianToy.environments, 3
        )
        found.append(relative_disagreement(GaussianScores().estimate(coordinates, 0, silent)))
    assert np.all(found[1] < found[0])


def declared(name: str) -> ScoresDeclaration:
    found = Registry.installed().kinds("scores")[name](kind=name)
    assert isinstance(found, ScoresDeclaration)
    return found


def test_scores_are_built_by_their_names() -> None:
    def kind(name: str) -> str:
        return scores_for(declared(name), 1e-3, lambda _, x: x).kind

    kinds = ["auto", "exact", "gaussian", "ratio", "sliced", "kernel"]
    assert [kind(name) for name in kinds] == kinds
    with pytest.raises(ValueError, match="oracle"):
        scores_for(declared("exact"), 1e-3)
