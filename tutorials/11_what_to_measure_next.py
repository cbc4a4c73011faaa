# %% [markdown]
# # 11. What to measure next
#
# A result is undecided. More of everything would help, but a bench has hours, not days. `result.next()` says which
# measurement would decide it. You will begin with too few rows, do three rounds of what it proposes, and end with a
# graph. It takes some seconds.
#
# Run it as a script (`python tutorials/11_what_to_measure_next.py`), or cell by cell in an editor that knows such
# cells.

# %%
import numpy as np

import crlspec

# %% [markdown]
# ## The bench
#
# The light tunnel is a real optical bench: a light source of three colours shines through polarisers on sensors
# (`docs/light-tunnel.md`). We take its simulated twin, the polarisers held. Blue drives green, and green drives
# red; five sensors see mixtures of the three. An intervention sets one colour by a knob of its own.
#
# `measure` is the hour at the bench: so many rows of one environment, of the twin alone. What it is told stays in
# it; the estimation gets numbers.

# %%
TUNNEL = """
crlspec: 1
name: tunnel
latents:
  blue:  Normal(0, 1)
  green: Normal(0.89*blue, 1.08)
  red:   Normal(0.72*green, 1.18)
mixing:
  kind: light-tunnel
  sensors: [ir_1, vis_1, ir_2, vis_2, current]
  polarisers: {{pol_1: 0, pol_2: 0}}
environments:
  obs: {{}}
{knobs}
"""
DEVIATIONS = {"blue": 1.0, "green": 1.40, "red": 1.67}  # without intervention
knobs = {
    "do_red": ("red", "Normal(1.2, 1.4)"),
    "do_green": ("green", "Normal(1.5, 1.2)"),
    "do_blue": ("blue", "Normal(-1.6, 1.25)"),
}


def measure(environment: str, rows: int, seed: int) -> np.ndarray:
    """Readings of the five sensors, shape (row, sensor)."""
    lines = [f'  {name}: {{{colour}: "{law}"}}' for name, (colour, law) in knobs.items()]
    twin = crlspec.compile(crlspec.loads(TUNNEL.format(knobs="\n".join(lines))), seed=0)
    return twin.sample({environment: rows}, seed=seed)[environment]["x"].values


# %% [markdown]
# ## Solving what there is
#
# The knobs are known, so the file names the target of every environment. One environment for each colour is a
# `single-node` design. Once there are more, it is `multi-node`.

# %%
ASSUMED = """
crlspec: 1
name: bench
latents: [red, green, blue]
data: {{path: bench, observational: obs}}
assume:
  mixing: linear
  interventions: {{design: {design}, kind: hard, targets: {{{targets}}}}}
"""


def solved(samples: dict[str, np.ndarray]) -> crlspec.Result:
    """All rows together."""
    targets = [f"{name}: [{knobs[name][0]}]" for name in samples if name != "obs"]
    design = "single-node" if len(targets) == len(DEVIATIONS) else "multi-node"
    spec = crlspec.loads(ASSUMED.format(design=design, targets=", ".join(targets)))
    return crlspec.solve(spec, crlspec.from_arrays(samples, observational="obs"), seed=0)


samples = {name: measure(name, 45, seed=400 + k) for k, name in enumerate(("obs", *knobs))}
result = solved(samples)
print(result.status)
assert result.status.code == "undecided"

# %% [markdown]
# ## Three rounds
#
# Each round asks `result.next()` and does what it says first, 60 rows of it:
#
# * *more rows* of an environment, or
# * *a further environment*, with a knob that does not exist yet: which colour to set, and how much it should vary.
# * Where an environment cannot be told from the control at all, nothing can be simulated from it. `next` says so
#   and hands on the remedy of that check: more rows of this one.
#
# On the command line the same is `crlspec next RUN --rows 60`. Three simulated data sets a proposal are few, and
# quick; the default is 20.


# %%
def to_measure(result: crlspec.Result, label: str) -> str:
    """The environment to measure, by the proposal; a further one is set up first."""
    proposed = result.next(60, draws=3)
    if not proposed.proposals:
        print(proposed.why)
        return next(
            check.environments[0] for check in result.checks if check.name == "effect" and check.objects
        )
    best = proposed.best
    print(f"{best.candidate}: decides in {best.decided} of simulated data")
    if best.candidate.environment is not None:
        return best.candidate.environment
    colour = best.candidate.target
    knobs[label] = (colour, f"Normal(0, {best.candidate.spread * DEVIATIONS[colour]:.2f})")
    return label


rounds = 0
while not result.status.ok and rounds < 6:
    name = to_measure(result, f"further_{rounds + 1}")
    new = measure(name, 60, seed=4000 + rounds)
    samples[name] = np.concatenate([samples[name], new]) if name in samples else new
    result = solved(samples)
    rounds += 1
    print(f"round {rounds}, {name}: {result.status}\n")
assert result.status.ok
assert rounds == 3

# %% [markdown]
# ## What came of it
#
# Three times 60 rows, and the graph is decided. It is the true one, which a bench does not tell you.

# %%
print({name: len(x) for name, x in samples.items()})
print(*(f"{edge.source} → {edge.target}  {edge.strength:.2f}" for edge in result.edges), sep="\n")
assert {edge.pair for edge in result.edges} == {("blue", "green"), ("green", "red")}

# %% [markdown]
# The rate beside a proposal is a ranking more than a promise: it is simulated from a fit that was undecided itself.
# And to look again after each round, until the answer pleases, is a choice as well. The levels of the checks are
# strict for that reason; still, do not measure until a *certain* graph is decided, but until *a* graph is.
#
# ## Where to go from here
#
# * `docs/next.md` says how proposals are found, and how often they are right: over 50 undecided results the first
#   proposal decides four times as many as a measurement drawn at random.
# * Before anything is measured: `crlspec check FILE --power` (tutorial 4).
# * Results that are refuted, or whose latents are not linear-Gaussian, get no proposals: more rows do not mend them
#   (tutorial 10).
