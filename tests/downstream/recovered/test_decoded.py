"""Models behind a decoder: a result that is its truth behind a known link, two environments on each latent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyro
import pytest
import torch

import crlspec
from crlspec.downstream.design import design_of
from crlspec.errors import CrlspecError, EstimationError
from crlspec.result import Result
from tests.downstream.recovered.from_truth import recovered

TEXT = """
latents:
  a: Normal(0, 1)
  b: Normal(0.9*a, 0.6)
  c: Normal(0.5*a - 0.7*b, 0.8)
mixing: {kind: glm, observed: 5, link: arcsinh}
environments:
  obs: {}
  a1: {a: "Normal(0, 2)"}
  a2: {a: "Normal(0, 0.5)"}
  b1: {b: "Normal(0, 2)"}
  b2: {b: "Normal(0, 0.5)"}
  c1: {c: "Normal(0, 2)"}
  c2: {c: "Normal(0, 0.5)"}
"""

ASSUMED = """
latents: 3
data: {path: nowhere.nc, observational: obs}
assume:
  mixing: general
  interventions: {design: coupled, kind: hard, targets: concealed, pairs: [[a1, a2], [b1, b2], [c1, c2]]}
"""


@pytest.fixture(scope="module")
def case() -> tuple[crlspec.Model, Result]:
    """The truth, and itself up to the convention of results, as gscale-i would say it."""
    return recovered(TEXT, 6000, seed=1)


@pytest.fixture(scope="module")
def truth(case) -> crlspec.Model:
    return case[0]


@pytest.fixture(scope="module")
def result(case) -> Result:
    return case[1]


@pytest.fixture(scope="module")
def model(result):
    return result.model()


@pytest.fixture(scope="module")
def units(truth, model) -> tuple[np.ndarray, np.ndarray]:
    """Scale and mean: true latents are scale · (the model's) + mean."""
    points = torch.cat([torch.zeros(1, 3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)])
    z = truth.mixing.inverse(model.mixing(points)).numpy()
    return np.diag(z[1:] - z[0]), z[0]


def test_both_environments_of_a_latent_replace_it(result, truth) -> None:
    expected = {"a1": ("a",), "a2": ("a",), "b1": ("b",), "b2": ("b",), "c1": ("c",), "c2": ("c",)}
    assert dict(design_of(result).targets) == expected
    paired = replace(result, assumed=crlspec.Setting.of(crlspec.loads(ASSUMED)).as_values())
    assert dict(design_of(paired).targets) == expected
    assert design_of(result).untouched("b") == ("obs", "a1", "a2", "c1", "c2")


def test_each_environment_has_its_own_mechanism(model, units) -> None:
    for name, deviation in (("b1", 2.0), ("b2", 0.5)):
        z = model.sample({name: 40_000}, seed=1)[name]["z"].sel(latent="b").values
        assert abs(units[0][1]) * z.std() == pytest.approx(deviation, rel=0.03)


def test_the_mixing_is_the_decoder_and_its_inverse_the_encoder(result, model) -> None:
    z = torch.randn(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.mixing.inverse(model.mixing(z)), z)
    u = z.numpy() @ model.fitted.mixing.T + model.fitted.offset
    np.testing.assert_allclose(model.mixing(z).numpy(), result.estimate.decoder(u))
    np.testing.assert_allclose(model.mixing.encode(model.mixing(z)), z)
    assert model.mixing.jacobian(z).shape == (20, 5, 3)
    assert model.sample(7, seed=0)["obs"]["x"].shape == (7, 5)
    assert model.observed == result.observed


def test_effects_on_observations_are_those_of_the_truth(truth, model, units) -> None:
    scale, mean = units
    found = model.do({"b": 1.0}).effect(samples=50_000)
    z = truth.scm.sample(200_000, 5)
    changed = z.clone()
    changed[:, 1] = float(mean[1] + scale[1])
    changed[:, 2] = z[:, 2] - 0.7 * (changed[:, 1] - z[:, 1])
    wanted = (truth.mixing(changed) - truth.mixing(z)).mean(0).numpy()
    np.testing.assert_allclose(found["x"].values, wanted, atol=0.03 * np.abs(wanted).max())
    assert (found["x_error"].values > 0).all()
    assert "Standard errors take latents and decoder as given." in found.attrs["identified"]


def test_counterfactuals_keep_the_noise_of_each_sample(truth, model, units) -> None:
    scale, mean = units
    z = truth.scm.sample(300, 6)
    changed = z.clone()
    changed[:, 1] = float(mean[1] + scale[1])
    changed[:, 2] = z[:, 2] - 0.7 * (changed[:, 1] - z[:, 1])
    wanted = truth.mixing(changed).numpy()
    found = model.counterfactual(truth.mixing(z).numpy(), {"b": 1.0})["x"].values
    assert 1 - ((found - wanted) ** 2).sum() / ((wanted - wanted.mean(0)) ** 2).sum() > 0.999


def test_it_is_a_pyro_program_whose_observations_can_be_differentiated(result) -> None:
    with torch.random.fork_rng():
        trace = pyro.poutine.trace(result.pyro("c2")).get_trace(4)
    assert trace.nodes["x"]["value"].shape == (4, 5)


def test_its_file_declares_the_same_law_and_no_place(result, model, tmp_path) -> None:
    text = model.save(tmp_path / "model.yaml").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    again = crlspec.compile(crlspec.load(tmp_path / "model.yaml"))
    assert again.spec.mixing == result.to_spec().mixing
    assert crlspec.loads(text) == crlspec.loads(crlspec.dump(result.to_spec()))
    for name, node in model.sample(50, seed=3).children.items():
        found = again.sample(50, seed=3)[name]
        np.testing.assert_array_equal(found["x"], node["x"])
        z = torch.as_tensor(node["z"].values)
        torch.testing.assert_close(again.score(z, name), model.score(z, name))


def test_it_recovers_itself(result) -> None:
    spec = result.to_spec()
    assert crlspec.identifiability(spec).estimator == "gscale-i"
    again = crlspec.compile(spec)
    found = crlspec.solve(spec, again.sample(4000, seed=5), seed=6).evaluate(again)
    assert float(found["mcc"]) > 0.99
    assert int(found["shd"]) == 0


def test_what_needs_a_matrix_is_refused_in_words(result) -> None:
    with pytest.raises(CrlspecError, match=r"have no loading on an observed variable to be anchored by\."):
        result.model(anchor={"a": "x1"})
    bare = replace(result, estimate=replace(result.estimate, decoder=None))
    with pytest.raises(EstimationError, match="no decoder"):
        bare.model()


def test_what_is_known_up_to_a_smooth_map_is_said(result) -> None:
    told = {**result.identified, "latents": "smooth-map"}
    warped = replace(result, identified=told).model()
    assert (
        "a: shift(1): identified as a change on the recovered scale of a"
        in warped.do({"a": "shift(1)"}).identified
    )
    assert "a as in a2: identified." in warped.do("a2").identified
