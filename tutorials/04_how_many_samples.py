# %% [markdown]
# # 4. How many samples do I need?
#
# Measurements cost money. Before you take any, simulate: how often would the graph be right with so many
# samples an environment, and which edges could be seen at all? And if the samples are there already: what can
# they show? It takes a quarter of a minute.
#
# Run it as a script (`python tutorials/04_how_many_samples.py`), or cell by cell in an editor that knows such
# cells.

# %%
import crlspec

# %% [markdown]
# ## The file
#
# Write down what you expect: three latents, two weak effects (0.25 and 0.4 deviations of the noise) and a
# strong one, and what your interventions do. The closer to the truth, the more the answer is worth.

# %%
spec = crlspec.loads("""
crlspec: 1
name: pilot
latents:
  soil:  Normal(0, 1)
  root:  Normal(0.4*soil, 1)
  fruit: Normal(1.2*root + 0.25*soil, 1)
mixing: {kind: linear, observed: 8}
environments:
  control:  {}
  watered:  {soil: "Normal(0, 2)"}
  grafted:  {root: "Normal(0, 2)"}
  shaded:   {fruit: "Normal(0, 2)"}
samples: 1000
scores: {kind: gaussian}
""")

# %% [markdown]
# ## Recovery against samples
#
# Each seed draws a mixing and data, and recovers latents and graph with all labels shuffled, for each number of
# samples. On the command line: `crlspec check FILE --power 300,1000,10000 --seeds 12`.

# %%
plan = crlspec.plan(spec, [300, 1000, 10000], seeds=12)
print(plan)

# %% [markdown]
# The table gives the rate at which order, graph and its closure were right, each with its interval; the mean
# correlation of the latents; false edges a run; the error of the estimated scores, and beside it the bound of
# the theory, whose rate N^(-1/4) is what the worst case has: here the error falls as fast as N^(-1/2).

# %%
assert plan.rates.loc[10000, "graph_right"] > plan.rates.loc[300, "graph_right"]
assert plan.rates.loc[10000, "score_error"] < plan.rates.loc[300, "score_error"]
assert 0.35 < plan.exponent < 0.65
assert (plan.rates["bound"] >= plan.rates["score_error_high"] * (1 - 1e-9)).all()

# %% [markdown]
# `enough` is the fewest samples tried at which the graph is right at a rate, by the lower end of its interval:
# twelve seeds cannot promise much, so ask for a rate that they can show.

# %%
print("enough for a right graph in half of the cases:", plan.enough(0.5))
assert plan.enough(0.5) == 10000

# %% [markdown]
# ## What can my samples show?
#
# The other way round: the strength from which edges are found with power 0.8. A strength is how far the child
# moves with this parent alone, in deviations of the child's noise. With 300 samples only the strong effect can
# be seen; an edge that is not found there says nothing.

# %%
smallest = plan.smallest_found(0.8)
print(smallest)
found = plan.edges.groupby(["samples", "parent", "child"])["found"].mean().unstack("samples")
print(found)
assert found.loc[("root", "fruit")].min() >= 0.75
assert found.loc[("soil", "fruit"), 300] < 0.8 <= found.loc[("soil", "fruit"), 10000]
assert smallest[10000] < smallest[300]

# %% [markdown]
# ## With your own data
#
# A spec with `data:` and `assume:` has no model to draw from: `crlspec check own.yaml --power` simulates a
# stand-in of the assumed class with as many observed variables and samples as your data have, and says what it
# took for granted. `docs/planning.md` has more.
