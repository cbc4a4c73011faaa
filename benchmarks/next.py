"""Does the measurement that ``next`` proposes decide undecided results more often than one taken at random?

    python benchmarks/next.py [--runs 50] [--first 1000] [--samples 100] [--rows 100] [--out FILE]

Every run draws a linear-Gaussian model of four latents (density one half, weights ±U(.4, 1)), a mixing to eight
observed variables and one hard intervention a latent, in numpy and not by the package, and solves its data. Where
the result is undecided for checks that rows can settle, ``result.next()`` proposes a measurement, and another one is
drawn at random from the same list: more rows of one environment, or a further environment. Both are made in the true
model, with equally many rows and the same noise, and everything is solved again. Counted is how often the status is
``ok`` then, and, of those, how often the graph is right. A row per run goes to the CSV file at once: a run that is
there is not done again. Seeds are taken one after the other until so many runs were undecided.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from resumed import append, rows_of

FIELDS = (
    "seed", "samples", "rows", "status", "open", "proposed", "proposed_ok", "proposed_right", "random", "random_ok",
    "random_right", "cpu_seconds",
)  # fmt: skip
LATENTS, OBSERVED = ("a", "b", "c", "d"), 8
SPEC = """
latents: [a, b, c, d]
data: {{path: made-here, observational: obs}}
assume: {{mixing: linear, interventions: {{design: {design}, kind: hard, targets: {targets}}}}}
"""


class Truth:
    """z = W z + noise behind a mixing; ``drawn`` gives rows (sample, observed) where some latents are replaced."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 0x7E])
        n = len(LATENTS)
        order = rng.permutation(n)
        self.weights = np.zeros((n, n))
        for position, i in enumerate(order):
            for j in order[:position]:
                if rng.random() < 0.5:
                    self.weights[i, j] = rng.choice([-1, 1]) * rng.uniform(0.4, 1)
        self.variances = rng.uniform(0.5, 1.5, n)
        self.mixing = rng.normal(size=(OBSERVED, n))
        spread = np.linalg.inv(np.eye(n) - self.weights)
        self.deviations = np.sqrt(np.diagonal(spread @ np.diag(self.variances) @ spread.T))

    @property
    def edges(self) -> set[tuple[str, str]]:
        return {(LATENTS[j], LATENTS[i]) for i, j in np.argwhere(self.weights)}

    def drawn(self, replaced: Mapping[str, float], rows: int, rng: np.random.Generator) -> np.ndarray:
        """Replaced latents are independent of all others, with mean 0 and the variance given."""
        weights, variances = self.weights.copy(), self.variances.copy()
        for name, variance in replaced.items():
            i = LATENTS.index(name)
            weights[i], variances[i] = 0.0, variance
        noise = rng.normal(size=(rows, len(LATENTS))) * np.sqrt(variances)
        return noise @ np.linalg.inv(np.eye(len(LATENTS)) - weights).T @ self.mixing.T

    def replaced(self, environment: str) -> dict[str, float]:
        """Of the environments that every run begins with: a quarter of the variance of the noise."""
        if environment == "obs":
            return {}
        name = environment.removeprefix("do_")
        return {name: float(self.variances[LATENTS.index(name)]) / 4}


def solved(samples: Mapping[str, np.ndarray], targets: Mapping[str, str], seed: int) -> Any:
    """The result of all rows, the targets told."""
    import crlspec

    design = "single-node" if len(targets) == len(LATENTS) else "multi-node"
    told = ", ".join(f"{name}: [{z}]" for name, z in targets.items())
    spec = crlspec.loads(SPEC.format(design=design, targets=f"{{{told}}}"))
    observed = [f"x{k}" for k in range(OBSERVED)]
    tree = crlspec.data.from_arrays(dict(samples), observed=observed, observational="obs")
    return crlspec.solve(spec, tree, seed=seed)


def measured(
    truth: Truth,
    samples: Mapping[str, np.ndarray],
    targets: Mapping[str, str],
    candidate: Any,
    rows: int,
    seed: int,
) -> tuple[bool, bool]:
    """Whether all rows together are decided once a measurement was made in the true model, and the graph is right."""
    from crlspec.errors import CrlspecError

    rng, samples, targets = np.random.default_rng([seed, 0xF0]), dict(samples), dict(targets)
    if candidate.environment is not None:
        name = candidate.environment
        new = truth.drawn(truth.replaced(name), rows, rng)
        samples[name] = np.concatenate([samples[name], new])
    else:
        deviation = candidate.spread * truth.deviations[LATENTS.index(candidate.target)]
        samples["further"] = truth.drawn({candidate.target: float(deviation**2)}, rows, rng)
        targets["further"] = candidate.target
    try:
        result = solved(samples, targets, seed)
    except CrlspecError:
        return False, False
    return result.status.ok, {edge.pair for edge in result.edges} == truth.edges


def run(seed: int, options: argparse.Namespace) -> dict[str, object]:
    """One model."""
    import torch

    from crlspec.downstream.proposals.candidates import candidates
    from crlspec.downstream.proposals.propose import propose
    from crlspec.errors import CrlspecError

    torch.set_num_threads(1)
    began, truth, rng = time.process_time(), Truth(seed), np.random.default_rng([seed, 0xDA])
    targets = {f"do_{z}": z for z in LATENTS}
    samples = {e: truth.drawn(truth.replaced(e), options.samples, rng) for e in ("obs", *targets)}
    row: dict[str, object] = {"seed": seed, "samples": options.samples, "rows": options.rows}
    try:
        result = solved(samples, targets, seed)
    except CrlspecError:
        return {**row, "status": "failed"}
    row |= {"status": result.status.code}
    found = propose(result, options.rows, draws=options.draws, tried=options.tried, enough=False, seed=seed)
    row |= {"open": " ".join(found.open)}
    if found.proposals:
        listed = candidates(list(samples), LATENTS, hard=True)
        other = listed[int(rng.integers(len(listed)))]
        for name, one in (("proposed", found.best.candidate), ("random", other)):
            good, right = measured(truth, samples, targets, one, options.rows, seed)
            row |= {name: str(one), f"{name}_ok": int(good), f"{name}_right": int(right)}
    return {**row, "cpu_seconds": round(time.process_time() - began, 2)}


def table(rows: list[dict[str, str]]) -> str:
    """What comes of both, and of how many undecided results."""
    from crlspec.numerics.rates import wilson

    tried = [row for row in rows if row["proposed"]]
    lines = ["| measurement | decides (95 %) | of these the graph is right |", "|---|---|---|"]
    hits = {}
    for name in ("proposed", "random"):
        good = [row for row in tried if row[f"{name}_ok"] == "1"]
        hits[name] = np.array([row[f"{name}_ok"] == "1" for row in tried], dtype=float)
        low, high = wilson(len(good), len(tried))
        right = sum(row[f"{name}_right"] == "1" for row in good)
        share = len(good) / max(len(tried), 1)
        lines.append(
            f"| {name} | {len(good)}/{len(tried)} = {share:.2f} [{low:.2f}, {high:.2f}] | {right}/{len(good)} |"
        )
    seconds = sum(float(row["cpu_seconds"] or 0) for row in rows)
    draws = (
        np.random.default_rng(0).integers(len(tried), size=(10_000, len(tried)))
        if tried
        else np.zeros((1, 0), int)
    )
    ratios = hits["proposed"][draws].sum(1) / np.maximum(hits["random"][draws].sum(1), 0.5)
    low, high = np.quantile(ratios, [0.025, 0.975])
    ratio = hits["proposed"].sum() / max(hits["random"].sum(), 0.5)
    lines.append(
        f"\n{len(rows)} models, {len(tried)} undecided for want of rows; {seconds:.0f} CPU seconds. Ratio "
        f"{ratio:.1f} [{low:.1f}, {high:.1f}] (bootstrap of the runs, 95 %)."
    )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50, help="undecided results")
    parser.add_argument("--first", type=int, default=1000, help="the first seed")
    parser.add_argument("--samples", type=int, default=100, help="of each environment at first")
    parser.add_argument("--rows", type=int, default=100, help="of the measurement")
    parser.add_argument("--draws", type=int, default=5, help="simulated data sets of a proposal")
    parser.add_argument("--tried", type=int, default=2, help="proposals that are simulated")
    parser.add_argument("--out", type=Path, default=Path("runs/next.csv"))
    options = parser.parse_args()
    seed = options.first
    while True:
        rows = rows_of(options.out)
        done = {int(row["seed"]) for row in rows}
        if sum(bool(row["proposed"]) for row in rows) >= options.runs:
            break
        while seed in done:
            seed += 1
        append(options.out, FIELDS, [run(seed, options)])
    print(table(rows_of(options.out)))


if __name__ == "__main__":
    main()
