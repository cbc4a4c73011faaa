"""Do p-values of edges mean what they say? False edges and power at level alpha, family by family.

    python benchmarks/edges.py [family …] [--runs 200] [--first 1000] [--samples 5000] [--jobs 1] [--out FILE]
    python benchmarks/edges.py --mixing 0 0.01 0.03 0.05 [--runs 200] [--first 1000] [--samples 5000]

Every run draws a graph of three latents (density one half), mechanisms, a linear mixing to six observed variables,
and one hard intervention per latent, or what the name of the family says; labels are shuffled, and everything is
estimated from the observations. Counted are, where the recovered order agrees with the graph (soft: with its
transitive closure), the pairs of that order that no edge joins and that are declared an edge all the same, and the
edges that are found. ``scores`` is the first step of the same run, which is all that ``refine: none`` does. A row per
run goes to the CSV file at once: a run that is there is not done again.

``--mixing`` asks instead what is left of two tests when the latents given to them are off, (I + ε A) z, with standard
normal entries of A off its diagonal, in standard deviations of linear-Gaussian latents in a right order: least
squares of each latent on those before it, and the Wald test of the likelihood started there, which fits the encoder.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from resumed import append, rows_of

SPECS = {
    "linear": "linear/hard-5",
    "quadratic": "linear/quadratic-hard-5",
    "mlp": "linear/mlp-hard-5",
    "sine": "linear/laplace-sine-hard-5",
    "linear soft": "linear/soft-5",
    "UMNI hard": "linear/umni-hard-5",
    "UMNI soft": "linear/umni-soft-5",
    "quadratic soft": "linear/quadratic-soft-5",
    "mlp soft": "linear/mlp-soft-5",
    "UMNI quadratic hard": "linear/umni-quadratic-hard-5",
    "UMNI quadratic soft": "linear/umni-quadratic-soft-5",
}
FIELDS = ("family", "samples", "seed", "status", "steps", "cpu_seconds")


def run(task: tuple[str, int, int]) -> dict[str, object]:
    """One graph: for every step of the estimation whether its order is right, and p-values by pair of its order."""
    import networkx as nx
    import torch

    import crlspec
    from crlspec.errors import CrlspecError

    torch.set_num_threads(1)
    family, samples, seed = task
    row: dict[str, object] = dict(zip(FIELDS, task, strict=False))
    sets = ["latents=3", "mixing.observed=6", f"samples={samples}", "estimator.alpha=0.05"]
    spec = crlspec.load(SPECS[family], sets=sets)
    model = crlspec.compile(spec, seed=seed)
    data = model.sample(seed=seed)
    began = time.process_time()
    try:
        result = crlspec.solve(spec, data, seed=seed)
    except CrlspecError as error:
        return {**row, "status": f"failed: {error}", "steps": "{}"}
    seconds = round(time.process_time() - began, 3)
    graph = model.graph if result.graph == "exact" else nx.transitive_closure(model.graph)
    match = result.evaluate(model, 2000)["recovered"]
    recovered = {str(z): str(name) for z, name in zip(match["latent"].values, match.values, strict=True)}
    true = {(recovered[a], recovered[b]) for a, b in graph.edges}
    steps = {stage.name: judged(stage.order, stage.edges, true) for stage in result.stages}
    steps["result"] = judged(result.order, result.tested, true)
    return {**row, "status": result.status.code, "steps": json.dumps(steps), "cpu_seconds": seconds}


def judged(order: Iterable[str], edges: Iterable[Any], true: set[tuple[str, str]]) -> dict[str, Any]:
    """Whether every true edge points forward in the order; for each pair of it [is it an edge, p-value]."""
    names = list(order)
    p_values = {edge.pair: round(edge.p_value, 8) for edge in edges}
    pairs = [(a, b) for k, b in enumerate(names) for a in names[:k]]
    return {
        "right": true <= set(pairs),
        "pairs": [[int(pair in true), p_values.get(pair, 1.0)] for pair in pairs],
    }


def table(rows: list[dict[str, str]], alpha: float) -> str:
    """Rates with 95 % intervals as a Markdown table; pairs of runs whose order is right."""
    lines = [
        "| family | samples | step | graphs | order right | absent pairs | false-edge rate | edges | power | CPU s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    groups = sorted({(list(SPECS).index(row["family"]), int(row["samples"])) for row in rows})
    for number, samples in groups:
        family = list(SPECS)[number]
        mine = [row for row in rows if (row["family"], int(row["samples"])) == (family, samples)]
        seconds = sum(float(row["cpu_seconds"] or 0) for row in mine) / len(mine)
        for step in ("scores", "result"):
            found = [json.loads(row["steps"]).get(step) for row in mine]
            right = [answer for answer in found if answer and answer["right"]]
            if not any(found):
                continue
            pairs = [pair for answer in right for pair in answer["pairs"]]
            absent = [p < alpha for edge, p in pairs if not edge]
            present = [p < alpha for edge, p in pairs if edge]
            cost = f"{seconds:.1f}" if step == "result" else ""
            cells = [family, samples, step, len(mine), len(right), len(absent), rate(absent), len(present)]
            lines.append("| " + " | ".join(map(str, [*cells, rate(present), cost])) + " |")
    return "\n".join(lines)


def mixed(task: tuple[float, int, int]) -> list[tuple[bool, float, float]]:
    """One graph, true latents mixed by I + ε A: (edge, p of least squares, p of Wald) by pair of a right order."""
    import networkx as nx
    import numpy as np
    import torch
    from scipy import stats

    import crlspec
    from crlspec.inference.likelihood.gaussian import fit_order
    from crlspec.inference.likelihood.wald import wald_tests
    from crlspec.numerics.linalg import augmented_moments

    torch.set_num_threads(1)
    size, samples, seed = task
    model = crlspec.compile(
        crlspec.load(SPECS["linear"], sets=["latents=3", f"samples={samples}"]), seed=seed
    )
    data, order = model.sample(seed=seed), list(nx.topological_sort(model.graph))
    shown = {model.environments[e].targets[0]: e for e in model.environments if e != model.observational}
    names = [model.observational, *(shown[latent] for latent in order)]
    z = [data[name].to_dataset()["z"].sel(latent=order).values for name in names]
    off = np.random.default_rng(seed).normal(size=(3, 3)) * (1 - np.eye(3))
    z = [(part - z[0].mean(0)) / z[0].std(0) @ (np.eye(3) + size * off).T for part in z]
    moments, counts = np.stack([augmented_moments(part) for part in z]), np.full(len(z), float(samples))
    wald = wald_tests(fit_order((0, 1, 2), np.eye(3), moments, counts), moments, counts)[1]
    found = []
    for i in range(1, 3):
        kept = np.concatenate([part for e, part in enumerate(z) if e != i + 1])
        design = np.column_stack([np.ones(len(kept)), kept[:, :i]])
        inverse = np.linalg.inv(design.T @ design)
        slopes = inverse @ design.T @ kept[:, i]
        errors = np.sqrt(inverse.diagonal() * ((kept[:, i] - design @ slopes) ** 2).mean())
        plain = 2 * stats.norm.sf(np.abs(slopes / errors))[1:]
        edges = [model.graph.has_edge(order[j], order[i]) for j in range(i)]
        found += [(edges[j], float(plain[j]), float(wald[i, j])) for j in range(i)]
    return found


def mixing_table(options: argparse.Namespace) -> str:
    """False-edge rates and powers of the two tests by ε as a Markdown table."""
    lines = [
        "| ε | graphs | absent pairs | false-edge rate, least squares | of the likelihood "
        "| edges | power, least squares | of the likelihood |",
        "|---|---|---|---|---|---|---|---|",
    ]
    seeds = range(options.first, options.first + options.runs)
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for size in options.mixing:
            runs = pool.map(mixed, [(size, options.samples, seed) for seed in seeds])
            pairs = [pair for found in runs for pair in found]
            cells: list[object] = [size, len(runs)]
            for wanted in (False, True):
                mine = [(plain, wald) for edge, plain, wald in pairs if edge is wanted]
                cells += [len(mine), *(rate([p[k] < options.alpha for p in mine]) for k in (0, 1))]
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def rate(hits: list[bool]) -> str:
    """A share with its 95 % interval (Wilson)."""
    if not hits:
        return "—"
    n, share, z = len(hits), sum(hits) / len(hits), 1.96
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return f"{share:.3f} ({max(centre - half, 0):.3f}–{min(centre + half, 1):.3f})"


def missing(options: argparse.Namespace, done: list[dict[str, str]]) -> Iterator[tuple[str, int, int]]:
    known = {(row["family"], int(row["samples"]), int(row["seed"])) for row in done}
    for seed in range(options.first, options.first + options.runs):
        for family in options.families or SPECS:
            if (family, options.samples, seed) not in known:
                yield family, options.samples, seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "families", nargs="*", metavar="family", help=f"of {', '.join(SPECS)}; all by default"
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--first", type=int, default=1000, help="the first seed")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--alpha", type=float, default=0.05)
    parser.add_argument(
        "--mixing", type=float, nargs="+", default=[], metavar="ε", help="sizes of leftover mixing"
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/edges.csv"))
    options = parser.parse_args()
    if unknown := set(options.families) - set(SPECS):
        parser.error(f"unknown families {', '.join(sorted(unknown))}; there are {', '.join(SPECS)}")
    if options.mixing:
        print(mixing_table(options))
        return
    tasks = list(missing(options, rows_of(options.out)))
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        append(options.out, FIELDS, pool.imap_unordered(run, tasks))
    print(table(rows_of(options.out), options.alpha))


if __name__ == "__main__":
    main()
