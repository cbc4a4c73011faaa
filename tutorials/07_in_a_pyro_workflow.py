# %% [markdown]
# # 7. In a Pyro workflow: a spec's model, priors, and interventions
#
# Every model that crlspec compiles is a plain Pyro program. Here you will intervene on one, and on a program of your
# own; put priors in place of numbers that nobody knows, and infer them from several environments at once, by SVI and
# by NUTS; and ask the posterior for effects. Everything is held against what can be worked out on paper. It takes
# about half a minute.
#
# Run it as a script (`python tutorials/07_in_a_pyro_workflow.py`), or cell by cell in an editor that knows such
# cells.

# %%
import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO
from pyro.infer.autoguide import AutoMultivariateNormal
from pyro.optim import ClippedAdam

import crlspec
from crlspec.handlers import intervene, scale, shift

pyro.set_rng_seed(0)

# %% [markdown]
# ## A spec is a program
#
# One program for each environment; its sites are the latents and `x`. A trace has their density, the same that the
# model computes directly.

# %%
spec = crlspec.loads("""
crlspec: 1
name: greenhouse
latents:
  light:  Normal(0, 1)
  dose:   Normal(0.8*light, 0.7)
  growth: Normal(1.2*dose - 0.9*light, 1)
mixing: {kind: linear, observed: 6}
environments:
  control:    {}
  fixed_dose: {dose: "Normal(0, 2)"}
""")
model = crlspec.compile(spec, seed=0)
trace = poutine.trace(model.pyro("control")).get_trace(100)
z, x = trace.nodes["_RETURN"]["value"]
print("sites:", ", ".join(trace.stochastic_nodes), "and x", tuple(x.shape))
torch.testing.assert_close(trace.log_prob_sum(), model.log_density(z, "control").sum())

# %% [markdown]
# ## Interventions replace distributions
#
# `intervene` takes any Pyro program and gives one in which some sites have other distributions. The trace then has
# the interventional density. On the control's program it makes the other environment:

# %%
zero, two = torch.tensor(0.0, dtype=torch.float64), torch.tensor(2.0, dtype=torch.float64)
cut = intervene(model.pyro("control"), {"dose": dist.Normal(zero, two)})
given = {name: z[:, k] for k, name in enumerate(model.latents)}
trace = poutine.trace(pyro.condition(cut, given)).get_trace(100)
torch.testing.assert_close(trace.log_prob_sum(), model.log_density(z, "fixed_dose").sum())

# %% [markdown]
# Hard, soft, several at once; and one after the other, the inner one first. Means are those on paper: with the dose
# at 1 growth is 1.2; with 1 added to the dose of a doubly spread light it is 1.2 as well, and the dose has the
# deviation √(0.8²·4 + 0.7²).

# %%
many = 100_000
hard, _ = intervene(model.pyro("control"), {"dose": 1.0})(many)
soft, _ = intervene(model.pyro("control"), {"dose": shift(1.0), "light": scale(2.0)})(many)
nested, _ = intervene(intervene(model.pyro("control"), {"dose": shift(0.4)}), {"dose": shift(0.6)})(many)
for name, drawn in (("do", hard), ("shift and scale", soft), ("shift twice", nested)):
    print(
        f"{name:16s} growth {drawn[:, 2].mean():+.3f}, dose {drawn[:, 1].mean():+.3f} ± {drawn[:, 1].std():.3f}"
    )
    assert abs(float(drawn[:, 2].mean()) - 1.2) < 0.03
assert abs(float(soft[:, 1].std()) - (0.8**2 * 4 + 0.7**2) ** 0.5) < 0.03

# %% [markdown]
# ## On a program that knows nothing of crlspec
#
# A regression with unknown slope. What if the slope had another prior? The replaced site is really sampled from it,
# so that SVI, NUTS and Predictive work as on any program. Prior and likelihood are normal: the posterior is known.

# %%
ages = torch.linspace(-1.0, 1.0, 10)
heights = 2.0 * ages


def regression() -> torch.Tensor:
    slope = pyro.sample("slope", dist.Normal(0.0, 10.0))
    with pyro.plate("children", len(ages)):
        return pyro.sample("height", dist.Normal(slope * ages, 0.5))


sceptical = intervene(pyro.condition(regression, {"height": heights}), {"slope": dist.Normal(1.0, 0.5)})
sampler = MCMC(NUTS(sceptical), num_samples=150, warmup_steps=60, disable_progbar=True)
sampler.run()
slopes = sampler.get_samples()["slope"]
precision = 1 / 0.5**2 + float((ages**2).sum()) / 0.5**2
mean = (1.0 / 0.5**2 + float((ages * heights).sum()) / 0.5**2) / precision
print(f"slope {slopes.mean():.2f} ± {slopes.std():.2f}; on paper {mean:.2f} ± {precision**-0.5:.2f}")
assert abs(float(slopes.mean()) - mean) < 0.1
assert abs(float(slopes.std()) / precision**-0.5 - 1) < 0.35

# %% [markdown]
# ## Priors in place of numbers
#
# In a spec a number may be a prior. `crlspec.bayesian` makes the spec a program over all its environments, with the
# unknown numbers as sites that they share.

# %%
unknown = crlspec.loads("""
crlspec: 1
name: greenhouse-with-priors
latents: [light, dose, growth]
scm:
  graph: [light -> growth, dose -> growth]
  mechanism: {kind: linear, weight: "Normal(0.5, 2)"}
  noise: {kind: normal, variance: 0.5}
mixing: {kind: linear, observed: 4}
environments:
  control:    {}
  late:       {growth: {kind: hard, noise: {kind: normal, variance: 3}}}
  more_light: {light: shift(2)}
samples: 60
""")
bayesian = crlspec.bayesian(unknown, seed=3)
data = bayesian.reference.sample(seed=7)  # one draw of the weights, and data of that model
print("unknown:", dict(bayesian.priors))
program = bayesian.condition(data, on="x")

# %% [markdown]
# On paper: growth is a regression on light and dose, with normal noise and a normal prior. `control` and `more_light`
# show it; `late`, where growth is cut from its causes, tells nothing.

# %%
latents = np.concatenate([data[name]["z"].values for name in ("control", "more_light")])
causes, growth = latents[:, :2], latents[:, 2]
information = np.eye(2) / 4 + causes.T @ causes / 0.5
exact_mean = np.linalg.solve(information, 0.5 / 4 + causes.T @ growth / 0.5)
exact_deviation = np.sqrt(np.diag(np.linalg.inv(information)))
weights = ("weight_light_growth", "weight_dose_growth")

# %% [markdown]
# ### By SVI
#
# Pyro's parameters live in a global store; a scope keeps it clean.

# %%
with pyro.get_param_store().scope():
    guide = AutoMultivariateNormal(program, init_scale=0.05)
    svi = SVI(program, guide, ClippedAdam({"lr": 0.1, "lrd": 0.97}), Trace_ELBO())
    for _ in range(150):
        svi.step()
    approximate = guide.get_posterior()
    svi_mean, svi_deviation = approximate.mean.detach().numpy(), approximate.stddev.detach().numpy()
print("SVI     ", svi_mean.round(3), "±", svi_deviation.round(3))
print("on paper", exact_mean.round(3), "±", exact_deviation.round(3))
assert (np.abs(svi_mean - exact_mean) < 0.5 * exact_deviation.max()).all()
assert (np.abs(svi_deviation / exact_deviation - 1) < 0.4).all()

# %% [markdown]
# ### By NUTS, into xarray
#
# `posterior` labels the draws as ArviZ wants them.

# %%
sampler = MCMC(NUTS(program), num_samples=120, warmup_steps=60, disable_progbar=True)
sampler.run()
tree = bayesian.posterior(sampler)
draws = np.stack([tree["posterior"][name].values.ravel() for name in weights])
print("NUTS    ", draws.mean(1).round(3), "±", draws.std(1).round(3))
assert (np.abs(draws.mean(1) - exact_mean) < 0.4 * exact_deviation.max()).all()
assert (np.abs(draws.std(1) / exact_deviation - 1) < 0.35).all()
assert not tree["sample_stats"]["diverging"].any()

# %% [markdown]
# ## The posterior under an intervention
#
# Each draw of the weights is a model. What would growth be, were the light 1 and the dose as it is? With the light
# as a site of the same program, one handler asks all of them: the mean of growth is then the weight of light.

# %%
asked = intervene(bayesian.pyro({"control": 400}), {"control/light": 1.0})
predicted = Predictive(asked, sampler.get_samples())()
effect = predicted["control/growth"].mean(-1).numpy()
print(
    f"growth under do(light = 1): {effect.mean():+.3f} ± {effect.std():.3f} (sampling of 400 plants included)"
)
assert abs(effect.mean() - exact_mean[0]) < 0.4 * exact_deviation[0] + 0.01
assert (predicted["control/light"] == 1).all()

# %% [markdown]
# Parameters are sites like latents, and may be intervened on as well: had the dose no effect at all?

# %%
without = intervene(bayesian.pyro({"control": 2000}), {"weight_dose_growth": 0.0})
trace = poutine.trace(without).get_trace()
slope = np.polyfit(trace.nodes["control/dose"]["value"], trace.nodes["control/growth"]["value"], 1)[0]
print(f"regression of growth on dose, effect taken away: {slope:+.3f}")
assert abs(slope) < 0.15

# %% [markdown]
# ## One model of many
#
# With numbers for the parameters it is a compiled model again: sample, score, save, solve.

# %%
best = bayesian.at(dict(zip(weights, draws.mean(1), strict=True)))
print(best.scm.mechanisms["growth"].parents, best.sample(5, seed=0)["late"]["x"].shape)
assert best.graph.edges == bayesian.reference.graph.edges

# %% [markdown]
# `docs/pyro.md` says what composes with what. Counterfactuals of single units, and ChiRho, are in tutorial 8.
