"""Are the errors of mechanisms with a scale as large as queries claim? Effects of do on means and deviations.

    python benchmarks/scale.py [--runs 40] [--first 5000] [--samples 5000]

Three latents behind a linear mixing, the noise of two of them as large as their parents say, one hard intervention
each. Standard errors of such models take latents as given, so every run is given the true ones and the graph, fits
all mechanisms, and asks do(z = −1) and do(z = 1) of the first two for their effects on the mean and the standard
deviation of every latent, against 200,000 true samples. Reported are errors in standard errors, and how often the
simultaneous 95 % band holds all effects of a run.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import crlspec
from crlspec.testing import true_result

SPEC = """
name: sizes
latents:
  a: Normal(0, 1)
  b: Normal(sin(a), exp(0.5*a))
  c: Normal(tanh(b) - 0.5*a, 0.8*exp(0.4*tanh(b)))
mixing: {kind: linear, observed: 6}
environments:
  obs: {}
  do_a: {a: "Normal(0, 2)"}
  do_b: {b: "Normal(0, 2.5)"}
  do_c: {c: "Normal(1, 2)"}
"""
ASKED = [{z: value} for z in ("a", "b") for value in (-1.0, 1.0)]
TRUE_SAMPLES = 200_000
SAMPLES = 4_000


def answers(result: crlspec.Result, truth: Any, data: Any, seed: int) -> dict[str, tuple[np.ndarray, bool]]:
    """Moment → errors of all effects, in standard errors, and whether the band holds all of them."""
    from crlspec.downstream.interventions import changes_of, intervened

    z, recovered = data["obs"]["z"].values, result.latents["obs"]["z_hat"].values
    sign = np.sign([np.corrcoef(z[:, k], recovered[:, k])[0, 1] for k in range(z.shape[1])])
    mean, unit = z.mean(0), sign * z.std(0)
    place = {name: k for k, name in enumerate(truth.latents)}
    baseline = truth.scm.sample(TRUE_SAMPLES, seed + 1_000_000).numpy()
    model, found = result.model(), {}
    for moment in ("mean", "deviation"):
        effects, wanted = model.effects(ASKED, moment=moment, samples=SAMPLES), []
        for query in ASKED:
            true = {name: float(mean[place[name]] + unit[place[name]] * v) for name, v in query.items()}
            many = intervened(truth, changes_of(truth, true)).sample(TRUE_SAMPLES, seed + 1_000_000).numpy()
            if moment == "mean":
                wanted.append((many - baseline).mean(0) / unit)
            else:
                wanted.append((many.std(0) - baseline.std(0)) / np.abs(unit))
        exact, error = np.stack(wanted), effects["z_error"].values
        moved = np.array([[z != next(iter(query)) for z in truth.latents] for query in ASKED])
        moved &= error > 1e-6
        held = (effects["z_low"].values <= exact) & (exact <= effects["z_high"].values)
        found[moment] = ((effects["z"].values - exact)[moved] / error[moved], bool(held[moved].all()))
    return found


def main() -> None:
    """Print a table: a line per moment."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--first", type=int, default=5000, help="the first seed")
    parser.add_argument("--samples", type=int, default=5000, help="in each environment")
    asked = parser.parse_args()
    spec = crlspec.loads(SPEC, sets=[f"samples={asked.samples}"])
    rows: dict[str, list[tuple[np.ndarray, bool]]] = {}
    both = 0
    for seed in range(asked.first, asked.first + asked.runs):
        truth = crlspec.compile(spec, seed=seed)
        data = truth.sample(seed=seed)
        result = true_result(truth, data)
        both += result.goodness_of_fit()["scale"].tolist().count("network") == 2
        for moment, found in answers(result, truth, data, seed).items():
            rows.setdefault(moment, []).append(found)
    print(f"{asked.runs} seeds from {asked.first}, N = {asked.samples}; both scales found in {both}.\n")
    print("| effects on the | effects | root mean square | within 3 standard errors | all within the band |")
    print("|---|---|---|---|---|")
    for moment, kept in rows.items():
        off = np.abs(np.concatenate([errors for errors, _ in kept]))
        cells = [len(off), f"{np.sqrt(np.mean(off**2)):.2f}", f"{np.mean(off <= 3):.3f}"]
        share = f"{np.mean([held for _, held in kept]):.2f}"
        print("| " + " | ".join(map(str, [moment, *cells, share])) + " |")


if __name__ == "__main__":
    main()
