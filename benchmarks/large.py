"""Data that do not fit: sampled into a Zarr store, solved and transformed, with the peak of memory of each step.

    python benchmarks/large.py --samples 2000000 --variables 50

prints, for each step, each in a process of its own, its seconds, its rows and bytes a second, and the peak of its
resident memory (VmHWM). ``--samples`` are those of all environments together: an observational one and one hard
intervention for each latent. 10,000,000 × 100 are 8 GB. ``--most`` GB bound the memory of every step: with more the
command fails. Below the table stand the errors of the solve; nothing is right that is only fast.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

STEPS = ("sample", "solve", "transform")


def peak() -> float:
    """Peak of the resident memory of this process, in GB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024 / 1e9


def spec_of(arguments: argparse.Namespace) -> str:
    each = arguments.samples // (arguments.latents + 1)
    return f"""
crlspec: 1
name: large
latents: {arguments.latents}
scm:
  graph: {{kind: random, density: 0.5}}
  mechanism: {{kind: linear, weight: [0.5, 1.5]}}
  noise: {{kind: normal, variance: [0.5, 1.5]}}
mixing: {{kind: linear, observed: {arguments.variables}}}
interventions: {{design: single-node, kind: hard, noise: {{variance: {{times: 0.25}}}}}}
samples: {each}
estimator: {{kind: lscale-i}}
"""


def sample(arguments: argparse.Namespace) -> dict[str, float]:
    from crlspec.data.write_parts import rows_in_part, write_parts
    from crlspec.generative.model import compile as compile_model
    from crlspec.spec.load import loads

    model = compile_model(loads(spec_of(arguments)), seed=arguments.seed)
    rows = rows_in_part(len(model.observed))

    def drawn() -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        for part in model.parts(seed=arguments.seed, rows=rows):
            yield part.environment, {"x": part.x, "z": part.z}

    names = {"observed": model.observed, "latent": model.latents}
    notes = {**model.sampled(arguments.seed), "observational": model.observational}
    environments = list(model.environments)
    write_parts(arguments.folder / "x.zarr", drawn(), names, notes, environments=environments, rows=rows)
    return {}


def solve(arguments: argparse.Namespace) -> dict[str, float]:
    import crlspec
    from crlspec.spec.load import loads

    spec, stages = loads(spec_of(arguments)), {}

    def told(stage: str, *_: float) -> None:
        stages.setdefault(stage, time.perf_counter())

    data = crlspec.read_data(arguments.folder / "x.zarr")
    result = crlspec.solve(spec, data, seed=1, progress=told)
    seconds = dict(zip(stages, np.diff([*stages.values(), time.perf_counter()]), strict=True))
    print("\n".join(f"    {stage:<60} {one:8.1f} s" for stage, one in seconds.items()), file=sys.stderr)
    result.save(arguments.folder / "result.nc", force=True)
    found = result.evaluate(crlspec.compile(spec, seed=arguments.seed), seed=9)
    return {
        "ok": float(result.status.ok),
        **{key: float(found[key]) for key in ("mcc", "shd", "mixing_error")},
    }


def transform(arguments: argparse.Namespace) -> dict[str, float]:
    from crlspec.cli import main

    call = ["transform", str(arguments.folder / "result.nc"), "--data", str(arguments.folder / "x.zarr")]
    assert main([*call, "--out", str(arguments.folder / "z.parquet"), "--force"]) == 0
    return {}


def step(arguments: argparse.Namespace) -> int:
    began = time.perf_counter()
    found = {"sample": sample, "solve": solve, "transform": transform}[arguments.step](arguments)
    print(json.dumps({"seconds": time.perf_counter() - began, "peak": peak(), **found}))
    return 0


def main(arguments: argparse.Namespace) -> int:
    size = 8 * arguments.samples * arguments.variables
    print(
        f"{arguments.samples:,} × {arguments.variables}: {size / 1e9:.2f} GB in float64, {arguments.latents} latents"
    )
    print(f"{'step':<10} {'seconds':>8} {'rows/s':>10} {'MB/s':>7} {'peak GB':>8} {'of the data':>12}")
    own = [
        f"--{key}={getattr(arguments, key)}" for key in ("samples", "variables", "latents", "seed", "folder")
    ]
    errors: dict[str, float] = {}
    high = 0.0
    for name in STEPS:
        call = [sys.executable, __file__, *own, f"--step={name}"]
        done = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True)
        told = json.loads(done.stdout.splitlines()[-1])
        seconds, most = told.pop("seconds"), told.pop("peak")
        print(
            f"{name:<10} {seconds:8.1f} {arguments.samples / seconds:10,.0f} {size / 1e6 / seconds:7.0f} {most:8.2f} "
            f"{most * 1e9 / size:12.2f}",
            flush=True,
        )
        errors |= told
        high = max(high, most)
    print(", ".join(f"{key} {value:.4g}" for key, value in errors.items()))
    if high > arguments.most:
        print(f"a step took {high:.2f} GB, more than {arguments.most:g}")
    return int(high > arguments.most)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=10_000_000, help="of all environments together")
    parser.add_argument("--variables", type=int, default=100)
    parser.add_argument("--latents", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7000)
    parser.add_argument("--most", type=float, default=2.0, help="GB of memory that no step may exceed")
    parser.add_argument("--folder", type=Path, help="where the data are made; a temporary one by default")
    parser.add_argument("--step", choices=STEPS, help="one step, in this process")
    return parser.parse_args()


if __name__ == "__main__":
    given = parsed()
    if given.step is not None:
        sys.exit(step(given))
    if given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
        sys.exit(main(given))
    with tempfile.TemporaryDirectory() as scratch:
        given.folder = Path(scratch)
        sys.exit(main(given))
