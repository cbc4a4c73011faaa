"""What do the checks cost? CPU seconds of all that exists only to decide a status, against those of the whole run.

    python benchmarks/check_cost.py [spec …] [--seed 7000] [--samples N]

A run each of shipped specs, at their own sample sizes, in this one process and thread; a small run goes before them,
so that no import is counted. Timed are the entry points of the checks: tests of the design, goodness of fit, orders
with an edge reversed, rival signatures and pairings, power, standard errors of latents, hardness. A check inside
another one counts once. What an estimate needs anyway (the search of orders, tests of edges) is no check.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

SPECS = (
    "linear/hard-5", "linear/soft-5", "linear/quadratic-hard-5", "general/glm-5", "linear/umni-hard-5",
    "linear/umni-soft-5", "contrastive",
)  # fmt: skip
"""Shipped specs; the name of an estimator is linear/hard-5 with that one."""

ENTRY_POINTS = {
    "design": (
        "crlspec.inference.checks.design:examined",
        "crlspec.inference.checks.design:effective_sizes",
        "crlspec.inference.checks.rank:check_rank",
    ),
    "decide": (
        "crlspec.inference.likelihood.refine:decide",
        "crlspec.inference.likelihood.refine:decide_flexible",
    ),
    "signature": ("crlspec.inference.likelihood.refine:check_signature",),
    "closure": ("crlspec.inference.soft.decided:GaussianClosure.checks",),
    "power": ("crlspec.inference.soft.gaussian:detectable_changes",),
    "start": ("crlspec.inference.lscale:start_or_refined",),
    "pairs": (
        "crlspec.inference.gscale:GScaleI._find_pairs",
        "crlspec.inference.gscale:contrasts",
    ),
    "scores": ("crlspec.inference.lscale:status_of", "crlspec.inference.umni:status_of"),
}
"""What is timed, by the column that it goes to."""


class Clock:
    """CPU seconds by column; what runs inside a timed call is no call of its own."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(ENTRY_POINTS, 0.0)
        self.inside = False

    def timed(self, column: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **more: Any) -> Any:
            if self.inside:
                return call(*args, **more)
            self.inside, began = True, time.process_time()
            try:
                return call(*args, **more)
            finally:
                self.inside = False
                self.seconds[column] += time.process_time() - began

        return wrapped


@contextmanager
def watching(clock: Clock) -> Iterator[None]:
    """The entry points timed, until the end of the block."""
    with ExitStack() as stack:
        for column, places in ENTRY_POINTS.items():
            for place in places:
                module, _, path = place.partition(":")
                owner: Any = importlib.import_module(module)
                *outer, name = path.split(".")
                for one in outer:
                    owner = getattr(owner, one)
                stack.enter_context(patch.object(owner, name, clock.timed(column, getattr(owner, name))))
        yield


def run(name: str, seed: int, samples: int | None) -> dict[str, float]:
    """Seconds of each column, and of the whole ``solve``."""
    import crlspec
    from crlspec.registry import Registry

    sets = [] if samples is None else [f"samples={samples}"]
    if name in Registry.installed().kinds("estimator"):
        sets.append(f"estimator={{kind: {name}}}")
    spec = crlspec.load("linear/hard-5" if name == "contrastive" else name, sets=sets)
    model = crlspec.compile(spec, seed=seed)
    data = model.sample(seed=seed)
    clock = Clock()
    with watching(clock):
        began = time.process_time()
        crlspec.solve(spec, data, seed=seed)
        whole = time.process_time() - began
    return {**clock.seconds, "checks": sum(clock.seconds.values()), "run": whole}


def main() -> None:
    """A row a spec."""
    import torch

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("specs", nargs="*", default=SPECS, help="names of shipped specs, or of an estimator")
    parser.add_argument("--seed", type=int, default=7000)
    parser.add_argument("--samples", type=int, help="an environment; the spec's own where not given")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    run("linear/hard-5", 0, 500)
    print(
        f"| {'spec':<26} | " + " | ".join(f"{c:>9}" for c in (*ENTRY_POINTS, "checks", "run", "share")) + " |"
    )
    for name in asked.specs:
        row = run(name, asked.seed, asked.samples)
        figures = [f"{value:9.3f}" for value in row.values()] + [f"{row['checks'] / row['run']:9.1%}"]
        print(f"| {name:<26} | " + " | ".join(figures) + " |", flush=True)


if __name__ == "__main__":
    main()
