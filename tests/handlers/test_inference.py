"""``intervene`` under Pyro's own inference: enumeration, Predictive, SVI, NUTS, against exact answers."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO, TraceEnum_ELBO, config_enumerate
from pyro.infer.autoguide import AutoNormal
from pyro.infer.reparam import LocScaleReparam
from pyro.optim import ClippedAdam

import crlspec
from crlspec.handlers import intervene, scale, shift
from tests.handlers import programs

pytestmark = pytest.mark.usefixtures("own_rng")


def evidence(program, nesting):
    """log p(data, values fixed by condition), the enumerated sites summed out by Pyro."""
    elbo = TraceEnum_ELBO(max_plate_nesting=nesting)
    return torch.tensor(-elbo.loss(program, lambda: None))


def test_enumeration_sums_over_the_new_distribution():
    """A mixture with shares .9 and .1 in place of those of the program: the exact log evidence."""
    centre, share = torch.tensor([-2.0, 2.0]), torch.tensor(0.3)
    program = pyro.condition(programs.mixture, {"centre": centre, "share": share})
    prior = dist.Beta(2, 2).log_prob(share) + dist.Normal(0, 3).log_prob(centre).sum()
    parts = torch.stack([dist.Normal(c, 0.5).log_prob(programs.POINTS) for c in centre], -1)
    for probability, replaced in ((0.3, {}), (0.9, {"which": dist.Bernoulli(0.9)})):
        weights = torch.log(torch.tensor([1 - probability, probability]))
        expected = prior + (parts + weights).logsumexp(-1).sum()
        torch.testing.assert_close(evidence(intervene(program, replaced), 1), expected)


def test_enumeration_of_a_markov_chain():
    """The state at time 2 is replaced: forward algorithm with a row of its own, before and after."""
    stay, new = torch.tensor(0.8), torch.tensor([0.95, 0.05])
    moves = torch.tensor([[0.8, 0.2], [0.2, 0.8]])
    likelihood = dist.Normal(torch.tensor([-1.0, 1.0]), 0.7).log_prob(programs.CHAIN[:, None]).exp()
    program = pyro.condition(programs.hidden_markov, {"stay": stay})
    changed = {"state_2": dist.Categorical(new), "reading_3": lambda now: scale(2.0)(now)}
    wide = dist.Normal(torch.tensor([-1.0, 1.0]), 1.4).log_prob(programs.CHAIN[3]).exp()
    for replaced, last in (({}, likelihood[3]), (changed, wide)):
        state = moves[0] * likelihood[0]
        state = (state @ moves) * likelihood[1]
        state = (state.sum() * new if replaced else state @ moves) * likelihood[2]
        state = (state @ moves) * last
        expected = state.sum().log() + dist.Beta(8, 2).log_prob(stay)
        torch.testing.assert_close(evidence(intervene(program, replaced), 0), expected)


def test_a_constant_and_a_continuous_site_in_place_of_an_enumerated_one():
    program = pyro.condition(programs.hidden_markov, {"stay": torch.tensor(0.8)})
    trace = poutine.trace(intervene(program, {"state_1": 1})).get_trace()
    assert trace.nodes["state_1"]["value"].dtype == torch.long
    assert bool(evidence(intervene(program, {"state_1": 1}), 0) < evidence(program, 0))

    def soft_states():
        state = pyro.sample("state", dist.Bernoulli(0.5))
        pyro.sample("reading", dist.Normal(state, 1), obs=torch.tensor(0.2))

    smooth = config_enumerate(intervene(config_enumerate(soft_states), {"state": dist.Beta(1, 1)}))
    trace = poutine.trace(poutine.enum(smooth, first_available_dim=-1)).get_trace()
    assert 0 < float(trace.nodes["state"]["value"]) < 1


@pytest.mark.parametrize("parallel", [False, True])
def test_predictive(parallel):
    """Posterior draws of the untouched sites, predictions under the intervention."""
    samples = {"slope": torch.full((500,), 2.0), "sigma": torch.full((500,), 0.1)}
    changed = intervene(
        programs.regression, {"intercept": dist.Normal(5, 0.1), "weight": lambda now: shift(1.0)(now)}
    )
    drawn = Predictive(changed, samples, parallel=parallel)()
    assert drawn["weight"].shape == (500, 10)
    torch.testing.assert_close(drawn["intercept"].mean(), torch.tensor(5.0), rtol=0, atol=0.05)
    expected = 5 + 2 * programs.AGES + 1
    torch.testing.assert_close(drawn["weight"].mean(0), expected, rtol=0, atol=0.05)
    fixed = Predictive(intervene(programs.regression, {"intercept": 5.0}), samples, parallel=parallel)()
    torch.testing.assert_close(
        fixed["line"].reshape(500, -1, 10)[:, 0], (5 + 2 * programs.AGES).expand(500, 10)
    )


def test_svi_learns_under_an_intervention():
    """A hard prior in place of the program's, conjugate: posterior mean and deviation of the slope."""
    weight = 2.0 * programs.AGES
    changed = intervene(programs.regression, {"slope": dist.Normal(1, 0.5), "intercept": 0.0, "sigma": 0.5})
    program = pyro.condition(changed, {"weight": weight})
    precision = 1 / 0.25 + float((programs.AGES**2).sum()) / 0.25
    mean = (1 / 0.25 + float((programs.AGES * weight).sum()) / 0.25) / precision
    with pyro.get_param_store().scope():
        guide = AutoNormal(program, init_scale=0.3)
        svi = SVI(program, guide, ClippedAdam({"lr": 0.05, "lrd": 0.985}), Trace_ELBO())
        for _ in range(250):
            svi.step()
        found = [value.detach() for value in guide._get_loc_and_scale("slope")]
        assert set(pyro.get_param_store()) == {"AutoNormal.locs.slope", "AutoNormal.scales.slope"}
    assert float(found[0]) == pytest.approx(mean, abs=0.08)
    assert float(found[1]) == pytest.approx(precision**-0.5, rel=0.25)


def test_nuts_samples_the_interventional_posterior():
    """Interventions on two sites, one moved to another half-line; the fixed site is no unknown."""
    weight = 2.0 * programs.AGES
    changed = intervene(
        programs.regression, {"slope": dist.Normal(1, 0.5), "intercept": 0.0, "sigma": shift(0.5)}
    )
    sampler = MCMC(
        NUTS(pyro.condition(changed, {"weight": weight})),
        num_samples=100,
        warmup_steps=50,
        disable_progbar=True,
    )
    sampler.run()
    samples = sampler.get_samples()
    assert set(samples) == {"slope", "sigma"}
    assert float(samples["sigma"].min()) > 0.5
    assert float(samples["slope"].mean()) == pytest.approx(1.75, abs=0.2)


def test_reparametrisation_around_and_inside():
    """A non-centred form of the replaced site, and an intervention on a reparametrised one."""
    new = dist.Normal(3.0, 2.0).expand([8]).to_event(1)
    around = poutine.reparam(
        intervene(programs.eight_schools, {"theta": new}), {"theta": LocScaleReparam(0.0)}
    )
    trace = poutine.trace(around).get_trace()
    noise = trace.nodes["theta_decentered"]["value"]
    torch.testing.assert_close(trace.nodes["theta"]["value"], 3 + 2 * noise)
    inside = poutine.reparam(programs.eight_schools, {"theta": LocScaleReparam(0.0)})
    trace = poutine.trace(intervene(inside, {"theta": shift(1.0)})).get_trace()
    noise, mu, tau = (trace.nodes[name]["value"] for name in ("theta_decentered", "mu", "tau"))
    torch.testing.assert_close(trace.nodes["theta"]["value"], mu + tau * noise + 1)


def test_vectorised_particles():
    """A plate around the program is no dimension of the site."""
    changed = intervene(
        pyro.condition(programs.regression, {"weight": programs.AGES}),
        {"slope": dist.Normal(0, 1), "intercept": lambda now, values: dist.Normal(values["slope"], 1)},
    )
    with pyro.plate("particles", 7, dim=-2):
        trace = poutine.trace(changed).get_trace()
    assert trace.nodes["slope"]["value"].shape == trace.nodes["intercept"]["value"].shape == (7, 1)
    assert trace.nodes["line"]["value"].shape == (7, 10)


SPEC = """
latents:
  light:  Normal(0, 1)
  dose:   Normal(0.8*light, 0.5)
  growth: Normal(tanh(light) - 1.2*dose, 1)
environments:
  control: {}
  hard: {dose: "Normal(0, 2)"}
  fixed: {dose: do(1.5)}
  soft: {growth: shift(2), light: scale(3)}
mixing: {kind: linear, observed: 4}
"""

ENVIRONMENTS = {
    "hard": {"dose": dist.Normal(torch.tensor(0.0, dtype=torch.float64), 2.0)},
    "fixed": {"dose": 1.5},
    "soft": {"growth": shift(2.0), "light": scale(3.0)},
}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_of_a_compiled_spec_it_makes_the_environments(environment):
    """Intervening on the program of the control gives the density of the declared environment."""
    model = crlspec.compile(crlspec.loads(SPEC))
    z = model.environments[environment].sample(50, seed=0)
    values = {name: z[:, k] for k, name in enumerate(model.latents)}
    program = pyro.condition(intervene(model.pyro("control"), ENVIRONMENTS[environment]), values)
    total = poutine.trace(program).get_trace(50).log_prob_sum()
    torch.testing.assert_close(total, model.log_density(z, environment).sum())


def test_with_explicit_noise_a_shift_is_a_counterfactual():
    """Units keep their noise: had each dose been 2 higher, growth would be 2.4 lower."""
    model = crlspec.compile(crlspec.loads(SPEC))
    z = model.environments["control"].sample(50, seed=0)
    program = pyro.condition(model.pyro("control", noise="explicit"), model.abduct(z, "control"))
    other, _ = intervene(program, {"dose": shift(2.0)})(50)
    torch.testing.assert_close(other - z, torch.tensor([0.0, 2.0, -2.4], dtype=torch.float64).expand(50, 3))


def test_counterfactual_worlds_of_chirho():
    """ChiRho's two worlds share the noise; the intervention holds in both, and its own do in one."""
    worlds = pytest.importorskip("chirho.counterfactual.handlers")
    observe = pytest.importorskip("chirho.indexed.ops")
    actions = pytest.importorskip("chirho.interventional.handlers")
    model = crlspec.compile(crlspec.loads(SPEC))
    program = intervene(
        model.pyro("control", noise="explicit"), {"light": dist.Delta(torch.tensor(3.0).double())}
    )
    with (
        worlds.MultiWorldCounterfactual(first_available_dim=-2) as world,
        actions.do(actions={"dose": torch.tensor(-1.0).double()}),
    ):
        trace = poutine.trace(program).get_trace(20)
        dose, growth = (trace.nodes[name]["value"] for name in ("dose", "growth"))
        factual, other = (
            [observe.gather(v, observe.IndexSet(dose={k}), event_dim=0).squeeze() for v in (dose, growth)]
            for k in (0, 1)
        )
    assert world is not None
    noise = trace.nodes["dose_noise"]["value"].squeeze()
    torch.testing.assert_close(factual[0], 0.8 * 3 + 0.5 * noise)
    torch.testing.assert_close(other[0], torch.full((20,), -1.0).double(), check_stride=False)
    torch.testing.assert_close(other[1] - factual[1], -1.2 * (-1 - factual[0]))
