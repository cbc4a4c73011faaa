# %% [markdown]
# # 9. A screen in AnnData
#
# Cells were perturbed, one knock-out each, and sequenced: a matrix of counts, cells by genes, and a column that says
# which knock-out a cell got. You will go from the counts to the hidden programs that the knock-outs move, to their
# graph, and back into the AnnData. It takes some seconds.
#
# Run it as a script (`python tutorials/09_a_screen_in_anndata.py`), or cell by cell in an editor that knows such
# cells. It needs the extra `anndata`.

# %%
import anndata
import numpy as np
import pandas as pd

import crlspec

# %% [markdown]
# ## The screen
#
# We play the laboratory, by numpy alone. Stress calms the cell cycle, and both drive an interferon response. Each
# program moves the logarithm of the expression of many genes. A knock-out cuts a program off from what drives it.
# The sequencer then counts molecules: a Poisson number for each gene, and some cells are read deeper than others.

# %%
rng = np.random.default_rng(12)
CELLS, GENES = 500, 150
CONDITIONS = ("control", "KO TP53", "KO MYC", "KO JAK1")
weights = rng.normal(0, 0.2, (GENES, 3)) * (rng.random((GENES, 3)) < 0.6)
level = rng.normal(np.log(20), 0.5, GENES)


def programs(condition: str) -> np.ndarray:
    """Stress, cell cycle and interferon response of the cells of a condition, shape (cell, program)."""
    stress = rng.normal(0, 1, CELLS) if condition != "KO TP53" else rng.normal(-1.5, 0.5, CELLS)
    cycle = rng.normal(-0.8 * stress, 0.8) if condition != "KO MYC" else rng.normal(-1, 0.4, CELLS)
    response = rng.normal(0.6 * stress - 0.7 * cycle, 0.8)
    return np.stack([stress, cycle, response if condition != "KO JAK1" else rng.normal(-1, 0.4, CELLS)], 1)


truth = np.concatenate([programs(condition) for condition in CONDITIONS])
depth = rng.lognormal(0, 0.3, (len(truth), 1))
counts = rng.poisson(depth * np.exp(level + truth @ weights.T))
adata = anndata.AnnData(
    counts.astype(float),
    obs=pd.DataFrame(
        {"condition": np.repeat(CONDITIONS, CELLS)}, index=[f"cell{k}" for k in range(len(truth))]
    ),
    var=pd.DataFrame(index=[f"GENE{k}" for k in range(GENES)]),
)
print(adata)

# %% [markdown]
# ## Depth
#
# Cells that are read deeper have more of every gene. Without care that is one more latent, which no condition
# targets. So divide by the depth first; `scanpy.pp.normalize_total` does the same.

# %%
total = adata.X.sum(1, keepdims=True)
adata.layers["even"] = adata.X / total * np.median(total)

# %% [markdown]
# ## The file
#
# One latent for each condition, called after it. The logarithm makes the effects of programs add up, so that the
# mixing is linear, nearly. And 150 genes are too many for a covariance of 500 cells: three principal components, as
# many as latents, take their place, and loadings speak of genes again. What each choice costs stands in
# `docs/data.md`.

# %%
spec = crlspec.loads("""
crlspec: 1
name: screen
latents: from-environments
data:
  path: cells.h5ad
  environment: condition
  observational: control
  layer: even
  transform: [log1p]
  components: 3
assume:
  mixing: linear
  interventions: {design: single-node, kind: hard}
""")
print(crlspec.identifiability(spec))

# %% [markdown]
# With a file on disk, `crlspec run screen.yaml` does the rest. Here the cells are in memory, and `read_data` takes
# the words of the block `data:`.

# %%
data = crlspec.read_data(adata, **spec.data.reading())
result = crlspec.solve(spec, data, seed=0)
print(result)

# %% [markdown]
# ## What was found
#
# Each latent stands with its knock-out and the genes that it moves most. All three edges are there. Against the
# truth, which a laboratory has not: every latent follows its own program. Its sign is free.

# %%
control = adata.obs["condition"] == "control"
latents = result.encoder(adata.layers["even"]).to_pandas()
own = {"KO_TP53": 0, "KO_MYC": 1, "KO_JAK1": 2}
for name, program in own.items():
    agreement = np.corrcoef(latents[name].to_numpy()[control], truth[control, program])[0, 1]
    print(name, "follows its program with correlation", round(abs(agreement), 3))
    assert abs(agreement) > 0.9
edges = {(edge.source, edge.target) for edge in result.edges}
result.plot.graph()
assert edges == {("KO_TP53", "KO_MYC"), ("KO_TP53", "KO_JAK1"), ("KO_MYC", "KO_JAK1")}

# %% [markdown]
# The strongest genes of a latent are those that its program moves most, up to the sign and to what the depth took.

# %%
for name, program in own.items():
    strongest = [loading.variable for loading in result.loadings(name)[:3]]
    print(name, *strongest)
    assert set(strongest) <= {f"GENE{k}" for k in np.argsort(-abs(weights[:, program]))[:40]}

# %% [markdown]
# ## Can one believe it?
#
# The status says what the data decided, and the checks what was looked at. The check `components` says how much of a
# latent is the noise of counting.

# %%
print(result.status)
share = next(check for check in result.checks if check.name == "components")
print(share.figure, share.bound)
assert result.status.ok

# %% [markdown]
# ## Back to the cells
#
# `annotate` writes the latents of every cell into `obsm`, and names, genes, graph, status and provenance into `uns`.
# scanpy goes on from there: `sc.pl.embedding(adata, "X_crlspec")`. From the shell the same is
# `crlspec transform screen --data cells.h5ad --out latents.h5ad`.

# %%
result.annotate(adata)
print(adata.obsm["X_crlspec"].shape, list(adata.uns["crlspec"]["latents"]))
assert np.allclose(adata.obsm["X_crlspec"], latents.to_numpy())

# %% [markdown]
# ## Where to go from here
#
# * A guide that only weakens its target is a soft intervention: `kind: soft`. Latents then come mixed with their
#   ancestors, and the graph as its closure.
# * Drugs hit several programs: `design: multi-node`, tutorial 3.
# * With few counts a gene the logarithm is far from linear, and most of a latent is noise: `components` objects. More
#   genes help, deeper reads help more.
