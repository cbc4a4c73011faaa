# %% [markdown]
# # 2. Your own data
#
# A laboratory hands you a folder of CSV files. Nobody knows the latents, let alone their graph: there is no
# truth to compare with. This tutorial shows what can be said all the same, and what cannot.
#
# It uses the command line, as you would; each `crlspec(...)` below is a call of the shell.

# %%
import json
import shlex
import sys
import tempfile
from contextlib import chdir, redirect_stderr
from pathlib import Path

import numpy as np
import pandas as pd

from crlspec.cli import main

keeper = tempfile.TemporaryDirectory()  # goes away with this process
work = Path(keeper.name)


def crlspec(call: str) -> int:
    """A call of the shell in the folder of this tutorial, with all that it says; gives back the exit status."""
    print(f"$ crlspec {call}")
    with chdir(work), redirect_stderr(sys.stdout):
        return main(shlex.split(call))


# %% [markdown]
# ## The folder
#
# One file per environment; the file name is the environment, the header names what was measured, a row is a
# sample. `obs` is the plant running undisturbed. In each other file one cause was manipulated, and you do
# not know which is which.
#
# (We play the laboratory here, by numpy alone: four hidden causes in a chain with a shortcut, seen by ten
# sensors.)


# %%
def laboratory(folder: Path, samples: int = 5_000) -> tuple[list[tuple[int, int]], dict[str, np.ndarray]]:
    rng = np.random.default_rng(20)
    weights = {(0, 1): 1.1, (1, 2): -0.9, (2, 3): 1.2, (0, 3): 0.8}
    sensors = (
        rng.normal(size=(10, 4)) * np.array([1.0, 20.0, 1.0, 0.1, 5.0, 1.0, 1.0, 1.0, 300.0, 1.0])[:, None]
    )
    hidden = {}
    folder.mkdir()
    for name, target in {"obs": None, "monday": 2, "tuesday": 0, "wednesday": 3, "thursday": 1}.items():
        z = np.zeros((samples, 4))
        for node in range(4):
            z[:, node] = rng.normal(size=samples) * (2.0 if node == target else 1.0)
            if node != target:
                z[:, node] += sum(weight * z[:, a] for (a, b), weight in weights.items() if b == node)
        hidden[name] = z
        x = z @ sensors.T + 7.0
        pd.DataFrame(x, columns=[f"sensor_{k}" for k in range(10)]).to_csv(
            folder / f"{name}.csv", index=False
        )
    return list(weights), hidden


edges, hidden = laboratory(work / "plant")
print(*sorted(path.name for path in (work / "plant").iterdir()))

# %% [markdown]
# ## What you assume
#
# Nothing can be recovered without assumptions, so the file states them: the sensors are linear mixtures,
# each environment manipulated one cause, cutting it off from its own causes (hard), and which one is
# concealed.

# %%
(work / "plant.yaml").write_text("""
crlspec: 1
name: plant
latents: 4
data: {path: plant, observational: obs}
assume:
  mixing: linear
  interventions: {design: single-node, kind: hard, targets: concealed}
""")
status = crlspec("check ./plant.yaml")
assert status == 0

# %% [markdown]
# The verdict holds *if* the assumptions do. Now the run:

# %%
status = crlspec("run ./plant.yaml --out ./run")
assert status == 0
assert not (work / "run/metrics.json").exists()

# %% [markdown]
# ## What can be said
#
# * a graph over the causes, with a p-value for each edge;
# * which environment manipulated which of them: the k-th latent is the one that the k-th environment (by
#   file name) manipulated, so `z1` is Monday's cause;
# * the latents of any new measurement, and the mixing (how each sensor responds);
# * whether the data contradict the assumptions as far as they were tested: the status.

# %%
dag = json.loads((work / "run/dag.json").read_text())
nodes = [node["name"] for node in dag["nodes"]]
days = ["monday", "thursday", "tuesday", "wednesday"]  # in the order of the file names
for edge in dag["edges"]:
    source, target = (days[nodes.index(edge[end])] for end in ("from", "to"))
    p_value = max(edge["p_value"], 1e-12)
    print(f"{source}'s cause drives {target}'s (strength {edge['strength']:.2f}, p at most {p_value:.0e})")

status = crlspec("transform ./run/result.nc --data ./plant/obs.csv --out ./z.csv")
latents = pd.read_csv(work / "z.csv")
print(latents.head(3))
assert status == 0
assert list(latents.columns) == nodes

# %% [markdown]
# ## What cannot be said
#
# * No score of success. There is no truth, so there is no `metrics.json`; who reports one has made it up.
# * No names. `z1` is "what Monday manipulated"; that it is the valve pressure is for you to say.
# * No scale, sign or origin. The results use mean 0 and variance 1 in `obs`; that is a convention, not a
#   finding.
# * Nothing about causes that no environment manipulated.
# * Nothing beyond the assumptions. Some of them leave traces when they fail, as the next two sections show;
#   others do not.

# %%
assert np.allclose(latents.mean(), 0, atol=1e-6)
assert np.allclose(latents.std(), 1, atol=1e-3)

# %% [markdown]
# ## When an assumption fails: more causes than you thought
#
# Suppose Thursday was never recorded, and you believe in three causes. The sensors still show four: the
# data refute the assumption. The exit status is 3 (the data do not fit the spec), nothing is written, and
# the message says what is wrong.

# %%
(work / "less").mkdir()
for day in ("obs", "monday", "tuesday", "wednesday"):
    (work / f"less/{day}.csv").write_bytes((work / f"plant/{day}.csv").read_bytes())
text = (work / "plant.yaml").read_text()
(work / "less.yaml").write_text(text.replace("path: plant", "path: less").replace("latents: 4", "latents: 3"))
status = crlspec("run ./less.yaml --out ./less-run")
assert status == 3
assert not (work / "less-run").exists()

# %% [markdown]
# ## When the data do not suffice
#
# With thirty samples a day the environments cannot be told apart well. A graph is written all the same, for
# you to look at, but the status is `undecided`, and the exit status is 4, so that no script takes it for a
# finding.

# %%
(work / "few").mkdir()
for path in (work / "plant").iterdir():
    pd.read_csv(path).head(30).to_csv(work / "few" / path.name, index=False)
(work / "few.yaml").write_text(text.replace("path: plant", "path: few"))
status = crlspec("run ./few.yaml --out ./few-run")
assert status == 4
assert (work / "few-run/result.nc").exists()

# %% [markdown]
# ## When you would rather assume less: soft interventions
#
# If you are not sure that the manipulations cut a cause off from its own causes, say `kind: soft`. The
# theory then promises less: each latent up to mixing with its ancestors, and who is an ancestor of whom, in
# place of the edges.

# %%
(work / "soft.yaml").write_text(text.replace("kind: hard", "kind: soft"))
status = crlspec("check ./soft.yaml")
assert status == 0

# %% [markdown]
# ## When the data themselves are broken
#
# A cell that is not a number is named by file, line and column; the exit status is 3.

# %%
lines = (work / "plant/monday.csv").read_text().splitlines()
lines[41] = "n/a" + lines[41][lines[41].index(",") :]
(work / "plant/monday.csv").write_text("\n".join(lines))
status = crlspec("run ./plant.yaml --out ./broken")
assert status == 3
assert not (work / "broken").exists()

# %% [markdown]
# ## Were we right?
#
# You could not do this with real data. But here we were the laboratory, so look: were the edges right, and
# the latents?

# %%
targets = {"monday": 2, "thursday": 1, "tuesday": 0, "wednesday": 3}
node_of = {node: targets[day] for node, day in zip(nodes, days, strict=True)}
found = {(node_of[edge["from"]], node_of[edge["to"]]) for edge in dag["edges"]}
print("edges found:", sorted(found), " true:", sorted(edges))
correlations = [
    abs(np.corrcoef(latents[node], hidden["obs"][:, target])[0, 1]) for node, target in node_of.items()
]
print("correlation of each latent with the truth:", np.round(correlations, 4))
assert found == set(edges)
assert min(correlations) > 0.98
