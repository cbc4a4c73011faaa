"""Location–scale mechanisms: taken where the noise's size depends on the parents, with the scale of the truth."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyro
import pytest
import torch

import crlspec
from crlspec.downstream.design import Design
from crlspec.downstream.fitted import quick_spec
from crlspec.downstream.flexible import Regression, fit_flexible
from crlspec.downstream.judging import refuted
from crlspec.downstream.linear import Slot
from crlspec.downstream.network import features, predicted
from crlspec.downstream.scale import Scale, refit
from tests.downstream.recovered.from_truth import recovered

MODEL = """
crlspec: 1
latents:
  a: Normal(0, 1)
  b: Normal(sin(a), SIZE)
mixing: {kind: linear, observed: 4}
environments:
  obs: {}
  do_a: {a: "Normal(0, 2)"}
  do_b: {b: "Normal(0, 2)"}
"""


@pytest.fixture(scope="module")
def case() -> SimpleNamespace:
    """A result that is the truth, and its latents' units: z = (true − mean) / unit."""
    truth, result = recovered(MODEL.replace("SIZE", "exp(0.5*a)"), 6000)
    true = truth.sample(6000, seed=0)["obs"]["z"].values
    found = result.latents["obs"].to_dataset()["z_hat"].values
    sign = np.sign([np.corrcoef(true[:, k], found[:, k])[0, 1] for k in range(2)])
    return SimpleNamespace(
        truth=truth, result=result, model=result.model(), mean=true.mean(0), unit=sign * true.std(0)
    )


def test_the_scale_is_that_of_the_truth(case) -> None:
    mechanism = case.model.scm.mechanisms["b"]
    assert case.model.fitted.base["b"].mechanism["kind"] == "location-scale"
    a = torch.linspace(-2, 2, 9, dtype=torch.float64)
    parents = ((a - case.mean[0]) / case.unit[0])[:, None]
    with torch.no_grad():
        found = mechanism.function.scale(parents) * mechanism.noise.deviation * abs(case.unit[1])
        mean = (mechanism.function(parents) + mechanism.noise.mean) * case.unit[1] + case.mean[1]
    torch.testing.assert_close(found, torch.exp(0.5 * a), rtol=0.1, atol=0)
    torch.testing.assert_close(mean, torch.sin(a), rtol=0, atol=0.15)


def test_the_table_says_what_was_taken_and_how_it_fits_then(case) -> None:
    table = case.result.goodness_of_fit().set_index(["latent", "environment"])
    row = table.loc[("b", "")]
    assert (row["mean"], row["scale"], row["noise"]) == ("network", "network", "normal")
    assert row["additive_p"] < 1e-10
    assert row["dependence_p"] > 1e-3
    assert not row["refuted"]
    assert table.loc[("b", "do_b"), "scale"] == "constant"
    assert case.model.fit.attrs["scale"] == ["b"]
    assert not refuted(case.model.fit, case.model.design, "b", "size")


@pytest.mark.parametrize("seed", range(3))
def test_additive_noise_keeps_one_size(seed) -> None:
    result = recovered(MODEL.replace("SIZE", "1"), 3000, seed)[1]
    table = result.goodness_of_fit()
    assert (table["scale"] == "constant").all()
    assert table["additive_p"].isna().all()


def test_the_deviation_under_do_is_that_of_the_truth(case) -> None:
    query = case.model.do({"a": float((1.0 - case.mean[0]) / case.unit[0])})
    found = query.deviation(samples=5000).sel(latent="b")
    assert float(found["z"]) * abs(case.unit[1]) == pytest.approx(np.exp(0.5), rel=0.06)
    assert 0 < float(found["z_error"]) * abs(case.unit[1]) < 0.1


@pytest.mark.usefixtures("own_rng")
def test_counterfactuals_are_better_than_with_one_size(case) -> None:
    """Had a been 1: sin(1) + exp(0.5 − a/2) (b − sin(a)), against the same with additive noise on the same mean."""
    x = case.truth.sample({"obs": 2000}, seed=9)["obs"]["x"].values
    a, b = (x @ np.linalg.pinv(case.truth.mixing.matrix.numpy()).T).T
    wanted = np.sin(1.0) + np.exp(0.5 * (1.0 - a)) * (b - np.sin(a))

    def explained(found: np.ndarray) -> float:
        return 1 - ((found * case.unit[1] + case.mean[1] - wanted) ** 2).mean() / wanted.var()

    at = float((1.0 - case.mean[0]) / case.unit[0])
    judged = case.result._judged
    additive = fit_flexible(judged.design, judged.samples, judged.nonlinear, resamples=0)
    other = quick_spec(additive.fitted(judged.mixing, judged.offset), case.model.observed)
    plain = crlspec.compile(other)
    z = plain.mixing.inverse(torch.as_tensor(x))
    noise = {name: value for name, value in plain.abduct(z).items() if name != "a_noise"}
    program = pyro.do(
        pyro.condition(plain.pyro(noise="explicit"), data=noise),
        data={"a": torch.full((len(x),), at, dtype=torch.float64)},
    )
    with torch.no_grad():
        simple = program(len(x))[0][:, 1].numpy()
    found = case.model.counterfactual(x, {"a": at})["z"].sel(latent="b").values
    assert explained(found) > 0.98
    assert explained(found) > explained(simple) + 0.05


def test_the_file_the_anchor_and_the_score_agree(case, tmp_path) -> None:
    model = case.model
    again = crlspec.compile(crlspec.load(model.save(tmp_path / "scaled.yaml")))
    np.testing.assert_array_equal(again.sample(9, seed=1)["do_a"]["x"], model.sample(9, seed=1)["do_a"]["x"])
    anchored = case.result.model(anchor={"a": "x1", "b": "x2"})
    factor = torch.stack([model.mixing.matrix[k, k] for k in range(2)])
    z = torch.randn(10, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(anchored.score(z * factor) * factor, model.score(z))
    noise = anchored.abduct(z * factor)["b_noise"] * torch.sign(factor[1])
    torch.testing.assert_close(noise, model.abduct(z)["b_noise"])


def test_the_likelihood_is_at_its_greatest() -> None:
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.normal(size=2000), np.ones(2000)])
    residual = np.exp(0.4 * values[:, 0] - 0.2) * rng.laplace(size=2000) / np.sqrt(2)
    found = refit(Scale((np.eye(1), np.zeros(1)), np.zeros(2)), values, residual, np.ones(2000))
    assert found.outer == pytest.approx([0.4, -0.2], abs=0.1)

    def loss(outer: np.ndarray) -> float:
        log = Scale(found.hidden, outer).log(values)
        return float(np.mean(log + 0.5 * residual**2 * np.exp(-2 * log)))

    for step in 0.02 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]):
        assert loss(found.outer + step) > loss(found.outer)


def test_errors_of_mean_and_scale_are_as_large_as_claimed() -> None:
    """Known latents, thirty data sets: errors over standard errors have a root mean square near 1, at every point."""
    design = Design(("a", "b"), ("a", "b"), {"a": (), "b": ("a",)}, {"do_a": ("a",)}, "obs", "hard", "exact")
    a = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])

    def moments(found: Regression) -> np.ndarray:
        size = np.exp(found.scale.log(features(found.scale.hidden, a[:, None])))
        mean = predicted(found.hidden, found.outer, a[:, None])
        return np.concatenate([mean, np.sqrt(found.variance) * size])

    off = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        drawn = {"obs": rng.normal(size=2000), "do_a": 2 * rng.normal(size=2000)}
        samples = {
            name: np.column_stack([z, np.sin(z) + np.exp(0.5 * z) * rng.normal(size=len(z))])
            for name, z in drawn.items()
        }
        fit = fit_flexible(design, samples, frozenset("b"), frozenset("b"), resamples=30)
        slot = Slot("b", ("a",))
        error = np.std([moments(one[slot]) for one in fit.resampled], axis=0, ddof=1)
        off.append((moments(fit.regressions[slot]) - np.concatenate([np.sin(a), np.exp(0.5 * a)])) / error)
    size = np.sqrt(np.mean(np.square(off), axis=0))
    assert 0.85 < np.sqrt(np.mean(np.square(off))) < 1.2
    assert size.max() < 1.5
