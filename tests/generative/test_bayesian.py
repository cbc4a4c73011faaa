"""Bayesian models: one Pyro program over all environments, whose posteriors are those on paper."""

from __future__ import annotations

import numpy as np
import pyro
import pytest
import torch
from pyro import poutine
from pyro.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO
from pyro.infer.autoguide import AutoMultivariateNormal
from pyro.optim import ClippedAdam

import crlspec
from crlspec.errors import CrlspecError, DataError
from crlspec.generative.posterior import arviz_tree
from crlspec.handlers import intervene

pytestmark = pytest.mark.usefixtures("own_rng")

CONJUGATE = """
latents: 3
scm:
  graph: [z1 -> z3, z2 -> z3]
  mechanism: {kind: linear, weight: "Normal(0.5, 2)"}
  noise: {kind: normal, variance: 0.5}
mixing: {kind: linear, observed: 4}
environments:
  obs: {}
  cut: {z3: {kind: hard, noise: {kind: normal, variance: 3}}}
  moved: {z1: shift(2)}
samples: 60
"""

ALL = """
latents: 3
scm:
  graph: [z1 -> z2 -> z3, z1 -> z3]
  mechanism:
    z1: {kind: linear}
    z2: {kind: linear, weight: {z1: "Uniform(-1, 1)"}}
    z3: {kind: sine, amplitude: "HalfNormal(2)", frequency: "Uniform(0.5, 1.5)", phase: 0.3}
  noise: {kind: NOISE, variance: "LogNormal(0, 0.5)", mean: "Normal(0, 1)"}
mixing: {kind: mlp, observed: 5}
environments:
  obs: {}
  cut: {z2: {kind: hard, noise: {kind: normal, variance: "Gamma(2, 1)"}}}
  fixed: {z1: do(2)}
  moved: {z1: shift(1), z3: scale(2)}
"""

DESIGNED = """
latents: 3
scm:
  graph: {kind: random}
  mechanism: {kind: linear, weight: "Normal(0, 1)"}
  noise: {kind: normal, variance: [1, 2]}
mixing: {kind: linear, observed: 4, noise: 0.2}
interventions: {design: single-node, kind: soft, noise: {variance: {times: 4}}, mechanism: {times: 0.5}}
"""


@pytest.fixture(scope="module")
def conjugate():
    """The model, data, and the exact posterior of the weights: mean (2), covariance (2, 2)."""
    model = crlspec.bayesian(crlspec.loads(CONJUGATE), seed=3)
    data = model.reference.sample(seed=7)
    z = np.concatenate([data[name]["z"].values for name in ("obs", "moved")])
    causes, effect = z[:, :2], z[:, 2]
    precision = np.eye(2) / 4 + causes.T @ causes / 0.5
    mean = np.linalg.solve(precision, 0.5 / 4 + causes.T @ effect / 0.5)
    return model, data, mean, np.linalg.inv(precision)


WEIGHTS = ("weight_z1_z3", "weight_z2_z3")


@pytest.mark.slow
def test_nuts_finds_the_conjugate_posterior(conjugate):
    """The environment in which z3 is cut from its causes tells nothing of their weights; the shifted one does."""
    model, data, mean, covariance = conjugate
    sampler = MCMC(
        NUTS(model.condition(data, on="x")), num_samples=100, warmup_steps=40, disable_progbar=True
    )
    sampler.run()
    draws = np.stack([sampler.get_samples()[name].numpy() for name in WEIGHTS])
    deviation = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(draws.mean(1), mean, atol=0.4 * deviation.max())
    np.testing.assert_allclose(draws.std(1), deviation, rtol=0.35)
    tree = model.posterior(sampler)
    assert tree["posterior"].sizes == {"chain": 1, "draw": 100}
    assert set(tree["posterior"].data_vars) == set(WEIGHTS)
    assert not tree["sample_stats"]["diverging"].any()


def test_svi_finds_the_conjugate_posterior(conjugate):
    model, data, mean, covariance = conjugate
    program = model.condition(data, on="z")
    with pyro.get_param_store().scope():
        guide = AutoMultivariateNormal(program, init_scale=0.05)
        svi = SVI(program, guide, ClippedAdam({"lr": 0.1, "lrd": 0.97}), Trace_ELBO())
        for _ in range(150):
            svi.step()
        posterior = guide.get_posterior()
    deviation = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(posterior.mean.detach(), mean, atol=0.5 * deviation.max())
    np.testing.assert_allclose(posterior.stddev.detach(), deviation, rtol=0.4)


@pytest.mark.parametrize(
    "noise", ["normal", "laplace", "student-t", "uniform", "gumbel", "logistic", "log-normal"]
)
def test_the_density_is_that_of_the_priors_times_that_of_the_models(noise):
    """log p(parameters, z) = Σ log prior + Σ log p(z) of the model with those numbers, over all environments."""
    model = crlspec.bayesian(crlspec.loads(ALL.replace("NOISE", noise)), seed=2)
    drawn = poutine.trace(model.pyro(1)).get_trace()
    parameters = {name: drawn.nodes[name]["value"] for name in model.priors}
    compiled = model.at(parameters)
    data = compiled.sample(30, seed=1)
    program = pyro.condition(model.condition(data, on="z"), data=parameters)
    trace = poutine.trace(program).get_trace()
    trace.compute_log_prob()
    total = sum(drawn.nodes[name]["fn"].log_prob(value) for name, value in parameters.items())
    for name in compiled.environments:
        z = torch.as_tensor(data[name]["z"].values)
        found = sum(trace.nodes[f"{name}/{latent}"]["log_prob"] for latent in ("z1", "z2", "z3"))
        torch.testing.assert_close(found, compiled.log_density(z, name), rtol=1e-9, atol=1e-9)
        total = total + found.sum()
        torch.testing.assert_close(trace.nodes[f"{name}/x"]["value"], torch.as_tensor(data[name]["x"].values))
    torch.testing.assert_close(trace.log_prob_sum(), total)


def test_the_reference_is_what_compile_gives():
    spec = crlspec.loads(DESIGNED)
    model, compiled = crlspec.bayesian(spec, seed=4), crlspec.compile(spec, seed=4)
    assert model.reference.spec == compiled.spec
    weights = {
        f"weight_{p}_{n}": w for n, m in compiled.spec.scm.mechanism.items() for p, w in m.weight.items()
    }
    assert set(weights) == set(model.priors)
    again = model.at(weights)
    assert again.spec == compiled.spec
    softened = again.environments["soft_z3"].scm.mechanisms["z3"].function.weight
    torch.testing.assert_close(softened, 0.5 * again.scm.mechanisms["z3"].function.weight)


def test_gradients_reach_every_parameter():
    model = crlspec.bayesian(crlspec.loads(ALL.replace("NOISE", "normal")), seed=2)
    data = model.reference.sample(20, seed=1)
    values = {name: poutine.trace(model.pyro(1)).get_trace().nodes[name]["value"] for name in model.priors}
    leaves = {name: value.clone().requires_grad_() for name, value in values.items()}
    program = pyro.condition(model.condition(data, on="z"), data=leaves)
    gradients = torch.autograd.grad(poutine.trace(program).get_trace().log_prob_sum(), list(leaves.values()))
    assert all(float(g) != 0 and bool(g.isfinite()) for g in gradients)


def test_noisy_observations_leave_the_latents_to_infer():
    model = crlspec.bayesian(crlspec.loads(DESIGNED), seed=4)
    data = model.reference.sample(6, seed=0)
    trace = poutine.trace(model.condition(data)).get_trace()
    assert trace.nodes["obs/x"]["is_observed"] and not trace.nodes["obs/z1"]["is_observed"]
    assert {f"{name}/_samples" for name in model.reference.environments} <= set(trace.nodes)


@pytest.mark.parametrize("parallel", [False, True])
def test_predictive(conjugate, parallel):
    model, *_ = conjugate
    draws = {name: torch.linspace(-1, 1, 5, dtype=torch.float64) for name in WEIGHTS}
    predicted = Predictive(model.pyro({"obs": 40, "cut": 3}), draws, parallel=parallel)()
    assert predicted["obs/z3"].shape == (5, 40)
    assert predicted["cut/x"].shape == (5, 3, 4)
    assert "moved/z1" not in predicted
    slopes = torch.linalg.lstsq(
        torch.stack([predicted["obs/z1"], predicted["obs/z2"]], -1), predicted["obs/z3"][..., None]
    ).solution
    torch.testing.assert_close(slopes[:, 0, 0], draws[WEIGHTS[0]], rtol=0, atol=0.5)


def test_interventions_on_parameters_and_on_latents(conjugate):
    """One handler for both: a weight is a site as a latent is."""
    model, *_ = conjugate
    program = intervene(model.pyro(50), {"weight_z1_z3": 0.0, "obs/z2": 1.0})
    trace = poutine.trace(program).get_trace()
    mean = trace.nodes["weight_z2_z3"]["value"].expand(50)
    torch.testing.assert_close(trace.nodes["obs/z3"]["fn"].mean, mean)


def test_own_data_are_taken_in_any_order_of_columns(conjugate):
    model, data, *_ = conjugate
    shuffled = data.copy()
    shuffled["obs"] = data["obs"].to_dataset().isel(observed=[2, 0, 3, 1])
    del shuffled["cut"]
    one, two = (poutine.trace(model.condition(tree)).get_trace() for tree in (data, shuffled))
    torch.testing.assert_close(one.nodes["obs/z1"]["value"], two.nodes["obs/z1"]["value"])
    assert "cut/z1" not in two.nodes


def test_draws_become_a_tree_that_arviz_reads(tmp_path):
    draws = {"weight_z1_z2": torch.randn(40), "cut/variance_z2": torch.rand(40), "obs/z1": torch.randn(40, 3)}
    tree = arviz_tree(draws, prior={"weight_z1_z2": torch.randn(7)})
    assert dict(tree["posterior"].sizes) == {"chain": 1, "draw": 40, "obs.z1_dim_0": 3}
    assert set(tree["posterior"].data_vars) == {"weight_z1_z2", "cut.variance_z2", "obs.z1"}
    assert tree["prior"].sizes["draw"] == 7
    tree.to_netcdf(tmp_path / "posterior.nc", engine="h5netcdf")
    with pytest.raises(CrlspecError, match="different numbers of draws: a 3, b 4"):
        arviz_tree({"a": torch.zeros(3), "b": torch.zeros(4)})
    with pytest.raises(CrlspecError, match="there are no draws"):
        arviz_tree({})


@pytest.mark.filterwarnings("ignore")
def test_arviz_summarises_the_tree():
    arviz = pytest.importorskip("arviz")
    tree = arviz_tree({"weight": torch.linspace(0, 1, 101)})
    data = arviz.InferenceData.from_datatree(tree) if hasattr(arviz, "InferenceData") else tree
    assert float(arviz.summary(data, kind="stats").loc["weight", "mean"]) == pytest.approx(0.5)


def test_what_is_refused(conjugate):
    model, data, *_ = conjugate
    with pytest.raises(CrlspecError, match="the spec 'spec' has no priors"):
        crlspec.bayesian(crlspec.loads(CONJUGATE.replace('"Normal(0.5, 2)"', "1")))
    with pytest.raises(
        CrlspecError, match="there is no parameter 'weight_z1_z2'; there are weight_z1_z3"
    ) as caught:
        model.at({"weight_z1_z2": 1.0})
    assert caught.value.remedy == "did you mean 'weight_z1_z3'?"
    with pytest.raises(CrlspecError, match="no number for weight_z2_z3"):
        model.at({"weight_z1_z3": 1.0})
    with pytest.raises(CrlspecError, match="there is no environment 'cot'"):
        model.pyro({"cot": 3})
    with pytest.raises(CrlspecError, match="on='y' is unknown"):
        model.condition(data, on="y")
    renamed = data.copy()
    renamed["obs"] = data["obs"].to_dataset().assign_coords(observed=["a", "b", "c", "d"])
    with pytest.raises(DataError, match="x of 'obs' has other columns than the model"):
        model.condition(renamed)
    bare = data.copy()
    bare["obs"] = data["obs"].to_dataset()[["x"]]
    with pytest.raises(DataError, match="the environment 'obs' of the data holds no z"):
        model.condition(bare, on="z")
    other = crlspec.bayesian(crlspec.loads(CONJUGATE), seed=4)
    with pytest.raises(DataError, match="is not what the mixing of 'spec' makes of any z"):
        other.condition(data)


def test_two_parameters_of_one_name_are_refused():
    text = CONJUGATE.replace("latents: 3", "latents: [a, a_b, b_c, c]").replace(
        "[z1 -> z3, z2 -> z3]", "[a -> b_c, a_b -> c]"
    )
    text = text[: text.index("environments")]
    with pytest.raises(CrlspecError, match="two parameters are called weight_a_b_c"):
        crlspec.bayesian(crlspec.loads(text))
