"""Programs among what Pyro's users have: plates of their own, pickles, chains, data where nothing has a density."""

from __future__ import annotations

import pickle
import warnings

import cloudpickle
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import MCMC, NUTS, Predictive, Trace_ELBO
from pyro.infer.autoguide import AutoNormal

import crlspec
from crlspec.errors import DensityWarning
from crlspec.generative.drawing import drawing_from
from crlspec.handlers import intervene, shift

pytestmark = pytest.mark.usefixtures("own_rng")

SPEC = """
latents: {light: "Normal(0, 1)", dose: "Normal(0.8*light, 0.6)", growth: "Normal(tanh(dose) - light, 1)"}
mixing: {kind: linear, observed: 4}
environments: {obs: {}, moved: {dose: shift(2)}, wide: {growth: scale(0.5)}, fixed: {light: do(3)},
               cut: {dose: "Laplace(0, 2)"}}
"""
FAMILIES = """
latents: 3
scm:
  graph: [z1 -> z2, z2 -> z3]
  mechanism: {mechanism}
  noise: {noise}
mixing: {mixing}
interventions: {design: single-node, kind: hard, noise: {variance: {times: 0.25}}}
"""


@pytest.fixture(scope="module")
def model():
    return crlspec.compile(crlspec.loads(SPEC), seed=0)


def drawn(program, *args, seed=0):
    with drawing_from(torch.Generator().manual_seed(seed)):
        return program(*args)


def silent():
    return warnings.catch_warnings(action="error", category=DensityWarning)


@pytest.mark.parametrize("noise", ["implicit", "explicit"])
@pytest.mark.parametrize("environment", ["obs", "moved", "wide", "fixed", "cut"])
@pytest.mark.parametrize("dim", [None, -2, -3])
def test_within_plates_the_samples_are_a_further_dimension(model, environment, noise, dim):
    program = model.pyro(environment, noise)
    with pyro.plate("batch", 3, dim=dim):
        trace = poutine.trace(program).get_trace(4)
    z, x = trace.nodes["_RETURN"]["value"]
    batch = {None: (4, 3), -2: (3, 4), -3: (3, 1, 4)}[dim]
    assert z.shape == (*batch, 3)
    assert x.shape == (*batch, 4)
    torch.testing.assert_close(x, model.mixing(z))
    if noise == "implicit":
        torch.testing.assert_close(trace.log_prob_sum(), model.log_density(z, environment).sum())
    free = z[..., 2]
    assert len(set(free.flatten().tolist())) == 12


def test_within_two_plates_and_under_an_intervention(model):
    with pyro.plate("outer", 2), pyro.plate("inner", 3):
        z, _ = intervene(model.pyro(), {"dose": 1.5, "growth": shift(1.0)})(4)
    assert z.shape == (4, 3, 2, 3)
    assert z[..., 1].eq(1.5).all()


def test_parameters_of_the_user_may_lie_in_a_plate_around_it(model):
    """Sites of a batch of units, each with samples of its own: the density is the sum of those of all."""
    with pyro.plate("units", 3):
        gain = pyro.sample("gain", dist.LogNormal(torch.zeros(()).double(), 1.0))
        z, x = model.pyro()(5)
        pyro.sample("seen", dist.Normal(gain[..., None] * x, 0.1).to_event(1))
    assert z.shape == (5, 3, 3)


@pytest.mark.parametrize("tool", [pickle, cloudpickle])
@pytest.mark.parametrize("noise", ["implicit", "explicit"])
@pytest.mark.parametrize("environment", [None, "moved", "wide", "fixed", "cut"])
def test_a_program_comes_back_from_a_pickle(model, environment, noise, tool):
    program = model.pyro(environment, noise)
    drawn(program, 2)
    again = tool.loads(tool.dumps(program))
    for one, other in zip(drawn(again, 6), drawn(program, 6), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert repr(again) == f"<Program of 3 latents, {noise} noise>"


@pytest.mark.parametrize(
    ("mechanism", "noise", "mixing"),
    [
        ("{kind: linear}", "{kind: laplace}", "{kind: linear, observed: 5}"),
        ("{kind: mlp}", "{kind: student-t}", "{kind: mlp, observed: 5}"),
        ("{kind: quadratic}", "{kind: normal}", "{kind: glm, observed: 5, link: tanh}"),
        ("{kind: location-scale}", "{kind: mixture}", "{kind: linear, observed: 5, noise: 0.1}"),
        ("{kind: sine}", "{kind: gumbel}", "{kind: linear, observed: 5}"),
    ],
)
def test_programs_of_every_family_come_back_from_a_pickle(mechanism, noise, mixing):
    text = FAMILIES.replace("{mechanism}", mechanism).replace("{noise}", noise).replace("{mixing}", mixing)
    compiled = crlspec.compile(crlspec.loads(text), seed=0)
    program = compiled.pyro()
    drawn(program, 2)
    again = pickle.loads(pickle.dumps(program))
    torch.testing.assert_close(drawn(again, 5), drawn(program, 5), rtol=0, atol=0)
    other = pickle.loads(pickle.dumps(compiled))
    torch.testing.assert_close(other.score(drawn(program, 5)[0]), compiled.score(drawn(program, 5)[0]))


PRIORS = """
latents: [light, dose]
scm:
  graph: [light -> dose]
  mechanism: {kind: linear, weight: "Normal(0, 1)"}
  noise: {kind: normal, variance: 1.0}
mixing: {kind: linear, observed: 3}
environments: {obs: {}, cut: {dose: {kind: hard, noise: {kind: normal, variance: 4.0}}}}
"""


def test_programs_with_priors_come_back_from_a_pickle():
    model = crlspec.bayesian(crlspec.loads(PRIORS), seed=0)
    program = model.pyro(4)
    again = pickle.loads(pickle.dumps(program))
    torch.testing.assert_close(drawn(again)["cut"], drawn(program)["cut"], rtol=0, atol=0)
    given = model.condition(model.reference.sample(4, seed=1))
    restored = pickle.loads(pickle.dumps(given))
    torch.testing.assert_close(drawn(restored)["obs"], drawn(given)["obs"], rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("change", [None, {"growth": shift(2.0)}])
def test_chains_run_in_processes_that_are_spawned(model, change):
    program = model.pyro() if change is None else intervene(model.pyro(), change)
    data = {"light": torch.zeros(3).double(), "growth": torch.ones(3).double()}
    kernel = NUTS(pyro.condition(program, data))
    chains = MCMC(kernel, 20, 20, num_chains=2, mp_context="spawn", disable_progbar=True)
    chains.run(3)
    assert chains.get_samples(group_by_chain=True)["dose"].shape == (2, 20, 3)


def by_nuts(program):
    MCMC(NUTS(program, max_tree_depth=1), 1, 1, disable_progbar=True).run(4)


def by_svi(program):
    Trace_ELBO().loss(program, AutoNormal(program), 4)


X = r"data on the site 'x' have no density: it is computed from the latents without noise\. Nothing is inferred"


@pytest.mark.parametrize(
    ("environment", "noise", "site", "told"),
    [
        (None, "implicit", "x", X),
        ("moved", "explicit", "x", X),
        ("fixed", "implicit", "light", "'light' have no density: an intervention fixes it"),
        (None, "explicit", "dose", "'dose' have no density: it is computed from its noise"),
    ],
)
@pytest.mark.parametrize("inference", [by_nuts, by_svi])
def test_data_without_density_warn(model, environment, noise, site, told, inference):
    values = {name: model.tensor(np.full(4, 0.5)) for name in model.latents} | {
        "x": drawn(model.pyro(), 4)[1]
    }
    program = pyro.condition(model.pyro(environment, noise), {site: values[site]})
    with pytest.warns(DensityWarning, match=told) as seen:
        inference(program)
    assert "Remedy: " in str(seen[0].message)


def test_the_remedy_of_the_warning_works(model):
    _, x = drawn(model.pyro(), 4)
    z = model.mixing.inverse(x)
    noisy = crlspec.compile(crlspec.loads(SPEC.replace("observed: 4", "observed: 4, noise: 0.1")), seed=0)
    with silent():
        pyro.condition(model.pyro(), {name: z[:, k] for k, name in enumerate(model.latents)})(4)
        pyro.condition(noisy.pyro(), {"x": x})(4)
        pyro.condition(model.pyro(noise="explicit"), model.abduct(z))(4)


def test_priors_are_told_of_condition():
    model = crlspec.bayesian(crlspec.loads(PRIORS), seed=0)
    data = model.reference.sample(4, seed=1)
    x = torch.as_tensor(data["obs"]["x"].values)
    with pytest.warns(DensityWarning, match=r"take condition\(data\) of the model, which finds the latents"):
        pyro.condition(model.pyro(4), {"obs/x": x})()
    with silent():
        model.condition(data)()


def test_what_holds_no_data_does_not_warn(model):
    program = model.pyro()
    z, x = drawn(program, 4)
    held = {name: z[:, k] for k, name in enumerate(model.latents)} | {"x": x}
    with silent():
        pyro.do(program, {"x": x + 1})(4)
        intervene(program, {"x": 0.0})(4)
        pyro.condition(program, held)(4)  # x is what these latents make
        Predictive(program, {name: value[None] for name, value in held.items()})(4)
        poutine.uncondition(program)(4)
        poutine.replay(program, trace=poutine.trace(program).get_trace(4))(4)
        pyro.infer.inspect.get_model_relations(program, (4,))
