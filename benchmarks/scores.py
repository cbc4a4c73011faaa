"""Error and cost of every score estimator: linear-Gaussian, quadratic, and sine latents with Laplace noise.

    python benchmarks/scores.py [--latents linear quadratic sine] [--scores gaussian ratio …] [--samples 5000 10000]
                                [--seeds 3] [--first 2000] [--jobs 1] [--out runs/scores.csv]

Every run compiles a shipped spec (five latents, 25 observed variables, hard interventions) with its own seed and
samples it. Score differences are judged at the observational samples, in the whitened column space, all environments
together: relative L2 error of the values, relative Frobenius error of E[d dᵀ], which is what the estimators of
latents and graph use. CPU seconds are of one thread. A row per run goes to the CSV file at once: a
run that is there is not done again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from pathlib import Path

from resumed import append, rows_of

SPECS = {
    "linear": "linear/hard-5",
    "quadratic": "linear/quadratic-hard-5",
    "sine": "linear/laplace-sine-hard-5",
}
SCORES = ("gaussian", "ratio", "kernel", "sliced", "auto")
FIELDS = ("latents", "scores", "samples", "seed", "error", "moment_error", "cpu_seconds", "status")


def run(task: tuple[str, str, int, int]) -> dict[str, object]:
    """One estimator on one data set; a failure is a row too."""
    import numpy as np
    import torch

    import crlspec
    from crlspec.inference.thresholds import Thresholds
    from crlspec.progress import silent
    from crlspec.registry import Registry
    from crlspec.results.evaluate import exact_differences
    from crlspec.scores import scores_for
    from crlspec.scores.base import Coordinates

    torch.set_num_threads(1)
    latents, kind, samples, seed = task
    model = crlspec.compile(crlspec.load(SPECS[latents]), seed=seed)
    tree = model.sample(samples, seed=seed)
    x = {name: tree[name].to_dataset()["x"].values for name in model.environments}
    environments = tuple(name for name in x if name != model.observational)
    coordinates = Coordinates.fit(x, model.observational, environments, len(model.latents))
    row: dict[str, object] = dict(zip(FIELDS, task, strict=False))
    began = time.process_time()
    try:
        source = scores_for(Registry.installed().kinds("scores")[kind](), Thresholds.gaussian)
        found = source.estimate(coordinates, seed, silent)
    except Exception as error:
        return {**row, "status": f"failed: {type(error).__name__}: {error}"}
    row["cpu_seconds"] = round(time.process_time() - began, 3)
    exact = [exact_differences(model, name, coordinates.x) for name in environments]
    truth = np.stack(exact) @ coordinates.space.coloring
    moments = np.einsum("esi,esj->eij", truth, truth) / truth.shape[1]
    row["error"] = np.linalg.norm(found.values - truth) / np.linalg.norm(truth)
    row["moment_error"] = np.linalg.norm(found.moments - moments) / np.linalg.norm(moments)
    return {**row, "status": "ok"}


def table(rows: list[dict[str, str]]) -> str:
    """Means ± standard errors as a Markdown table; failed runs are counted, and left out of the means."""
    lines = [
        "| latents | samples | scores | runs | failed | error of values | error of moments | CPU s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for latents in SPECS:
        for samples in sorted({int(row["samples"]) for row in rows}):
            for kind in SCORES:
                key = (latents, kind, str(samples))
                mine = [row for row in rows if (row["latents"], row["scores"], row["samples"]) == key]
                good = [row for row in mine if row["status"] == "ok"]
                if not mine:
                    continue
                cells = [
                    _cell([float(row[name]) for row in good], digits)
                    for name, digits in (("error", 3), ("moment_error", 3), ("cpu_seconds", 1))
                ]
                counts = f"{len(mine)} | {len(mine) - len(good)}"
                lines.append(f"| {latents} | {samples} | {kind} | {counts} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(values: list[float], digits: int) -> str:
    if not values:
        return "—"
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
    return f"{mean:.{digits}f} ± {(spread / len(values)) ** 0.5:.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latents", nargs="+", choices=SPECS, default=list(SPECS))
    parser.add_argument("--scores", nargs="+", choices=SCORES, default=list(SCORES[:-1]))
    parser.add_argument("--samples", nargs="+", type=int, default=[5000, 10_000, 50_000])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=2000, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/scores.csv"))
    options = parser.parse_args()
    done = rows_of(options.out)
    known = {(row["latents"], row["scores"], int(row["samples"]), int(row["seed"])) for row in done}
    tasks = [
        (latents, kind, samples, seed)
        for samples in options.samples
        for latents in options.latents
        for kind in options.scores
        for seed in range(options.first, options.first + options.seeds)
        if (latents, kind, samples, seed) not in known
    ]
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        append(options.out, FIELDS, pool.imap_unordered(run, tasks))
    print(table(rows_of(options.out)))


if __name__ == "__main__":
    main()
