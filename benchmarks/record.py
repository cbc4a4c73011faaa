"""A fingerprint of one short run of every estimator and variant: graph, metrics and every array of the result.

    python benchmarks/record.py before.json                    record
    python benchmarks/record.py after.json --against before.json   record, and say what differs

A change that should leave behaviour alone leaves every line equal, to the last bit. Arrays enter by a digest of
their bytes; wall seconds and the provenance do not enter.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from crlspec.disk.write import write_file

os.environ.setdefault("OMP_NUM_THREADS", "1")

CASES: dict[str, tuple[str, list[str]]] = {
    "lscale-i hard gaussian": ("linear/hard-5", ["samples=2000"]),
    "lscale-i hard exact scores": ("linear/hard-5", ["samples=2000", "scores.kind=exact"]),
    "lscale-i hard refine none": (
        "linear/hard-5",
        ["samples=2000", "estimator.kind=lscale-i", "estimator.refine=none"],
    ),
    "lscale-i soft gaussian": ("linear/soft-5", ["samples=2000"]),
    "lscale-i soft refine none": (
        "linear/soft-5",
        ["samples=2000", "estimator.kind=lscale-i", "estimator.refine=none"],
    ),
    "lscale-i hard quadratic": ("linear/quadratic-hard-5", ["samples=1200", "latents=3"]),
    "lscale-i hard quadratic kernel": (
        "linear/quadratic-hard-5",
        ["samples=800", "scores.kind=kernel", "estimator.kind=lscale-i", "estimator.refine=none"],
    ),
    "lscale-i hard quadratic sliced": (
        "linear/quadratic-hard-5",
        ["samples=400", "scores.kind=sliced", "estimator.kind=lscale-i", "estimator.refine=none"],
    ),
    "lscale-i soft quadratic": ("linear/quadratic-soft-5", ["samples=1200", "latents=3"]),
    "lscale-i full-rank": (
        "linear/mlp-soft-5",
        ["samples=1200", "latents=3", "estimator.kind=lscale-i", "estimator.variant=full-rank"],
    ),
    "umni-crl hard": ("linear/umni-hard-5", ["samples=5000"]),
    "umni-crl soft": ("linear/umni-soft-5", ["samples=3000", "latents=3"]),
    "umni-crl hard quadratic": ("linear/umni-quadratic-hard-5", ["samples=1200", "latents=3"]),
    "umni-crl soft quadratic": ("linear/umni-quadratic-soft-5", ["samples=1200", "latents=3"]),
    "gscale-i glm": ("general/glm-5", ["samples=1000"]),
    "gscale-i glm uncoupled": ("general/glm-uncoupled-5", ["samples=1000"]),
    "gscale-i general": (
        "general/leaky-3",
        ["samples=1000", "estimator.kind=gscale-i", "estimator.steps=150", "estimator.restarts=2"],
    ),
    "gscale-i uncoupled": (
        "general/leaky-uncoupled-3",
        ["samples=1000", "estimator.kind=gscale-i", "estimator.steps=150", "estimator.restarts=2"],
    ),
    "gscale-i score-sparsity": (
        "general/leaky-3",
        [
            "samples=600", "estimator.kind=gscale-i", "estimator.steps=60", "estimator.restarts=2",
            "estimator.loss=score-sparsity",
        ],
    ),
    "contrastive": ("light-tunnel/nine-sensors", ["samples=1000", "estimator.restarts=2"]),
    "ica": ("linear/hard-5", ["samples=1000", "estimator.kind=ica"]),
    "pca": ("linear/hard-5", ["samples=1000", "estimator.kind=pca"]),
}  # fmt: skip


def fingerprint(spec_name: str, sets: list[str]) -> dict[str, Any]:
    """Graph, metrics and a digest of every array of one run, seed 0."""
    import numpy as np

    import crlspec

    spec = crlspec.load(spec_name, sets=sets)
    model = crlspec.compile(spec, seed=0)
    data = model.sample(seed=0)
    result = crlspec.solve(spec, data, seed=0, model=model)
    metrics = result.metrics(model, samples=2000)
    metrics.pop("seconds")
    stages = [
        {"name": one.name, "order": one.order, "edges": [[*e.pair, e.strength, e.p_value] for e in one.edges]}
        for one in result.stages
    ]
    arrays: dict[str, Any] = dict(result.diagnostics)
    arrays["encoded"] = result.transform(data.children[spec_observational(data)]["x"])
    for name, node in result.latents.children.items():
        arrays |= {f"latents/{name}/{key}": value for key, value in node.to_dataset().items()}
    if result.estimate.mixing is not None:
        arrays["mixing"] = result.mixing
    digests = {
        name: hashlib.sha256(np.ascontiguousarray(np.asarray(array.values)).tobytes()).hexdigest()[:16]
        for name, array in sorted(arrays.items())
        if array.values.dtype != object
    }
    return {
        "dag": json.loads(result.dag_json()),
        "order": list(result.order),
        "metrics": metrics,
        "status": str(result.status),
        "stages": stages,
        "arrays": digests,
    }


def spec_observational(data: Any) -> str:
    """The name of the environment without intervention."""
    from crlspec.data import observational_of

    return str(observational_of(data))


def differences(before: Any, after: Any, place: str = "") -> list[str]:
    """Where two fingerprints differ, a line each."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for key in sorted({*before, *after}):
            if key not in before or key not in after:
                found.append(f"{place}/{key}: only {'before' if key in before else 'after'}")
            else:
                found += differences(before[key], after[key], f"{place}/{key}")
        return found
    same = json.dumps(before) == json.dumps(after)
    return [] if same else [f"{place}: {json.dumps(before)[:120]} → {json.dumps(after)[:120]}"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--against", type=Path, help="a record made before")
    parser.add_argument("--only", default="", help="only the cases whose names hold this text")
    arguments = parser.parse_args()
    former = json.loads(arguments.against.read_text()) if arguments.against else {}
    found: dict[str, Any] = {}
    different = 0
    for name, (spec, sets) in CASES.items():
        if arguments.only not in name:
            continue
        began = time.perf_counter()
        found[name] = json.loads(json.dumps(fingerprint(spec, sets)))
        lines = differences(former[name], found[name]) if name in former else []
        different += bool(lines)
        word = "recorded" if name not in former else "differs" if lines else "equal"
        print(f"{name:<34} {word:<9} {time.perf_counter() - began:6.1f} s", *lines, sep="\n    ", flush=True)
        write_file(arguments.out, json.dumps(found, indent=1) + "\n", force=True)
    print(f"{len(found)} cases, {different} differ")
    return bool(different)


if __name__ == "__main__":
    sys.exit(main())
