"""What does a score cost? Model.score against a density vectorised by hand, and against the Pyro trace.

    python benchmarks/score.py [--samples 100000] [--latents 10] [--repeats 20] [--device cpu] [--threads 1]

Linear-Gaussian latents, float64. The hand-written twin is r = (z − zWᵀ)/σ, log p = Σ(−r²/2 − log σ) − const,
differentiated by autograd. Prints the ratio of the best times and the largest differences; exit status 1 where the
ratio is above 1.2 or an agreement worse than 1e-6.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable

import pyro
import torch

import crlspec
from crlspec.generative.model import Model
from crlspec.typing import Latents, LogDensity

RATIO, AGREEMENT = 1.2, 1e-6

SPEC = """
latents: {latents}
scm:
  graph: {{kind: random, density: {density}}}
  mechanism: {{kind: linear}}
  noise: {{kind: normal, variance: [0.5, 1.5]}}
mixing: {{kind: linear, observed: {latents}}}
"""


def by_hand(model: Model) -> tuple[Callable[[Latents], LogDensity], Callable[[Latents], Latents]]:
    """The same density and score without crlspec, all nodes in one matrix product."""
    place = {"dtype": model.dtype, "device": model.device}
    size = len(model.latents)
    weights, deviations = torch.zeros(size, size, **place), torch.zeros(size, **place)
    for i, name in enumerate(model.latents):
        mechanism = model.scm.mechanisms[name]
        deviations[i] = mechanism.noise.deviation
        for parent, weight in zip(mechanism.parents, mechanism.function.weight if mechanism.parents else ()):
            weights[i, model.latents.index(parent)] = weight
    constant = -deviations.log().sum() - 0.5 * size * math.log(2 * math.pi)

    def density(z: Latents) -> LogDensity:
        residual = (z - z @ weights.T) / deviations
        return -0.5 * (residual * residual).sum(-1) + constant

    def score(z: Latents) -> Latents:
        leaf = z.detach().requires_grad_(True)
        return torch.autograd.grad(density(leaf).sum(), leaf)[0]

    return density, score


def trace_density(model: Model, z: Latents) -> LogDensity:
    """log p(z) by the trace of the Pyro program."""
    values = {name: z[:, k] for k, name in enumerate(model.latents)}
    trace = pyro.poutine.trace(pyro.condition(model.pyro(), data=values)).get_trace(len(z))
    trace.compute_log_prob()
    return sum(trace.nodes[name]["log_prob"] for name in model.latents)


def best_times(
    first: Callable[[], object], second: Callable[[], object], repeats: int
) -> tuple[float, float]:
    """Best wall-clock seconds of two calls, measured in turns so that both meet the same machine."""
    best = [math.inf, math.inf]
    for _ in range(repeats):
        for k, call in enumerate((first, second)):
            start = time.perf_counter()
            call()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            best[k] = min(best[k], time.perf_counter() - start)
    return best[0], best[1]


def main() -> int:
    """Run the benchmark; the exit status tells whether its two bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--latents", type=int, default=10)
    parser.add_argument("--density", type=float, default=0.5)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    spec = crlspec.loads(SPEC.format(latents=options.latents, density=options.density))
    model = crlspec.compile(spec, seed=options.seed, device=options.device)
    z = model.scm.sample(options.samples, seed=1)
    density, score = by_hand(model)
    ours, theirs = best_times(lambda: model.score(z), lambda: score(z), options.repeats)
    differences = {
        "score, by hand": float((model.score(z) - score(z)).abs().max()),
        "log density, by hand": float((model.log_density(z) - density(z)).abs().max()),
        "log density, Pyro trace": float((model.log_density(z) - trace_density(model, z)).abs().max()),
    }
    print(
        f"{options.samples} samples x {options.latents} nodes, {len(model.graph.edges)} edges, {options.device}"
    )
    print(
        f"Model.score {1e3 * ours:.2f} ms, by hand {1e3 * theirs:.2f} ms, ratio {ours / theirs:.2f} (<= {RATIO})"
    )
    for name, difference in differences.items():
        print(f"largest difference, {name}: {difference:.1e} (<= {AGREEMENT:.0e})")
    return int(ours > RATIO * theirs or max(differences.values()) > AGREEMENT)


if __name__ == "__main__":
    sys.exit(main())
