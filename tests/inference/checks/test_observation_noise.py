"""Noise on the observations: sampled, estimated, told, and no danger to the column space."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyro
import pytest
import torch

import crlspec
from crlspec.errors import DataError
from crlspec.inference.baselines import Pca
from crlspec.inference.lscale import LScaleI
from crlspec.inference.thresholds import LinearThresholds
from crlspec.progress import silent
from crlspec.scores.base import Coordinates
from crlspec.scores.gaussian import GaussianScores
from crlspec.testing import LinearGaussianToy


def noisy(noise: float, observed: int = 25, seed: int = 0) -> tuple[crlspec.Result, object]:
    sets = [f"mixing={{kind: linear, observed: {observed}, noise: {noise}}}", "samples=8000"]
    spec = crlspec.load("linear/hard-5", sets=sets)
    model = crlspec.compile(spec, seed=seed)
    return crlspec.solve(spec, model.sample(seed=seed), seed=seed), model


def test_the_model_samples_the_noise_that_is_declared() -> None:
    quiet, loud = (
        crlspec.compile(crlspec.load("linear/hard-5", sets=[f"mixing.noise={noise}"]), seed=4)
        for noise in (0, 0.3)
    )
    before, after = (model.sample(4000, seed=1) for model in (quiet, loud))
    for name in quiet.environments:
        np.testing.assert_array_equal(before[name]["z"].values, after[name]["z"].values)
        noise = after[name]["x"].values - before[name]["x"].values
        assert noise.std() == pytest.approx(0.3, rel=0.02)
        assert np.abs(np.corrcoef(noise.T) - np.eye(noise.shape[1])).max() < 0.08
    again = loud.sample({"obs": 4000}, seed=1)
    np.testing.assert_array_equal(again["obs"]["x"].values, after["obs"]["x"].values)


def test_the_pyro_program_samples_x_around_the_mixing() -> None:
    model = crlspec.compile(crlspec.load("linear/hard-5", sets=["mixing.noise=0.3"]), seed=4)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        trace = pyro.poutine.trace(model.pyro("obs")).get_trace(2000)
    site = trace.nodes["x"]
    z, x = trace.nodes["_RETURN"]["value"]
    assert site["type"] == "sample" and not site["infer"].get("_deterministic")
    assert float((x - model.mixing(z)).std()) == pytest.approx(0.3, rel=0.03)


@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_latents_and_noise_are_recovered(noise: float) -> None:
    result, model = noisy(noise)
    assert float(result.diagnostics["observation_noise"]) == pytest.approx(noise, rel=0.03)
    share = result.diagnostics["noise_share"].sel(latent=list(result.names))
    found = result.evaluate(model)  # type: ignore[arg-type]
    assert float(found["mcc"]) > 0.98
    for name in result.names:  # what is neither noise nor the latent itself is little
        assert float(found["correlation"].sel(latent=name)) ** 2 > 1 - float(share.sel(latent=name)) - 0.03
    told = " ".join(check.message for check in result.checks)
    assert "Noise of standard deviation" in told
    assert result.identified["covered"]


def test_noise_is_held_against_the_sampling_error() -> None:
    """It moves correlations of latents by its share of their variance, at most."""
    limits = LinearThresholds()
    assert limits.most_noise(100) == limits.noise_share == 0.05
    assert limits.most_noise(10_000) == pytest.approx(0.01)
    assert limits.most_noise(1e6) == pytest.approx(1e-3)


def test_noise_without_spare_variables_is_undecided_at_best() -> None:
    result, _ = noisy(0.02, observed=5)
    (theory,) = [check for check in result.checks if check.name == "theory"]
    assert result.status.code == "undecided" and not result.identified["covered"]
    assert "5 variables do not tell noise from 5 latents" in theory.message


def test_much_noise_leaves_the_result_undecided() -> None:
    result, _ = noisy(0.6)
    assert result.status.code == "undecided"
    assert "This is too much to rely on edges" in result.status.message and result.status.remedy


def test_unequal_units_do_not_turn_the_column_space() -> None:
    rng, toy = np.random.default_rng(0), LinearGaussianToy()
    units = np.array([1, 1, 1, 8, 8.0])[:, None] * toy.mixing

    def problem(seed: int) -> dict[str, np.ndarray]:
        return {
            name: toy.z(name) @ units.T + 0.7 * rng.normal(size=(toy.samples, 5)) for name in ("obs", "do_a")
        }

    base = toy.problem
    setting = replace(base.setting, environments=("do_a",), observation_noise="isotropic")
    coordinates = Coordinates.of(replace(base, setting=setting, samples=problem(0)), ("do_a",))
    basis, _ = np.linalg.qr(coordinates.space.coloring)
    off = units - basis @ (basis.T @ units)
    assert np.linalg.norm(off) < 0.02 * np.linalg.norm(units)


@pytest.mark.parametrize(
    ("latents", "word"), [(2, "more than the 2 latents"), (4, "fewer than the 4 latents")]
)
def test_a_wrong_number_of_latents_is_refuted(latents: int, word: str) -> None:
    rng, toy = np.random.default_rng(0), LinearGaussianToy()
    base = toy.problem
    names = tuple("abcd"[:latents])
    samples = {name: x + 0.2 * rng.normal(size=x.shape) for name, x in base.samples.items()}
    samples["do_d"] = samples["obs"][::-1] + 0.0
    environments = tuple(f"do_{name}" for name in names)
    setting = replace(base.setting, latents=names, environments=environments, observation_noise="isotropic")
    with pytest.raises(DataError, match=word) as caught:
        LScaleI().solve(replace(base, setting=setting, samples=samples), GaussianScores(), 0, silent)
    assert caught.value.remedy


def test_baselines_tell_of_the_noise_too() -> None:
    rng, toy = np.random.default_rng(0), LinearGaussianToy()
    base = replace(toy.problem, setting=replace(toy.problem.setting, observation_noise="isotropic"))
    samples = {name: x + 0.1 * rng.normal(size=x.shape) for name, x in base.samples.items()}
    found = Pca().solve(replace(base, samples=samples), GaussianScores(), 0, silent)
    assert float(found.diagnostics["observation_noise"]) == pytest.approx(0.1, rel=0.05)
    assert "Noise of standard deviation" in found.status.message
