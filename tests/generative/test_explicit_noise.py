"""Programs with explicit noise: the same joint distribution, and counterfactuals by abduction."""

import pyro
import pytest
import torch
from pyro.infer import Predictive

import crlspec
from crlspec.errors import CrlspecError
from crlspec.generative.scm import SCM, Mechanism

pytestmark = pytest.mark.usefixtures("own_rng")

EQUATIONS = """
latents:
  a: Normal(0.5, 2)
  b: LogNormal(0.3*a, 0.5)
  c: Uniform(a, a + 2)
  d: StudentT(4, tanh(a) - b, 1 + a**2)
  k: Gamma(2, exp(0.1*d))
  f: HalfNormal(1 + a**2)
  g: Beta(2, 3)
  h: Exponential(softplus(c))
environments:
  obs: {}
  moved: {d: shift(2), c: scale(0.5), k: shift(1), a: do(1)}
  soft: {d: "StudentT(4, 0.1*b, 1)"}
mixing: {kind: linear, observed: 9}
"""

FAMILIES = """
latents: 4
scm: {graph: {kind: complete}, mechanism: {kind: sine}, noise: {kind: NOISE, mean: [-1, 1], variance: [0.5, 1.5]}}
mixing: {kind: linear, observed: 6}
interventions: {design: single-node, kind: soft, noise: {variance: {times: 4}}}
"""

NOISES = ["normal", "laplace", "student-t", "uniform", "gumbel", "logistic", "log-normal"]
TEXTS = {"equations": EQUATIONS} | {noise: FAMILIES.replace("NOISE", noise) for noise in NOISES}
TEXTS |= {f"scaled {noise}": TEXTS[noise].replace("sine", "location-scale") for noise in NOISES}


@pytest.mark.parametrize("text", TEXTS)
def test_noise_and_latents_have_the_same_joint_density(text):
    """log p(z) = Σ log p(noise) − log |d response / d noise|, for every family and every environment."""
    model = crlspec.compile(crlspec.loads(TEXTS[text]), seed=3)
    for name, environment in model.environments.items():
        z = environment.sample(60, seed=1)
        noise = model.abduct(z, name)
        trace = pyro.poutine.trace(pyro.condition(model.pyro(name, noise="explicit"), data=noise)).get_trace(
            60
        )
        torch.testing.assert_close(trace.nodes["_RETURN"]["value"][0], z)
        torch.testing.assert_close(trace.nodes["x"]["value"], model.mixing(z))
        total = torch.zeros(60, dtype=torch.float64)
        trace.compute_log_prob()
        columns = dict(zip(model.latents, z.unbind(-1)))
        for latent, mechanism in environment.scm.mechanisms.items():
            if mechanism.clamped:
                continue
            site = f"{latent}_noise"
            parents = [columns[parent] for parent in mechanism.parents]
            parents = torch.stack(parents, -1) if parents else torch.empty(60, 0, dtype=torch.float64)
            response = mechanism.explicit(parents)[1]
            total += trace.nodes[site]["log_prob"] - response.log_abs_det_jacobian(
                noise[site], columns[latent]
            )
        torch.testing.assert_close(total, model.log_density(z, name), rtol=1e-9, atol=1e-9)


def test_the_noise_sites_are_all_that_is_sampled_and_read_nothing():
    model = crlspec.compile(crlspec.loads(EQUATIONS))
    trace = pyro.poutine.trace(model.pyro("moved", noise="explicit")).get_trace(5)
    assert set(trace.stochastic_nodes) - {"_samples"} == {f"{name}_noise" for name in "bcdkfgh"}
    assert bool((trace.nodes["a"]["value"] == 1).all())
    again = pyro.poutine.trace(
        pyro.condition(model.pyro("obs", noise="explicit"), data={"a_noise": torch.ones(5)})
    )
    for name in "bcd":
        before, after = (t.nodes[f"{name}_noise"]["fn"] for t in (trace, again.get_trace(5)))
        torch.testing.assert_close(
            before.log_prob(torch.full((5,), 0.4)), after.log_prob(torch.full((5,), 0.4))
        )


def test_samples_follow_the_ordinary_program():
    model = crlspec.compile(crlspec.loads(TEXTS["gumbel"]), seed=3)
    explicit, _ = model.pyro("soft_z2", noise="explicit")(40_000)
    expected = model.environments["soft_z2"].sample(40_000, seed=0)
    torch.testing.assert_close(explicit.mean(0), expected.mean(0), rtol=0, atol=0.05)
    torch.testing.assert_close(explicit.T.cov(), expected.T.cov(), rtol=0.05, atol=0.1)


def test_predictive_and_do():
    model = crlspec.compile(crlspec.loads(TEXTS["normal"]), seed=3)
    program = model.pyro(noise="explicit")
    drawn = Predictive(program, num_samples=20, return_sites=("z1", "z1_noise", "x"))(5)
    assert drawn["z1_noise"].shape == drawn["z1"].shape == (20, 5)
    assert drawn["x"].shape == (20, 5, 6)
    parallel = Predictive(program, {"z1_noise": drawn["z1_noise"]}, return_sites=("z1", "z4"), parallel=True)(
        5
    )
    torch.testing.assert_close(parallel["z1"], drawn["z1"])
    fixed, _ = pyro.do(program, data={"z1": torch.full((5,), 2.0, dtype=torch.float64)})(5)
    assert bool((fixed[:, 0] == 2).all())


def test_counterfactuals_of_a_linear_model_are_those_on_paper():
    """b = 2 a + noise: had a been 1 higher, b would have been 2 higher, whatever its noise was."""
    spec = "latents: {a: 'Normal(0, 1)', b: 'Normal(2*a, 0.5)'}\nmixing: {kind: linear, observed: 2}\n"
    model = crlspec.compile(crlspec.loads(spec + "environments: {obs: {}, up: {a: shift(1)}}"))
    factual = model.scm.sample(50, seed=0)
    noise = model.abduct(factual, "obs")
    z, x = pyro.condition(model.pyro("up", noise="explicit"), data=noise)(50)
    torch.testing.assert_close(z, factual + torch.tensor([1.0, 2.0], dtype=torch.float64))
    torch.testing.assert_close(x, model.mixing(z))


def test_a_shape_that_reads_latents_is_refused():
    spec = "latents: {a: 'Normal(0, 1)', b: 'Gamma(exp(a), 1)'}\nmixing: {kind: linear, observed: 2}"
    model = crlspec.compile(crlspec.loads(spec))
    for attempt in (lambda: model.pyro(noise="explicit"), lambda: model.abduct(model.scm.sample(3))):
        with pytest.raises(CrlspecError, match="b: the concentration of Gamma reads latents") as caught:
            attempt()
        assert "ordinary program" in caught.value.remedy
    with pytest.raises(CrlspecError, match="noise='loud' is unknown"):
        model.pyro(noise="loud")


def test_a_mechanism_without_the_form_says_so():
    class Own(Mechanism):
        def distribution(self, parents):
            return torch.distributions.Normal(torch.zeros(parents.shape[:-1]), 1.0)

    from crlspec.generative.program import Program

    with pytest.raises(CrlspecError, match="a: Own has no form with explicit noise"):
        Program(SCM(("a",), {"a": Own(())}), lambda z: z, torch.empty(0), "explicit")


def test_a_latent_named_like_a_noise_is_refused():
    spec = "latents: {a: 'Normal(0, 1)', a_noise: 'Normal(a, 1)'}\nmixing: {kind: linear, observed: 2}"
    with pytest.raises(CrlspecError, match="has the name of the noise of 'a'"):
        crlspec.compile(crlspec.loads(spec)).pyro(noise="explicit")
