"""The fit: derivatives by differences, errors by the information equality, and when more than a line is taken."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import crlspec
from crlspec.downstream.design import design_of
from crlspec.downstream.judging import latents_of, refuted
from crlspec.downstream.linear import _Layout, _Likelihood, fit_linear
from crlspec.downstream.noise import mixture
from crlspec.result import Result
from tests.downstream.recovered.from_truth import recovered


@pytest.fixture(scope="module")
def linear(result) -> SimpleNamespace:
    design = design_of(result)
    samples = latents_of(result, design)
    found = fit_linear(design, samples)
    layout = _Layout(design, found.slots, found.free)
    return SimpleNamespace(fit=found, layout=layout, samples=samples, likelihood=_Likelihood(layout, samples))


def test_derivatives_agree_with_differences(linear) -> None:
    theta = linear.fit.theta + 0.1 * np.random.default_rng(0).normal(size=len(linear.fit.theta))
    of = linear.likelihood.derivatives
    step = 1e-5 * np.eye(len(theta))
    gradient = [(of(theta + e)[0] - of(theta - e)[0]) / 2e-5 for e in step]
    second = [(of(theta + e)[1] - of(theta - e)[1]) / 2e-5 for e in step]
    np.testing.assert_allclose(of(theta)[1], gradient, atol=1e-8)
    np.testing.assert_allclose(of(theta)[2], second, atol=1e-8)


def test_scores_of_samples_sum_to_the_gradient_and_vanish_at_the_optimum(linear) -> None:
    theta = linear.fit.theta + 0.05
    total = sum(linear.likelihood._scores(theta, name, y).sum(0) for name, y in linear.samples.items())
    np.testing.assert_allclose(
        -total / linear.likelihood.total, linear.likelihood.derivatives(theta)[1], atol=1e-10
    )
    np.testing.assert_allclose(linear.likelihood.derivatives(linear.fit.theta)[1], 0, atol=1e-8)


def test_with_normal_noise_the_sandwich_is_the_inverse_information(linear) -> None:
    plain = np.linalg.inv(linear.likelihood.information(linear.fit.theta))
    np.testing.assert_allclose(np.sqrt(np.diag(linear.fit.covariance)), np.sqrt(np.diag(plain)), rtol=0.1)


def test_soft_designs_keep_the_mixture_with_ancestors(soft) -> None:
    found = fit_linear(design_of(soft), latents_of(soft, design_of(soft)))
    assert found.settled
    assert not found.free[1, 0] and not found.free[2, 0] and not found.free[2, 1]
    assert found.free[0, 1]


def test_linear_gaussian_results_stay_linear_and_pass(result) -> None:
    model = result.model()
    assert model.errors == "latents included"
    assert {(n.mechanism["kind"], n.noise["kind"]) for n in model.fitted.base.values()} == {
        ("linear", "normal")
    }
    assert model.fit.attrs["network"] == []
    p_values = model.fit["distribution_p"].values.ravel()
    assert 0.2 < np.mean(p_values) < 0.8
    assert p_values.min() > 1e-3
    assert np.isnan(model.fit["dependence_p"].sel(latent="z1")).all()
    assert bool(model.fit["replaced"].sel(environment="hard_z2", latent="z2"))


CURVED = """
crlspec: 1
latents:
  a: Normal(0, 1)
  b: Normal(1.5*sin(a), 0.5)
  c: Laplace(b - a, 0.6)
mixing: {kind: linear, observed: 5}
environments:
  obs: {}
  do_a: {a: "Normal(0, 2)"}
  do_b: {b: "Normal(0, 2)"}
  do_c: {c: "Normal(0, 2)"}
"""


@pytest.fixture(scope="module")
def nonlinear() -> tuple[crlspec.Model, Result]:
    return recovered(CURVED, 4000)


def test_a_network_and_a_mixture_are_taken_where_a_line_and_a_normal_are_refuted(nonlinear) -> None:
    model = nonlinear[1].model()
    kinds = {z: (n.mechanism["kind"], n.noise["kind"]) for z, n in model.fitted.base.items()}
    assert kinds == {"a": ("linear", "normal"), "b": ("mlp", "normal"), "c": ("linear", "mixture")}
    assert model.fit.attrs["network"] == ["b"]
    assert model.errors == "given the latents"
    assert not any(refuted(model.fit, model.design, z, "dependence") for z in "abc")
    assert "Standard errors take the latents as given." in model.do({"a": 1.0}).identified


def test_goodness_of_fit_has_a_row_for_every_mechanism(nonlinear) -> None:
    table = nonlinear[1].goodness_of_fit()
    assert table["environment"].tolist() == ["", "", "", "do_a", "do_b", "do_c"]
    assert table["latent"].tolist() == ["a", "b", "c", "a", "b", "c"]
    assert table["mean"].tolist() == ["constant", "network", "linear", "constant", "constant", "constant"]
    assert table["noise"].tolist() == ["normal", "normal", "mixture", "normal", "normal", "normal"]
    assert table["dependence_p"].isna().tolist() == [True, False, False, True, True, True]
    assert not table["refuted"].any()


def test_effects_through_a_network_are_those_of_the_truth(nonlinear) -> None:
    truth, result = nonlinear
    model = result.model()
    obs = truth.sample({"obs": 100_000}, seed=5)["obs"]["z"].values
    sign = np.sign(np.diag(result.encoder.matrix.values @ truth.mixing.matrix.numpy()))
    wanted = 1.5 * np.sin(sign[0] * obs[:, 0].std()) * sign[1] / obs[:, 1].std()
    found = model.do({"a": 1.0}).effect()
    assert float(found["z"].sel(latent="b")) == pytest.approx(wanted, abs=0.05)
    assert 0 < float(found["z_error"].sel(latent="b")) < 0.05


def test_networks_and_mixtures_survive_the_file_and_the_anchor(nonlinear, tmp_path) -> None:
    model = nonlinear[1].model()
    again = crlspec.compile(crlspec.load(model.save(tmp_path / "nonlinear.yaml")))
    np.testing.assert_array_equal(again.sample(9, seed=1)["do_a"]["x"], model.sample(9, seed=1)["do_a"]["x"])
    anchored = nonlinear[1].model(anchor={"a": "x1", "b": "x2", "c": "x3"})
    factor = torch.stack([model.mixing.matrix[k, k] for k in range(3)])
    z = torch.randn(10, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(anchored.mixing(z * factor), model.mixing(z))
    torch.testing.assert_close(anchored.score(z * factor) * factor, model.score(z))


def test_the_number_of_components_follows_the_data() -> None:
    rng = np.random.default_rng(0)
    assert mixture(rng.normal(size=4000)) == {"kind": "normal"}
    two = mixture(np.concatenate([rng.normal(-3, 1, 2000), rng.normal(3, 0.5, 2000)]))
    assert len(two["weights"]) == 2
    assert two["means"] == pytest.approx([-1, 1], abs=0.1)
