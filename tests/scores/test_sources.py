"""Score differences from every source: one interface, and the closed form of Gaussian environments."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from crlspec.progress import silent
from crlspec.scores import scores_for
from crlspec.scores.auto import AutoScores
from crlspec.scores.base import Coordinates, ScoreDifference
from crlspec.scores.exact import ExactScores
from crlspec.scores.gaussian import GaussianScores
from crlspec.scores.ratio import RatioScores
from tests.reference.generator import generate

CHANGED = np.diag([1.0, 4.0, 1.0])


def samples(count: int = 8000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {
        "obs": rng.normal(size=(count, 3)),
        "wide": rng.normal(size=(count, 3)) @ np.sqrt(CHANGED),
    }


def truth(environment: str, x: np.ndarray) -> np.ndarray:
    """s_obs − s_env = −x + C⁻¹ x."""
    return x @ (np.linalg.inv(CHANGED) - np.eye(3))


SOURCES = [ExactScores(truth), GaussianScores(), RatioScores(steps=300), AutoScores()]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.kind)
def test_every_source_comes_near_the_closed_form(source: ScoreDifference) -> None:
    coordinates = Coordinates.fit(samples(), "obs", ("wide",), 3)
    estimate = source.estimate(coordinates, 0, silent)
    exact = truth("wide", coordinates.x) @ coordinates.space.coloring
    assert estimate.values.shape == (1, 8000, 3)
    assert estimate.moments.shape == (1, 3, 3)
    assert estimate.noise.shape == (1,)
    error = np.linalg.norm(estimate.values[0] - exact) / np.linalg.norm(exact)
    assert error < (1e-10 if estimate.exact else 0.25)
    np.testing.assert_allclose(estimate.moments[0], exact.T @ exact / len(exact), atol=0.15)


def test_crossed_moments_have_no_noise_floor() -> None:
    same = samples()
    same["wide"] = np.random.default_rng(9).normal(size=(8000, 3))
    coordinates = Coordinates.fit(same, "obs", ("wide",), 3)
    estimate = GaussianScores().estimate(coordinates, 0, silent)
    assert np.abs(estimate.moments).max() < 5e-3


def test_scores_are_deterministic_given_a_seed() -> None:
    coordinates = Coordinates.fit(samples(500), "obs", ("wide",), 3)
    first, again = (RatioScores(steps=20).estimate(coordinates, 4, silent).values for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_the_data_choose_between_gaussian_and_ratio_scores() -> None:
    for noise, kind in (("normal", "gaussian"), ("laplace", "ratio")):
        reference = generate(1, latents=3, observed=5, samples=2000, noise=noise)
        environments = tuple(name for name in reference.x if name != "obs")
        coordinates = Coordinates.fit(reference.x, "obs", environments, 3)
        assert AutoScores().choose(coordinates).kind == kind


def test_exact_scores_need_an_oracle_and_kinds_are_known() -> None:
    with pytest.raises(ValueError, match="need an oracle"):
        scores_for(SimpleNamespace(kind="exact"))
    with pytest.raises(ValueError, match="unknown scores 'guess'"):
        scores_for(SimpleNamespace(kind="guess"))
