"""Do p-values of edges mean what they say? False edges and power at level alpha, family by family.

    python benchmarks/edges.py [family …] [--runs 200] [--first 1000] [--samples 5000] [--jobs 1] [--out FILE]

Every run draws a graph of three latents (density one half), mechanisms, a linear mixing to six observed variables,
and one hard intervention per latent; labels are shuffled, and everything is estimated from the observations. Counted
are, where the recovered order agrees with the graph, the pairs of that order that no edge joins and that are declared
an edge all the same, and the edges that are found. ``scores`` is the first step of the same run, which is all that
``refine: none`` does. A row per run goes to the CSV file at once: a run that is there is not done again.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

SPECS = {
    "linear": "linear/hard-5",
    "quadratic": "linear/quadratic-hard-5",
    "mlp": "linear/mlp-hard-5",
    "sine": "linear/laplace-sine-hard-5",
}
FIELDS = ("family", "samples", "seed", "status", "steps", "cpu_seconds")


def run(task: tuple[str, int, int]) -> dict[str, object]:
    """One graph: for every step of the estimation whether its order is right, and p-values by pair of its order."""
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
    true = set(model.graph.edges)
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
            pairs = [pair for answer in right for pair in answer["pairs"]]
            absent = [p < alpha for edge, p in pairs if not edge]
            present = [p < alpha for edge, p in pairs if edge]
            cost = f"{seconds:.1f}" if step == "result" else ""
            cells = [family, samples, step, len(mine), len(right), len(absent), rate(absent), len(present)]
            lines.append("| " + " | ".join(map(str, [*cells, rate(present), cost])) + " |")
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
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/edges.csv"))
    options = parser.parse_args()
    if unknown := set(options.families) - set(SPECS):
        parser.error(f"unknown families {', '.join(sorted(unknown))}; there are {', '.join(SPECS)}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    done: list[dict[str, str]] = []
    if options.out.exists():
        with options.out.open(newline="") as file:
            done = list(csv.DictReader(file))
    with options.out.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not done:
            writer.writeheader()
        with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
            for row in pool.imap_unordered(run, missing(options, done)):
                writer.writerow(row)
                file.flush()
    with options.out.open(newline="") as file:
        print(table(list(csv.DictReader(file)), options.alpha))


if __name__ == "__main__":
    main()
