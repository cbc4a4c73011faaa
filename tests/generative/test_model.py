"""Compiled models: sampling, streams, densities, and what is refused."""

import numpy as np
import pytest
import torch

import crlspec
from crlspec.errors import CrlspecError

SPEC = """
crlspec: 1
name: small
latents: 4
scm:
  graph: {kind: random, density: 0.7}
  mechanism: {kind: quadratic}
  noise: {kind: NOISE, variance: [0.5, 1.5]}
mixing: {kind: MIXING, observed: 6}
interventions: {design: single-node, kind: hard, noise: {variance: {times: 0.25}}}
samples: 200
"""


def model(noise: str = "normal", mixing: str = "linear", seed: int = 0, **where):
    text = SPEC.replace("NOISE", noise).replace("MIXING", mixing)
    return crlspec.compile(crlspec.loads(text), seed=seed, **where)


@pytest.fixture(scope="module")
def small():
    return model()


def test_sample_is_labelled(small):
    data = small.sample(seed=1)
    assert list(data.children) == ["obs", "do_z1", "do_z2", "do_z3", "do_z4"]
    for child in data.children.values():
        assert child["x"].dims == ("sample", "observed")
        assert tuple(child["x"].coords["observed"].values) == small.observed
        assert tuple(child["z"].coords["latent"].values) == small.latents
        assert child["x"].shape == (200, 6)
        assert child["x"].dtype == child["z"].dtype == np.float64
        np.testing.assert_allclose(child["x"].values, child["z"].values @ small.mixing.matrix.numpy().T)


def test_numbers_of_samples_can_differ(small):
    data = small.sample({"do_z2": 7, "obs": 3})
    assert {name: child.sizes["sample"] for name, child in data.children.items()} == {"obs": 3, "do_z2": 7}


def test_an_environment_does_not_depend_on_the_others(small):
    whole, part = small.sample(50, seed=1), small.sample({"do_z3": 50}, seed=1)
    np.testing.assert_array_equal(whole["do_z3"]["z"].values, part["do_z3"]["z"].values)
    assert not np.allclose(whole["do_z3"]["z"].values[:, 0], whole["do_z2"]["z"].values[:, 0])


def test_an_added_environment_leaves_the_others_unchanged():
    text = 'latents: {a: "Normal(0, 1)", b: "Normal(a, 1)"}\nmixing: {kind: linear, observed: 3}\nenvironments:\n'
    two = crlspec.compile(crlspec.loads(text + "  obs: {}\n  one: {a: shift(1)}\n")).sample(20, seed=3)
    three = crlspec.compile(crlspec.loads(text + "  new: {b: do(1)}\n  obs: {}\n  one: {a: shift(1)}\n"))
    for name, child in two.children.items():
        np.testing.assert_array_equal(three.sample(20, seed=3)[name]["x"].values, child["x"].values)


def test_sampling_is_deterministic_and_local(small):
    before = torch.get_rng_state()
    first, again, other = small.sample(seed=1), small.sample(seed=1), small.sample(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert first.identical(again)
    assert not first["obs"].equals(other["obs"])


def test_the_resolved_spec_gives_the_same_model(small):
    again = crlspec.compile(crlspec.loads(crlspec.dump(small.spec)), seed=99)
    assert again.sample(seed=1)["do_z2"].equals(small.sample(seed=1)["do_z2"])
    z = small.scm.sample(20, seed=0)
    for name in small.environments:
        torch.testing.assert_close(again.score(z, name), small.score(z, name))
    assert set(again.graph.edges) == set(small.graph.edges)
    assert again.setting == small.setting


def test_seeds_give_different_models(small):
    assert model(seed=1).sample(seed=1)["obs"].x.values[0, 0] != small.sample(seed=1)["obs"].x.values[0, 0]


def test_samples_do_not_depend_on_dtype(small):
    single = model(dtype=torch.float32)
    assert single.sample(seed=1).identical(small.sample(seed=1))
    z = small.scm.sample(30, seed=0)
    score = single.score(z.float(), "do_z2")
    assert score.dtype == torch.float32
    torch.testing.assert_close(score.double(), small.score(z, "do_z2"), rtol=1e-3, atol=1e-3)


def test_the_device_under_test_agrees_with_the_cpu(small, device, dtype):
    there = model(device=device, dtype=dtype)
    if device == "cpu":
        assert there.sample(seed=1).identical(small.sample(seed=1))
    z = small.scm.sample(1000, seed=0)
    score = there.score(z.to(device=device, dtype=dtype), "do_z3")
    assert (score.device.type, score.dtype) == (torch.device(device).type, dtype)
    torch.testing.assert_close(score.double().cpu(), small.score(z, "do_z3"), rtol=1e-3, atol=1e-3)
    drawn = there.scm.sample(10, seed=0)
    assert (drawn.device.type, drawn.dtype) == (torch.device(device).type, dtype)
    if device == "cpu":
        torch.testing.assert_close(drawn.double(), small.scm.sample(10, seed=0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("noise", ["normal", "laplace", "student-t", "gumbel", "logistic", "uniform"])
def test_score_is_autograd_of_the_density(noise):
    built = model(noise)
    z = built.scm.sample(40, seed=0)
    gradient = torch.vmap(torch.func.grad(lambda one: built.log_density(one, "do_z2")))(z)
    torch.testing.assert_close(built.score(z, "do_z2"), gradient)
    leaf = z.clone().requires_grad_(True)
    (expected,) = torch.autograd.grad(built.log_density(leaf, "do_z2").sum(), leaf)
    torch.testing.assert_close(built.score(z, "do_z2"), expected)


@pytest.mark.parametrize("mixing", ["linear", "glm", "mlp"])
def test_every_mixing_hides_the_same_latents(mixing):
    built = model(mixing=mixing)
    data = built.sample(50, seed=1)["obs"]
    back = built.mixing.inverse(torch.tensor(data["x"].values))
    np.testing.assert_allclose(back.numpy(), data["z"].values, rtol=1e-5, atol=1e-5)


def test_graph_keeps_isolated_latents():
    text = "latents: 3\nscm: {graph: [z1 -> z3], mechanism: {kind: linear}, noise: {kind: normal}}\n"
    graph = crlspec.compile(crlspec.loads(text + "mixing: {kind: linear, observed: 3}")).graph
    assert list(graph.nodes) == ["z1", "z2", "z3"]
    assert list(graph.edges) == [("z1", "z3")]


def test_arrays_are_taken_too(small):
    z = small.scm.sample(5, seed=0)
    torch.testing.assert_close(small.score(z.numpy()), small.score(z))


def test_unknown_environments_are_refused(small):
    with pytest.raises(CrlspecError, match=r"no environment 'do_z9'; there are obs, do_z1.*did you mean"):
        small.score(torch.zeros(1, 4, dtype=torch.float64), "do_z9")
    with pytest.raises(CrlspecError, match="no environment 'control'"):
        small.sample({"control": 5})
    with pytest.raises(CrlspecError, match="0 samples were asked for in obs"):
        small.sample(0)


def test_a_spec_of_own_data_is_not_compiled():
    text = "latents: 2\ndata: {path: folder, observational: obs}\n"
    text += "assume: {mixing: linear, interventions: {design: single-node, kind: hard}}"
    with pytest.raises(CrlspecError, match="declares no model"):
        crlspec.compile(crlspec.loads(text))


@pytest.mark.parametrize("name", ["linear/hard-5", "linear/quadratic-soft-5", "linear/mlp-hard-8"])
def test_shipped_specs_compile(name):
    built = crlspec.compile(crlspec.load(name))
    data = built.sample(100, seed=0)
    for environment in built.environments:
        score = built.score(torch.tensor(data[environment]["z"].values), environment)
        assert bool(torch.isfinite(score).all())
