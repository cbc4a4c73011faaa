"""The recovered model: a Model like any other, whose parameters are those of the truth within their errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import crlspec
from crlspec.errors import CrlspecError, OutputExists, SettingMismatch
from crlspec.generative.model import Model


@pytest.fixture(scope="module")
def model(result):
    return result.model()


def deviations(truth) -> np.ndarray:
    """True observational standard deviations of the toy's latents."""
    return np.sqrt(np.diag(np.linalg.inv(truth.precision("obs"))))


def test_it_is_a_model_with_the_environments_of_the_data(result, model) -> None:
    assert isinstance(model, Model)
    assert set(model.graph.edges) == {edge.pair for edge in result.edges}
    assert set(model.graph.nodes) == set(result.names)
    assert {n: e.targets for n, e in model.environments.items()} == {
        "obs": (),
        **{f"hard_{z}": (z,) for z in result.names},
    }
    data = model.sample(50, seed=3)
    assert data["hard_z2"]["x"].shape == (50, 7)
    assert model.score(data["obs"]["z"].values).shape == (50, 4)


def test_weights_are_those_of_the_truth_within_three_standard_errors(truth, result, model) -> None:
    scale = deviations(truth)
    sign = np.sign(np.diag(result.encoder.matrix.values @ truth.mixing.matrix))
    for i, j in np.argwhere(truth.weights):
        name, parent = truth.latents[j], truth.latents[i]
        found = weight(model.fitted, name, parent)
        spread = [weight(a, name, parent) - weight(b, name, parent) for a, b in model.alternatives]
        error = np.sqrt(model.weight * np.sum(np.square(spread)))
        true = truth.weights[i, j] * scale[i] / scale[j] * sign[i] * sign[j]
        assert abs(found - true) < 3 * error < 0.1


def weight(fitted, latent: str, parent: str) -> float:
    return fitted.base[latent].mechanism["weight"][parent]


def test_score_and_density_belong_together(model) -> None:
    z = torch.randn(20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gradient = torch.func.grad(lambda one: model.log_density(one, "hard_z2"))
    torch.testing.assert_close(torch.stack([gradient(row) for row in z]), model.score(z, "hard_z2"))


def test_latents_have_mean_0_and_variance_1_in_the_observational_environment(model) -> None:
    z = model.sample({"obs": 200_000}, seed=0)["obs"]["z"].values
    np.testing.assert_allclose(z.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(z.std(0), 1, atol=0.02)


def test_its_encoder_is_that_of_the_result_but_for_sampling_error(result, model) -> None:
    x = model.sample({"obs": 500}, seed=0)["obs"]["x"]
    z = model.mixing.inverse(torch.as_tensor(x.values)).numpy()
    for k in range(4):
        assert np.corrcoef(z[:, k], result.encoder(x).values[:, k])[0, 1] > 0.99


def test_the_saved_spec_compiles_to_the_same_model(model, tmp_path) -> None:
    path = model.save(tmp_path / "recovered.yaml")
    again = crlspec.compile(crlspec.load(path))
    assert crlspec.dump(again.spec) == crlspec.dump(model.to_spec())
    np.testing.assert_array_equal(
        again.sample(20, seed=5)["hard_z3"]["x"].values, model.sample(20, seed=5)["hard_z3"]["x"].values
    )
    with pytest.raises(OutputExists, match="the file exists"):
        model.save(path)


def test_an_anchor_loads_on_its_observed_variable_with_1(result) -> None:
    anchored = result.model(anchor={"z1": "x3", "z3": "x5"})
    matrix = anchored.mixing.matrix.numpy()
    assert matrix[2, 0] == pytest.approx(1)
    assert matrix[4, 2] == pytest.approx(1)
    z = torch.tensor([[0.3, -1.0, 0.5, 2.0]], dtype=torch.float64)
    plain = result.model()
    ratio = torch.tensor(
        [plain.mixing.matrix[2, 0], 1.0, plain.mixing.matrix[4, 2], 1.0], dtype=torch.float64
    )
    torch.testing.assert_close(anchored.mixing(z * ratio), plain.mixing(z))
    torch.testing.assert_close(anchored.score(z * ratio) * ratio, plain.score(z))


def test_an_anchor_that_is_not_there_is_refused(result) -> None:
    with pytest.raises(CrlspecError, match=r"there is no observed variable 'y1'; there are x1, x2"):
        result.model(anchor={"z1": "y1"})
    with pytest.raises(CrlspecError, match=r"there is no latent 'z9'; there are z1, z2, z3, z4"):
        result.model(anchor={"z9": "x1"})


def test_without_a_graph_there_is_no_model(result) -> None:
    from dataclasses import replace

    bare = replace(result, estimate=replace(result.estimate, graph="not estimated", edges=()))
    with pytest.raises(SettingMismatch) as caught:
        bare.model()
    assert str(caught.value) == (
        "Got a result whose graph is not estimated; expected a graph, or its transitive closure, whose mechanisms "
        "can be fitted. Remedy: Leave estimator out: the verdict then names one that gives a graph, where there is "
        "one."
    )


def test_a_spec_of_a_result_recovers_itself() -> None:
    spec = crlspec.load("linear/hard-5", sets=["latents=3", "mixing.observed=6", "samples=20000"])
    first = crlspec.solve(spec, crlspec.compile(spec, seed=1).sample(seed=1), seed=1)
    recovered = crlspec.compile(first.model().to_spec())
    second = crlspec.solve(recovered.spec, recovered.sample(seed=2), seed=2)
    assert {edge.pair for edge in second.edges} == {edge.pair for edge in first.edges}
    assert float(second.evaluate(recovered)["mcc"]) > 0.99
