# %% [markdown]
# # 8. From a recovered graph to an effect, and to a counterfactual
#
# A recovered graph is a means, not an end. Here you will recover three latents from mixtures of them, and then ask:
# what would a dose do to growth? With pgmpy, with the recovered model itself, with standard errors; and of a single
# sample: how would it have looked, had its dose been another, also in ChiRho. Everything is held against the truth,
# which is known here in closed form. It takes some seconds.
#
# Run it as a script (`python tutorials/08_from_a_dag_to_an_effect.py`), or cell by cell in an editor that knows such
# cells. ChiRho is an extra: `pip install 'crlspec[chirho]'`.

# %%
import tempfile
from pathlib import Path

import networkx as nx
import numpy as np
import pyro
import torch
from chirho.counterfactual.handlers import MultiWorldCounterfactual
from chirho.indexed.ops import IndexSet, gather
from chirho.interventional.handlers import do

import crlspec

# %% [markdown]
# ## A result
#
# Light drives dose and growth, dose drives growth: the light confounds what we want to know.

# %%
spec = crlspec.loads("""
crlspec: 1
name: greenhouse
latents:
  light:  Normal(0, 1)
  dose:   Normal(0.8*light, 0.7)
  growth: Normal(1.2*dose - 0.9*light, 1)
mixing: {kind: linear, observed: 8}
environments:
  control:     {}
  lamp:        {light: "Normal(0, 2)"}
  fixed_dose:  {dose: "Normal(0, 2)"}
  late_growth: {growth: "Normal(0, 3)"}
samples: 20000
""")
truth = crlspec.compile(spec, seed=0)
result = crlspec.solve(spec, truth.sample(seed=1), seed=2)
assert {edge.pair for edge in result.edges} == set(truth.graph.edges)

# %% [markdown]
# ## The truth, in the units of a result
#
# Scale and sign of a latent are conventions: results measure in observational standard deviations, and the largest
# loading on x is positive. In these units the effect of the dose on growth is 1.2 times a ratio of deviations, up to
# the two signs.

# %%
deviation = {"light": 1.0, "dose": (0.8**2 + 0.7**2) ** 0.5}
deviation["growth"] = (0.06**2 + (1.2 * 0.7) ** 2 + 1) ** 0.5  # growth = 0.06 light + 0.84 ε_dose + ε_growth
signs = np.sign(np.diag(result.encoder.matrix.values @ truth.mixing.matrix.numpy()))
scale = {name: sign * deviation[name] for name, sign in zip(truth.latents, signs, strict=True)}
effect = 1.2 * scale["dose"] / scale["growth"]
print(f"one standard deviation more of dose: {effect:+.3f} of growth")

# %% [markdown]
# ## By adjustment, in pgmpy
#
# The graph says what to adjust for; pgmpy's network of the recovered latents then gives the effect. Without
# adjustment the answer is wrong.

# %%
adjust = result.adjustment_set("dose", "growth")
print("adjust for", adjust)
assert adjust == ("light",)
z = result.latents["control"].to_dataset()["z_hat"]
naive = np.polyfit(z.sel(latent="dose"), z.sel(latent="growth"), 1)[0]
columns = np.column_stack([z.sel(latent=name) for name in ("dose", *adjust)])
adjusted = np.linalg.lstsq(columns, z.sel(latent="growth").values, rcond=None)[0][0]
print(f"naive {naive:+.3f}, adjusted {adjusted:+.3f}")
assert abs(adjusted - effect) < 0.1
assert abs(naive - effect) > 0.1

# %% [markdown]
# The same by intervening on the network, dose set to 1 and to 0:


# %%
def growth_at(dose: float) -> float:
    network = result.bayesian_network({"dose": dose})
    mean, _ = network.to_joint_gaussian()
    return float(dict(zip(nx.topological_sort(network), mean, strict=True))["growth"])


by_network = growth_at(1.0) - growth_at(0.0)
print(f"do in pgmpy {by_network:+.3f}")
assert abs(by_network - effect) < 0.1

# %% [markdown]
# ## By the recovered model, with standard errors
#
# `result.model()` is a model like a compiled one, its mechanisms fitted to the latents, each on all environments that
# leave it alone. `model.fit` says how well they fit latents that were held out. `do` asks it; standard errors hold
# the error of the latents too. The effect on what is observed comes along, and what of it all is identified is said.

# %%
model = result.model()
print(model.fit["distribution_p"].to_pandas().round(2))
query = model.do({"dose": "shift(1)"})
print(query)
answer = query.effect()
found, error = (float(answer[name].sel(latent="growth")) for name in ("z", "z_error"))
print(f"do in crlspec {found:+.3f} ± {error:.3f}")
assert abs(found - effect) < 3.5 * error < 0.15
true_x = truth.mixing.matrix.numpy() @ [0, scale["dose"], 1.2 * scale["dose"]]
assert (np.abs(answer["x"].values - true_x) < 4 * answer["x_error"].values + 1e-9).all()

# %% [markdown]
# Numbers, distributions, `shift`, `scale`, equations, and what environments did, several at once, seen together or
# not:

# %%
print(model.do({"light": "Normal(1, 2)", "growth": "Normal(0.5*dose, 1)"}).mean()["z"].to_pandas())
both = model.do(["lamp", "fixed_dose"])
print(both.deviation()["z"].to_pandas())
assert both.environment.targets == ("light", "dose")

# %% [markdown]
# An anchor trades the convention for a unit: one unit more of the dose is one unit more of sensor x3.

# %%
anchored = result.do({"dose": "shift(1)"}, anchor={"dose": "x3"})
print(anchored.identified)
loading = truth.mixing.matrix.numpy()[2, 1]
assert np.isclose(float(anchored.effect()["z"].sel(latent="dose")), 1)
np.testing.assert_allclose(anchored.effect()["x"], true_x / scale["dose"] / loading, atol=0.1)

# %% [markdown]
# ## Of a single sample
#
# Would this plant have grown, had its dose been one standard deviation above the mean? Its own noise is taken back
# out of it, the dose is set, and the rest follows.

# %%
plants = truth.sample(200, seed=9)["control"].to_dataset()
had = model.counterfactual(plants["x"], {"dose": 1.0})
moved = scale["dose"] - plants["z"].sel(latent="dose").values  # what the true dose moves by
true_had = plants["x"].values + np.outer(moved, truth.mixing.matrix.numpy() @ [0, 1, 1.2])
wrong = ((had["x"].values - true_had) ** 2).sum() / ((true_had - true_had.mean(0)) ** 2).sum()
print(f"R² of counterfactual observations: {1 - wrong:.5f}")
assert 1 - wrong > 0.99

# %% [markdown]
# ## The same in ChiRho
#
# The recovered model is a plain Pyro program. With its noise as sites, ChiRho's worlds share it:

# %%
latents = model.mixing.inverse(torch.as_tensor(plants["x"].values))
program = pyro.condition(
    result.pyro("control", noise="explicit"), data=dict(model.abduct(latents, "control"))
)
with (
    MultiWorldCounterfactual(first_available_dim=-2),
    do(actions={"dose": torch.tensor(1.0, dtype=torch.float64)}),
):
    _, worlds = program(len(latents))
    other = gather(worlds, IndexSet(dose={1}), event_dim=1).squeeze()
assert np.allclose(other.numpy(), had["x"].values)

# %% [markdown]
# ## Keep it
#
# The recovered model is a spec again. It runs, and recovers itself.

# %%
with tempfile.TemporaryDirectory() as folder:
    again = crlspec.load(model.save(Path(folder) / "recovered.yaml"))
second = crlspec.solve(again, crlspec.compile(again).sample(seed=3), seed=3)
assert {edge.pair for edge in second.edges} == {edge.pair for edge in result.edges}
print(second)

# %% [markdown]
# `docs/queries.md` says what standard errors hold, how mechanisms are chosen, and how often answers are right.
