"""Order and edges of general mixings on latents that an encoder left mixed, by how much, without training an encoder.

    python benchmarks/leftovers.py [family …] [--mixing 0 0.05 0.1 0.15] [--runs 40] [--first 5000] [--out FILE]

The true latents of a shipped spec, standardised, get ε g(z) added: g is a random smooth function of all latents, a
linear one and a network of two tanh layers, of unit variance. Both ways of ``gscale-i`` are given the same latents:
``leave-one-out``, which it takes behind a link, and ``classifier``, which it takes otherwise. Counted are the runs
whose order agrees with the graph, the pairs of these orders that no edge joins and that are declared an edge at
level alpha all the same, the edges that are found, and, at level .01 and over all runs, the structural Hamming
distance. A row per run goes to the CSV file at once: a run that is there is not done again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from edges import rate
from resumed import append, rows_of

FAMILIES = ("leaky-3", "leaky-4", "leaky-5", "mlp-5", "cauca-4", "laplace-sine-3")
WAYS = ("leave-one-out", "classifier")
FIELDS = ("family", "mixing", "seed", "correlation", "way", "order_right", "shd", "pairs", "cpu_seconds")


def latents(family: str, mixing: float, seed: int) -> tuple[list[np.ndarray], np.ndarray, float]:
    """Samples of every environment, those of latent i at 1 + 2i and 2 + 2i; the graph ``[j, i]`` for j → i; the mean
    correlation of latents with the true ones."""
    import crlspec

    model = crlspec.compile(crlspec.load(f"general/{family}"), seed=seed)
    data, rng = model.sample(seed=seed), np.random.default_rng([seed, 1])
    names = [str(name) for name in rng.permutation(list(model.graph.nodes))]
    of = {z: [e for e, what in model.environments.items() if tuple(what.targets) == (z,)] for z in names}
    listed = [model.observational, *(environment for z in names for environment in of[z])]
    true = [data[name].to_dataset()["z"].sel(latent=names).values for name in listed]
    true = [(z - true[0].mean(0)) / true[0].std(0) for z in true]
    n = len(names)
    inner, outer = rng.normal(size=(n + 1, 16)) / np.sqrt(n), rng.normal(size=(16, 16)) / 3
    last, linear = rng.normal(size=(16, n)), rng.normal(size=(n, n)) / 2

    def added(z: np.ndarray) -> np.ndarray:
        hidden = np.tanh(np.tanh(z @ inner[:-1] + inner[-1]) @ outer)
        return np.asarray(hidden @ last + z @ linear)

    centre, unit = added(true[0]).mean(0), added(true[0]).std(0)
    found = [z + mixing * (added(z) - centre) / unit for z in true]
    correlation = np.mean([np.corrcoef(found[0][:, k], true[0][:, k])[0, 1] for k in range(n)])
    graph = np.array([[model.graph.has_edge(a, b) for b in names] for a in names])
    return found, graph, float(correlation)


def run(family: str, mixing: float, seed: int) -> Iterator[dict[str, object]]:
    """A row for each way."""
    from crlspec.inference.edges.classifier import edges_by_classifier
    from crlspec.inference.edges.leave_one_out import edges_by_contrast
    from crlspec.progress import silent

    samples, graph, correlation = latents(family, mixing, seed)
    pairs = [(1 + 2 * i, 2 + 2 * i) for i in range(len(graph))]
    for way in WAYS:
        began = time.process_time()
        if way == "classifier":
            step = edges_by_classifier(samples, pairs, seed, silent)[0]
        else:
            step = edges_by_contrast(samples, pairs, seed, silent)
        seconds = time.process_time() - began
        true = graph[np.ix_(step.order, step.order)].T
        declared = np.tril(step.p_values < 0.01, -1)
        skeletons = [matrix | matrix.T for matrix in (true, declared)]
        found = [
            [int(true[at]), float(f"{step.p_values[at]:.3g}")] for at in zip(*np.tril_indices(len(true), -1))
        ]
        yield {
            "family": family, "mixing": mixing, "seed": seed, "correlation": round(correlation, 5), "way": way,
            "order_right": int(not np.triu(true).any()),
            "shd": int(np.triu(skeletons[0] != skeletons[1]).sum() + (np.triu(true) & declared.T).sum()),
            "pairs": json.dumps(found), "cpu_seconds": round(seconds, 3),
        }  # fmt: skip


def table(rows: list[dict[str, str]], alpha: float) -> str:
    """Rates with 95 % intervals as a Markdown table; pairs of runs whose order is right."""
    lines = [
        "| family | ε | correlation | way | graphs | order right | absent pairs | false-edge rate | edges | power "
        "| SHD | CPU s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    listed = [*FAMILIES, "all"]
    known = {(name, float(r["mixing"]), r["way"]) for r in rows for name in (r["family"], "all")}
    for key in sorted(known, key=lambda k: (listed.index(k[0]), k[1], WAYS.index(k[2]))):
        mine = [
            r for r in rows if key[0] in (r["family"], "all") and (float(r["mixing"]), r["way"]) == key[1:]
        ]
        right = [r for r in mine if r["order_right"] == "1"]
        pairs = [pair for r in right for pair in json.loads(r["pairs"])]
        absent = [p < alpha for edge, p in pairs if not edge]
        present = [p < alpha for edge, p in pairs if edge]
        correlation, shd, seconds = (
            np.mean([float(r[name]) for r in mine]) for name in ("correlation", "shd", "cpu_seconds")
        )
        cells = [
            key[0], key[1], f"{correlation:.4f}", key[2], len(mine), len(right), len(absent), rate(absent),
            len(present), rate(present), f"{shd:.2f}", f"{seconds:.1f}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "families", nargs="*", metavar="family", help=f"of {', '.join(FAMILIES)}; all by default"
    )
    parser.add_argument("--mixing", type=float, nargs="+", default=[0, 0.05, 0.1, 0.15], metavar="ε")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--first", type=int, default=5000, help="the first seed")
    parser.add_argument("--alpha", type=float, default=0.05)
    parser.add_argument("--out", type=Path, default=Path("runs/leftovers.csv"))
    options = parser.parse_args()
    if unknown := set(options.families) - set(FAMILIES):
        parser.error(f"unknown families {', '.join(sorted(unknown))}; there are {', '.join(FAMILIES)}")
    import torch

    torch.set_num_threads(1)
    done = rows_of(options.out)
    known = {(row["family"], float(row["mixing"]), int(row["seed"])) for row in done}
    found = (
        row
        for seed in range(options.first, options.first + options.runs)
        for mixing in options.mixing
        for family in options.families or FAMILIES
        if (family, mixing, seed) not in known
        for row in list(run(family, mixing, seed))  # all ways of a graph or none
    )
    append(options.out, FIELDS, found)
    print(table(rows_of(options.out), options.alpha))


if __name__ == "__main__":
    main()
