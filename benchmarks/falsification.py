"""Does falsification spare right graphs and find wrong ones? Whole runs, judged on fresh samples.

    python benchmarks/falsification.py --models 20 --first 5000 [--samples 5000] [--spec linear/hard-5]

Four latents in eight observed variables, hard interventions. Of each result whose graph is right, the graph is tested
on fresh samples; with its latents mixed further, (I + E) z with |E| up to ``extra`` off the diagonal; and with its
weakest edge taken away. ``naive`` is Holm's correction of the p-values of exact independence; ``fails`` grants .05 of
mixing. What mixing is really left is known here, so graphs are counted apart where it is within what is granted: a
right graph should be spared there, and only there.
"""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np

import crlspec
from crlspec.inference.estimate import LinearEncoder


def mixed(result: crlspec.Result, extra: float, seed: int) -> crlspec.Result:
    """The same result with more mixing left in its latents."""
    encoder = result.estimate.encoder
    shares = np.random.default_rng(seed).uniform(-extra, extra, size=(len(result.names),) * 2)
    np.fill_diagonal(shares, 0)
    matrix = (np.eye(len(shares)) + shares) @ encoder.matrix
    estimate = dataclasses.replace(result.estimate, encoder=LinearEncoder(matrix, encoder.offset))
    return dataclasses.replace(result, estimate=estimate)


def weakened(result: crlspec.Result) -> crlspec.Result:
    """The same result without its weakest edge."""
    edges = sorted(result.edges, key=lambda edge: edge.strength)[1:]
    return dataclasses.replace(result, estimate=dataclasses.replace(result.estimate, edges=tuple(edges)))


def leftover(result: crlspec.Result, model: crlspec.Model) -> float:
    """The most that a recovered latent holds of another, in observational standard deviations."""
    z = model.sample({model.observational: 20_000}, seed=0)[model.observational]["z"].values
    shares = result.encoder.matrix.values @ model.mixing.matrix.numpy() * z.std(0)
    shares = shares / np.diag(shares)[:, None]
    return float(np.abs(shares - np.eye(len(shares))).max())


def main() -> None:
    """Print a table: a line per kind of graph and extra mixing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--spec", default="linear/hard-5")
    asked = parser.parse_args()
    sets = ["latents=4", "mixing.observed=8", f"samples={asked.samples}"]
    spec = crlspec.load(asked.spec, sets=sets)
    cases = [(kind, extra) for kind in ("right", "an edge taken away") for extra in (0.0, 0.02, 0.04)]
    counts: dict[tuple[str, float, str], list[tuple[bool, bool, float, float]]] = {}
    for seed in range(asked.first, asked.first + asked.models):
        model = crlspec.compile(spec, seed=seed)
        result = crlspec.solve(spec, model.sample(seed=seed), seed=seed)
        if {edge.pair for edge in result.edges} != set(model.graph.edges) or not result.edges:
            continue
        fresh = model.sample(seed=seed + 1_000_003)
        for kind, extra in cases:
            one = mixed(result if kind == "right" else weakened(result), extra, seed)
            found = one.falsify(fresh)
            naive = bool((found.table["p_adjusted"] < found.alpha).any())
            holds = float((found.table["verdict"] == "holds").mean())
            left = leftover(one, model)
            row = "within .05" if left <= found.mixing else "beyond .05"
            counts.setdefault((kind, extra, row), []).append((naive, found.refuted, holds, left))
    head = "graph | extra mixing | left | largest, mean | graphs | naive refutes | fails | claims that hold"
    print(f"| {head} |\n{'|---' * 8}|")
    for (kind, extra, row), found in sorted(
        counts.items(), key=lambda item: (cases.index(item[0][:2]), item[0])
    ):
        naive, fails, holds, left = np.mean(found, axis=0)
        cells = [
            kind,
            f"{extra:g}",
            row,
            f"{left:.3f}",
            len(found),
            f"{naive:.2f}",
            f"{fails:.2f}",
            f"{holds:.2f}",
        ]
        print("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
