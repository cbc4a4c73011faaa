"""The Pyro face: the trace agrees with the direct density, and Pyro's own tools work on the program."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from pyro.optim import ClippedAdam

import crlspec

pytestmark = pytest.mark.usefixtures("own_rng")

EQUATIONS = """
latents:
  light:  Normal(0, 1)
  dose:   Normal(0.8*light, 0.5)
  growth: StudentT(4, tanh(light) - 1.2*dose, 1)
environments:
  control: {}
  hard: {dose: "Normal(0, 2)"}
  fixed: {dose: do(1.5)}
mixing: {kind: linear, observed: 4}
"""

FAMILIES = """
latents: 5
scm: {graph: {kind: complete}, mechanism: {kind: MECHANISM}, noise: {kind: NOISE, variance: [0.5, 1.5]}}
mixing: {kind: mlp, observed: 6, strength: strong}
interventions: {design: single-node, kind: soft, noise: {variance: {times: 4}}}
"""


@pytest.fixture(scope="module")
def model():
    return crlspec.compile(crlspec.loads(EQUATIONS))


def trace_of(program, model, z):
    """The trace of ``program`` in which every free latent has the values of ``z``."""
    values = {name: z[:, k] for k, name in enumerate(model.latents)}
    return pyro.poutine.trace(pyro.poutine.condition(program, data=values)).get_trace(len(z))


@pytest.mark.parametrize("environment", [None, "control", "hard", "fixed"])
def test_trace_agrees_with_the_density(model, environment):
    z = model.environments[environment or "control"].sample(100, seed=0)
    trace = trace_of(model.pyro(environment), model, z)
    trace.compute_log_prob()
    found = sum(trace.nodes[name]["log_prob"] for name in model.latents)
    torch.testing.assert_close(found, model.log_density(z, environment), rtol=0, atol=1e-9)


@pytest.mark.parametrize("mechanism", ["linear", "quadratic", "mlp", "sine", "location-scale"])
@pytest.mark.parametrize(
    "noise", ["normal", "laplace", "gumbel", "student-t", "logistic", "log-normal", "uniform"]
)
def test_trace_agrees_for_all_families(mechanism, noise):
    text = FAMILIES.replace("MECHANISM", mechanism).replace("NOISE", noise)
    built = crlspec.compile(crlspec.loads(text), seed=2)
    z = built.environments["soft_z4"].sample(50, seed=0)
    total = trace_of(built.pyro("soft_z4"), built, z).log_prob_sum()
    torch.testing.assert_close(total, built.log_density(z, "soft_z4").sum(), rtol=1e-9, atol=1e-6)


def test_the_program_returns_its_sites(model):
    trace = pyro.poutine.trace(model.pyro("hard")).get_trace(6)
    z, x = trace.nodes["_RETURN"]["value"]
    assert z.shape == (6, 3)
    torch.testing.assert_close(x, model.mixing(z))
    for k, name in enumerate(model.latents):
        assert torch.equal(trace.nodes[name]["value"], z[:, k])
    assert torch.equal(trace.nodes["x"]["value"], x)


def test_the_program_samples_the_environment(model):
    z, _ = model.pyro("hard")(20_000)
    expected = model.environments["hard"].sample(20_000, seed=0)
    torch.testing.assert_close(z[:, :2].T.cov(), expected[:, :2].T.cov(), rtol=0, atol=0.15)


def test_do_is_a_replaced_mechanism_and_not_a_shadow(model):
    trace = pyro.poutine.trace(model.pyro("fixed")).get_trace(10)
    assert bool((trace.nodes["dose"]["value"] == 1.5).all())
    z = trace.nodes["_RETURN"]["value"][0]
    torch.testing.assert_close(trace.log_prob_sum(), model.log_density(z, "fixed").sum())


def test_condition(model):
    given = torch.full((200,), 2.0, dtype=torch.float64)
    z, x = pyro.condition(model.pyro(), data={"light": given})(200)
    assert torch.equal(z[:, 0], given)
    assert float(z[:, 1].mean()) == pytest.approx(1.6, abs=0.2)
    torch.testing.assert_close(x, model.mixing(z))


def test_predictive(model):
    drawn = Predictive(model.pyro("hard"), num_samples=30)(5)
    assert drawn["light"].shape == (30, 5)
    assert drawn["x"].shape[0] == 30
    posterior = {"light": torch.zeros(30, 5, dtype=torch.float64)}
    for parallel in (False, True):
        predicted = Predictive(model.pyro(), posterior, return_sites=("dose", "x"), parallel=parallel)(5)
        assert predicted["dose"].shape == (30, 5)
        assert predicted["x"].shape == (30, 5, 4)


def test_svi_finds_the_posterior(model):
    """light given dose is Gaussian: mean 0.8·d / (0.64 + 0.25), variance 0.25 / 0.89."""
    dose = torch.full((1,), 1.3, dtype=torch.float64)

    program = pyro.poutine.block(pyro.condition(model.pyro(), data={"dose": dose}), hide=["growth", "x"])
    with pyro.get_param_store().scope():
        guide = AutoNormal(program, init_scale=0.5)
        svi = SVI(program, guide, ClippedAdam({"lr": 0.1, "lrd": 0.97}), Trace_ELBO(num_particles=2))
        for _ in range(150):
            svi.step(1)
        posterior = guide.median()["light"]
    assert float(posterior) == pytest.approx(0.8 * 1.3 / 0.89, abs=0.15)


@pytest.mark.slow
def test_nuts_finds_the_posterior(model):
    dose = torch.full((1,), 1.3, dtype=torch.float64)
    program = pyro.condition(model.pyro(), data={"dose": dose})
    sampler = MCMC(NUTS(program), num_samples=200, warmup_steps=60, disable_progbar=True)
    sampler.run(1)
    light = sampler.get_samples()["light"]
    assert float(light.mean()) == pytest.approx(0.8 * 1.3 / 0.89, abs=0.15)
    assert float(light.var()) == pytest.approx(0.25 / 0.89, abs=0.12)


def test_nuts_runs_under_do(model):
    sampler = MCMC(NUTS(model.pyro("fixed")), num_samples=20, warmup_steps=20, disable_progbar=True)
    sampler.run(1)
    assert set(sampler.get_samples()) == {"light", "growth"}


def test_noisy_sensors_can_be_added_around_the_program(model):
    """The program is a part of a larger one: a measurement of x, and the latents inferred from it."""
    program = model.pyro()
    truth = torch.tensor([[0.5, -0.4, 1.0]], dtype=torch.float64)
    readings = model.mixing(truth)

    def measured():
        _, x = program(1)
        pyro.sample("reading", dist.Normal(x, 0.1).to_event(2), obs=readings)

    sampler = MCMC(NUTS(measured), num_samples=60, warmup_steps=60, disable_progbar=True)
    sampler.run()
    means = torch.cat([sampler.get_samples()[name].mean(0) for name in model.latents])
    torch.testing.assert_close(means, truth[0], rtol=0, atol=0.35)
