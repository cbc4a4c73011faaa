# %% [markdown]
# # 10. What real data refuse to say: the Sachs proteins
#
# Sachs and others measured eleven proteins and lipids in single cells of the immune system, under nine conditions.
# The data stand in every textbook on causal discovery, and many a method draws a graph from them. Here you will ask
# what crlspec may claim of them, and learn to read a refusal: which check objects, what it saw, and what is left to
# say.
#
# Run it as a script (`python tutorials/10_sachs_protein_data.py sachs.txt`), or cell by cell in an editor that
# knows such cells. With the real data it takes some minutes, with the made twin some seconds.
#
# ## The data
#
# K. Sachs, O. Perez, D. Pe'er, D. A. Lauffenburger and G. P. Nolan, "Causal protein-signaling networks derived from
# multiparameter single-cell data", Science 308 (2005), 523–529; the cells are a supplement of this paper. As a
# table of log(x + 10) with a column of 0 and 1 for each condition they are part of the collection
# [example-causal-datasets](https://github.com/cmu-phil/example-causal-datasets) (CC0). Credit both. They do not
# come with crlspec; download the table yourself:
#
# ```
# curl -L -o sachs.txt https://github.com/cmu-phil/example-causal-datasets/raw/main/real/sachs/data/sachs.2005.continuous.discrete.experimental.mixed.maximum.2.txt
# ```

# %%
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import crlspec

PROTEINS = ["raf", "mek", "plc", "pip2", "pip3", "erk", "akt", "pka", "pkc", "p38", "jnk"]
TARGETS = {"aktinhib": "akt", "g0076": "pkc", "psitect": "pip2", "u0126": "mek", "ly": "pip3"}
CONDITIONS = ["cd3_cd28", "icam2", *TARGETS, "pma", "b2camp"]

# %% [markdown]
# ## A twin, where there is no file
#
# Without the file a twin is made, by numpy alone: the same columns and conditions, 200 cells each. **It is made
# up.** Its pathway is a simple one, its drugs act as we say, and nothing in it is a finding. It has one thing from
# a laboratory that textbooks leave out: the machine drifts while it reads the cells.


# %%
def twin(cells: int = 200, seed: int = 3) -> pd.DataFrame:
    """Logarithms of eleven made proteins, and a column of 0 and 1 for each condition."""
    rng, parts = np.random.default_rng(seed), []
    for condition in CONDITIONS:
        z = dict(zip(PROTEINS, rng.normal(size=(11, cells)), strict=True))
        drugged = TARGETS.get(condition)
        z["pkc"] *= 0.5 if drugged == "pkc" else 1
        z["pka"] += 0.6 * z["pkc"]
        z["plc"] += 0.5 * (condition == "icam2")
        z["pip3"] = (
            0.2 * z["plc"] + 0.6 * z["pip3"] - 0.5 if drugged == "pip3" else 0.8 * z["plc"] + z["pip3"]
        )
        z["pip2"] = 0.5 * z["plc"] + (0.1 if drugged == "pip2" else 0.7) * z["pip3"] + 0.7 * z["pip2"]
        z["raf"] += 0.5 * z["pkc"] - 0.4 * z["pka"]
        z["mek"] += 0.3 * z["pkc"] + (0.1 * z["raf"] + 0.5 if drugged == "mek" else 0.8 * z["raf"])
        z["erk"] += 0.8 * z["mek"]
        z["akt"] += 0.4 * z["erk"] + (0.1 * z["pip3"] - 0.5 if drugged == "akt" else 0.7 * z["pip3"])
        z["jnk"] += 0.5 * z["pkc"] + 0.8 * (condition == "pma")
        z["p38"] += 0.7 * z["pkc"] - 0.5 * (condition == "b2camp")
        drift = rng.normal(0, 0.2, cells)
        for k in range(1, cells):
            drift[k] += 0.97 * drift[k - 1]
        table = pd.DataFrame({name: 4 + 0.8 * (z[name] + drift) for name in PROTEINS})
        alone = condition in ("pma", "b2camp")
        for name in CONDITIONS:
            table[name] = int(name == condition or (name == "cd3_cd28" and not alone))
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


given = [Path(word) for word in sys.argv[1:] if word.endswith(".txt")]
table = pd.read_csv(given[0], sep="\t") if given else twin()
print("the real cells" if given else "the made twin", table.shape)

# %% [markdown]
# ## The conditions
#
# All cells but those of two conditions were stimulated by antibodies (`cd3_cd28`), and these alone are the control.
# Five drugs were added, each known for one target. `icam2` adds a general stimulus, and `pma` and `b2camp` were
# given without the antibodies: three conditions that are no intervention on the control. They stay out.

# %%
stimulated = table["cd3_cd28"] == 1
table["condition"] = np.where(stimulated, "control", "other")
for drug in TARGETS:
    table.loc[table[drug] == 1, "condition"] = drug
table.loc[~stimulated | (table["icam2"] == 1), "condition"] = "other"
cells = table[table["condition"] != "other"]
print(cells.groupby("condition").size())

# %% [markdown]
# ## The file
#
# The five targets are the five columns, one drug each. A drug weakens its target, and does not cut it off from what
# drives it: `kind: soft`. The mixing is linear, since a latent shall be an amount, up to the other amounts before
# it.

# %%
spec = crlspec.loads("""
crlspec: 1
name: sachs
latents: from-environments
data:
  path: sachs.txt
  environment: condition
  observational: control
  variables: [akt, pkc, pip2, mek, pip3]
assume:
  mixing: linear
  interventions: {design: single-node, kind: soft}
""")
print(crlspec.identifiability(spec))

# %% [markdown]
# The theory promises the ancestors of every latent. What follows is whether these data keep the promise.


# %%
def told(result: crlspec.Result) -> None:
    """The status, and every check that stands in the way."""
    print(result.status, "\n")
    for check in result.checks:
        if check.objects:
            print(f"{check.name}: {check.message}\n  remedy: {check.remedy}\n")


result = crlspec.solve(spec, crlspec.read_data(cells, **spec.data.reading()), seed=0)
told(result)
assert not result.status.ok

# %% [markdown]
# ## The first refusal: cells that are no independent draws
#
# Every test counts rows, and takes each for news. The check `rows-independent` looks at the rows in the order of
# the file. A cell resembles the cells before it: hundreds of rows are worth some tens. In the real table it is so
# in two of the conditions. Nobody sees this in a scatter plot, and a method that does not look reports p-values of
# a sample many times as large.

# %%
dependent = next(check for check in result.checks if check.name == "rows-independent")
print(f"worth {dependent.figure:.0f} of {dependent.bound:.0f} rows")
assert dependent.consequence == "undecided" and dependent.figure < dependent.bound / 2

# %% [markdown]
# ## What a shuffle would do
#
# The remedy speaks of a shuffle *if the file was sorted afterwards*. This one was not: the order is that of the
# machine. To shuffle them makes no cell worth more. It only blinds the check. We do it once all the same, to see
# what comes of it.

# %%
shuffled = cells.sample(frac=1, random_state=0)
blind = crlspec.solve(spec, crlspec.read_data(shuffled, **spec.data.reading()), seed=0)
told(blind)
assert "rows-independent" not in {check.name for check in blind.checks if check.objects}

# %% [markdown]
# In the real cells the dependence is out of sight now. Another check still objects, `invariance`: under every causal
# order, mechanisms change in conditions that do not target them, several times as much as sampling error gives. Drugs
# hit more than one protein, or a condition is more than one population. Before crlspec had this check the status was
# `ok`, with p = 3e-7 beside the order: the best of many orders, none of which fits. In the twin the model is refuted
# by its fit: its drift moves all columns at once, so it is a hidden common cause, and no shuffle takes that out.
#
# ## What the halves say
#
# There is one more way to ask. The machine read half of each condition first. A graph that is one of cells, and not
# of the hour, is the same in both halves.


# %%
def ancestors(rows: pd.DataFrame) -> set[tuple[str, str]]:
    """Pairs (ancestor, descendant) that are found in shuffled rows."""
    mixed = rows.sample(frac=1, random_state=0)
    found = crlspec.solve(spec, crlspec.read_data(mixed, **spec.data.reading()), seed=0)
    print(found.status)
    return {edge.pair for edge in found.edges}


position = cells.groupby("condition").cumcount() / cells.groupby("condition")["condition"].transform("size")
first, second = ancestors(cells[position < 0.5]), ancestors(cells[position >= 0.5])
whole = {edge.pair for edge in blind.edges}
print("found in both halves and in all cells:", len(first & second & whole))
print("found somewhere, but not everywhere: ", len((first | second | whole) - (first & second & whole)))
turned = {pair for pair in first | second | whole if pair[::-1] in first | second | whole}
print("found in both directions:", *sorted(f"{a} → {b}" for a, b in turned))
assert not first == second == whole

# %% [markdown]
# ## What one may claim
#
# That a graph cannot be read off is a result. And not everything falls with it:
#
# * **Whether a drug does anything.** This needs no graph. The mean of each column with its error says so, if the
#   error allows for cells that depend on each other: means of blocks of neighbouring cells do.
# * **Not:** which protein is upstream of which, how strong an arrow is, or what another drug would do.
# * **Not:** that the published pathway is wrong. Data that do not decide speak for nothing and against nothing.

# %%
BLOCKS = 10
parts = {
    (drug, target): [
        np.array(
            [block.mean() for block in np.array_split(cells.loc[cells["condition"] == name, target], BLOCKS)]
        )
        for name in (drug, "control")
    ]
    for drug, target in TARGETS.items()
}
effects = pd.DataFrame(
    {
        "change of its target": {
            key: drugged.mean() - control.mean() for key, (drugged, control) in parts.items()
        },
        "standard error": {
            key: np.sqrt((drugged.var(ddof=1) + control.var(ddof=1)) / BLOCKS)
            for key, (drugged, control) in parts.items()
        },
    }
)
print(effects.round(2))
assert (effects["standard error"] > 0).all()

# %% [markdown]
# ## What would help
#
# * **Fewer assumptions.** A drug may have several targets: `design: multi-node` does not need to know them, and
#   wants more conditions (tutorial 3).
# * **Independent samples.** Conditions that are read in turns, or several runs of each, tell drift from effect.
#   More cells of the same run do not.
# * **What is known already.** Some arrows are beyond doubt. `assume: {known: {edges: [mek -> erk]}}` puts them in,
#   and the data may contradict them by name (`docs/known.md`).
# * **To plan before one measures.** `crlspec check --power` (tutorial 4), and `crlspec next` (tutorial 11).
