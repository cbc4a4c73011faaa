"""Recovery from data alone, setting by setting: means, standard errors and failures over fresh seeds.

    python benchmarks/recovery.py [setting …] [--seeds 20] [--first 1000] [--jobs 2] [--out benchmarks/recovery.csv]

Every run compiles a shipped spec with its own seed, samples it, and solves it with labels and environments shuffled;
scores come from the same samples. A row per run goes to the CSV file at once: a run that is there is not done again.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import time
from pathlib import Path

SETTINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "linear hard n=5 N=5k": ("linear/hard-5", ("samples=5000",)),
    "linear hard n=5 N=10k": ("linear/hard-5", ("samples=10000",)),
    "linear hard n=5 N=50k": ("linear/hard-5", ("samples=50000",)),
    "linear hard n=8 N=50k": ("linear/hard-8", ("samples=50000",)),
    "linear soft n=5 N=10k": ("linear/soft-5", ("samples=10000",)),
    "quadratic hard n=5 N=10k": ("linear/quadratic-hard-5", ()),
    "quadratic hard n=5 N=10k, refine none": ("linear/quadratic-hard-5", ("estimator.refine=none",)),
    "sine Laplace hard n=5 N=10k": ("linear/laplace-sine-hard-5", ()),
    "quadratic soft n=5 N=10k": ("linear/quadratic-soft-5", ()),
    "MLP hard n=5 N=10k": ("linear/mlp-hard-5", ()),
    "MLP soft n=5 N=10k": ("linear/mlp-soft-5", ()),
    "linear hard n=5 N=50k, exact": ("linear/hard-5", ("samples=50000", "scores.kind=exact")),
    "quadratic hard n=5 N=50k, exact": ("linear/quadratic-hard-5", ("samples=50000", "scores.kind=exact")),
    "linear soft n=5 N=50k, exact": ("linear/soft-5", ("samples=50000", "scores.kind=exact")),
    "quadratic soft n=5 N=50k, exact": ("linear/quadratic-soft-5", ("samples=50000", "scores.kind=exact")),
    "light tunnel, 7 sensors": ("light-tunnel/sensors", ()),
}
METRICS = ("mcc", "shd", "shd_closure", "edge_precision", "edge_recall", "score_error")
FIELDS = ("setting", "seed", *METRICS, "empty_shd", "empty_closure", "cpu_seconds", "status")


def run(task: tuple[str, int]) -> dict[str, object]:
    """One seed of one setting; a failure is a row too."""
    import networkx as nx
    import torch

    import crlspec

    torch.set_num_threads(1)
    setting, seed = task
    name, sets = SETTINGS[setting]
    spec = crlspec.load(name, sets=sets)
    model = crlspec.compile(spec, seed=seed)
    data = model.sample(seed=seed)
    row: dict[str, object] = {
        "setting": setting,
        "seed": seed,
        "empty_shd": model.graph.number_of_edges(),
        "empty_closure": nx.transitive_closure(model.graph).number_of_edges(),
    }
    began = time.process_time()
    try:
        result = crlspec.solve(spec, data, seed=seed, model=model)
    except Exception as error:
        return {**row, "status": f"failed: {type(error).__name__}: {error}"}
    row["cpu_seconds"] = round(time.process_time() - began, 2)
    found = result.evaluate(model, seed=seed)
    return {**row, **{key: float(found[key]) for key in METRICS}, "status": result.status.code}


def table(rows: list[dict[str, str]], settings: list[str]) -> str:
    """Means ± standard errors as a Markdown table; failed runs are counted, and left out of the means."""
    lines = [
        "| setting | runs | failed | MCC | SHD | closure SHD | edges / in closure | precision | recall | CPU s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for setting in settings:
        mine = [row for row in rows if row["setting"] == setting]
        good = [row for row in mine if not row["status"].startswith("failed")]
        if not good:
            continue

        def cell(key: str, digits: int, good: list[dict[str, str]] = good) -> str:
            values = [float(row[key]) for row in good]
            mean = sum(values) / len(values)
            spread = sum((v - mean) ** 2 for v in values) / max(len(values) - 1, 1)
            return f"{mean:.{digits}f} ± {(spread / len(values)) ** 0.5:.{digits}f}"

        empty = [sum(float(row[key]) for row in good) / len(good) for key in ("empty_shd", "empty_closure")]
        cells = [cell("mcc", 4), cell("shd", 2), cell("shd_closure", 2), f"{empty[0]:.1f} / {empty[1]:.1f}"]
        cells += [cell("edge_precision", 2), cell("edge_recall", 2), cell("cpu_seconds", 1)]
        lines.append(f"| {setting} | {len(mine)} | {len(mine) - len(good)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="*", help="parts of the settings' names; all by default")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1000, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/recovery.csv"))
    options = parser.parse_args()
    chosen = [s for s in SETTINGS if not options.settings or any(part in s for part in options.settings)]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    done: list[dict[str, str]] = []
    if options.out.exists():
        with options.out.open(newline="") as file:
            done = list(csv.DictReader(file))
    known = {(row["setting"], int(row["seed"])) for row in done}
    seeds = range(options.first, options.first + options.seeds)
    tasks = [(setting, seed) for setting in chosen for seed in seeds if (setting, seed) not in known]
    with options.out.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not done:
            writer.writeheader()
        with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
            for row in pool.imap_unordered(run, tasks):
                writer.writerow(row)
                file.flush()
    with options.out.open(newline="") as file:
        print(table(list(csv.DictReader(file)), chosen))


if __name__ == "__main__":
    main()
