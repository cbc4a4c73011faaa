# %% [markdown]
# # 1. From a first spec to a graph
#
# You will declare a small causal model whose variables nobody observes, mix them into measurements, and
# recover the variables and their graph from the measurements of four environments. It takes some seconds.
#
# Run it as a script (`python tutorials/01_first_spec_to_dag.py`), or cell by cell in an editor that knows
# such cells.

# %%
import tempfile
from pathlib import Path

import numpy as np

import crlspec
from crlspec.errors import SpecError

# %% [markdown]
# ## The file
#
# Three latents, written as equations. A distribution goes by its Pyro name, and the parents of a latent are
# the latents that its equation mentions: `light` drives `dose` and `growth`, `dose` drives `growth`.
#
# What we measure is eight linear mixtures of the three. `environments` says what each experiment replaces:
# `lamp` gives `light` another distribution, and so on; none of the replacements mentions a parent, so all
# three are *hard* interventions. `control` replaces nothing.

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

# %% [markdown]
# A file that is wrong is refused with the line, the column and a remedy, all faults at once:

# %%
try:
    crlspec.loads("crlspec: 1\nlatents: 3\nmixing: {kind: liner, observed: 8}\nsample: 100\n")
except SpecError as error:
    print(error)
    complaints = error.issues
assert {(issue.line, issue.column is not None) for issue in complaints} >= {(3, True), (4, True)}

# %% [markdown]
# ## What the theory promises
#
# Before any number is drawn: is there a theorem for this file, and what does it give back?

# %%
verdict = crlspec.identifiability(spec)
print(verdict)
assert verdict.covered
assert verdict.graph == "exact"

# %% [markdown]
# With soft interventions the same theory promises less. Here the dose still listens to the light when it is
# changed:

# %%
softer = crlspec.loads(
    crlspec.dump(spec).replace(
        "fixed_dose: {dose: 'Normal(0, 2)'}", "fixed_dose: {dose: 'Normal(0.2*light, 2)'}"
    )
)
print(crlspec.identifiability(softer))
assert crlspec.identifiability(softer) != verdict

# %% [markdown]
# ## The model
#
# `compile` draws what the file leaves open (here the mixing) and gives a model that can be sampled, and
# asked for densities and scores. `model.spec` is the file with nothing left to chance: it compiles to the
# same model again.

# %%
model = crlspec.compile(spec, seed=0)
data = model.sample(seed=1)
print(data["control"])
assert data["control"]["x"].shape == (20_000, 8)
assert set(model.graph.edges) == {("light", "dose"), ("light", "growth"), ("dose", "growth")}

# %% [markdown]
# An intervention replaces a mechanism. In `fixed_dose` the dose no longer follows the light:

# %%
for name in ("control", "fixed_dose"):
    z = data[name]["z"]
    correlation = np.corrcoef(z.sel(latent="light"), z.sel(latent="dose"))[0, 1]
    print(f"{name}: correlation of light and dose {correlation:.2f}")
assert abs(correlation) < 0.05

# %% [markdown]
# ## The way back
#
# `solve` sees `x`, and which latent each environment targets. It never sees `z`, and the names are shuffled
# before it looks, so that no order in the file can help it.

# %%
result = crlspec.solve(spec, data, seed=2)
print(result)
assert result.status.ok
assert {edge.pair for edge in result.edges} == set(model.graph.edges)

# %% [markdown]
# Every edge comes with a strength and a p-value; pairs that were tested and not found are in
# `result.tested`. The graph is a pgmpy DAG:

# %%
for edge in result.edges:
    print(
        f"{edge.source} -> {edge.target}: strength {edge.strength:.2f}, p at most {max(edge.p_value, 1e-12):.0e}"
    )
dag = result.dag
assert set(dag.nodes) == {"light", "dose", "growth"}
assert all(edge.p_value < 0.01 for edge in result.edges)

# %% [markdown]
# ## How good is it?
#
# Here the truth is known, so the result can be judged: `mcc` is the mean absolute correlation between true
# and recovered latents, `shd` the number of edges that are wrong.

# %%
metrics = result.evaluate(model)
print(metrics[["mcc", "shd", "mixing_error"]])
assert float(metrics["mcc"]) > 0.99
assert int(metrics["shd"]) == 0

# %% [markdown]
# ## Keep it
#
# The saved result holds the spec, the seeds and the versions. Its encoder gives latents for new
# observations, with names.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = result.save(Path(folder) / "greenhouse.nc")
    again = crlspec.open_result(path)
new = model.sample(5, seed=99)["control"]["x"]
latents = again.encoder(new)
print(latents)
assert latents.dims == ("sample", "latent")
np.testing.assert_allclose(latents, result.encoder(new))

# %% [markdown]
# The same from the shell: `crlspec new first.yaml --kind equations`, `crlspec check first.yaml`, `crlspec
# run first.yaml`. Tutorial 2 does it with data of your own.
