"""How often bootstraps find edges that are not there: rows with replacement against half of the rows without.

    python benchmarks/stability.py --models 20 --bootstraps 40 --first 5000

Linear-Gaussian, hard interventions, three latents, six observed variables, Gaussian scores, ``refine: none``, whose
tests are calibrated (docs/edges.md). Shares are of all bootstraps of all models; models differ, so no interval is
given.
"""

from __future__ import annotations

import argparse

import crlspec

SPEC = """\
crlspec: 1
name: stability
latents: 3
scm:
  graph: {{kind: random, density: 0.5}}
  mechanism: {{kind: linear, weight: [0.5, 1.5]}}
  noise: {{kind: normal, variance: [0.5, 1.5]}}
mixing: {{kind: linear, observed: 6}}
interventions: {{design: single-node, kind: hard, noise: {{variance: {{times: 0.25}}}}}}
samples: {samples}
scores: {{kind: gaussian}}
estimator: {{kind: lscale-i, refine: none, alpha: {alpha}}}
"""


def main() -> None:
    """Print a table: a line per way of drawing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--bootstraps", type=int, default=40)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--alpha", type=float, default=0.05)
    asked = parser.parse_args()
    spec = crlspec.loads(SPEC.format(samples=asked.samples, alpha=asked.alpha))
    print("| rows | absent pairs in the order | found | edges | found | failed |")
    print("|---|---|---|---|---|---|")
    for resample in ("bootstrap", "half"):
        counts = [0] * 5
        for seed in range(asked.first, asked.first + asked.models):
            model = crlspec.compile(spec, seed=seed)
            found = crlspec.stability(
                spec, model.sample(seed=seed), bootstraps=asked.bootstraps, seed=seed, resample=resample
            )
            truth = set(model.graph.edges)
            counts[4] += found.failed
            for order, edges in zip(found.runs["order"], found.runs["edges"], strict=True):
                place = {name: k for k, name in enumerate(order)}
                if any(a not in place or b not in place or place[a] > place[b] for a, b in truth):
                    continue
                forward = {(a, b) for k, a in enumerate(order) for b in order[k + 1 :]}
                counts[0] += len(forward - truth)
                counts[1] += len(set(edges) - truth)
                counts[2] += len(truth)
                counts[3] += len(set(edges) & truth)
        absent, false, there, hits, failed = counts
        shares = (f"{part / max(whole, 1):.3f}" for part, whole in ((false, absent), (hits, there)))
        print(f"| {resample} | {absent} | {next(shares)} | {there} | {next(shares)} | {failed} |", flush=True)


if __name__ == "__main__":
    main()
