"""The same spec, data and seed give the same result to the last bit: in another process, with one thread or two."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

CASES: dict[str, tuple[str, list[str]]] = {
    "lscale-i": ("linear/hard-5", ["samples=1000"]),
    "lscale-i quadratic": ("linear/quadratic-hard-5", ["samples=500", "latents=3"]),
    "lscale-i soft": ("linear/soft-5", ["samples=1000"]),
    "umni-crl": ("linear/umni-soft-5", ["samples=1000", "latents=3"]),
    "umni-crl quadratic": ("linear/umni-quadratic-hard-5", ["samples=500", "latents=3"]),
    "gscale-i link": ("general/glm-5", ["samples=1000"]),
    "gscale-i": (
        "general/leaky-3",
        ["samples=300", "estimator.kind=gscale-i", "estimator.steps=20", "estimator.restarts=1"],
    ),
    "contrastive": ("light-tunnel/nine-sensors", ["samples=300", "estimator.restarts=1"]),
    "ica": ("linear/hard-5", ["samples=500", "estimator.kind=ica"]),
    "pca": ("linear/hard-5", ["samples=500", "estimator.kind=pca"]),
}

SCRIPT = """
import hashlib, json, sys
import crlspec

digests = {}
for name, (spec, sets) in json.loads(sys.argv[1]).items():
    model = crlspec.compile(crlspec.load(spec, sets=sets), seed=0)
    result = crlspec.solve(model.spec, model.sample(seed=0), seed=0)
    found = hashlib.sha256(repr((result.edges, result.order, str(result.status))).encode())
    for node in result.latents.children.values():
        found.update(node["z_hat"].values.tobytes())
    for key, array in sorted(result.diagnostics.items()):
        found.update(key.encode() + array.values.tobytes())
    digests[name] = found.hexdigest()
import torch
print(json.dumps([torch.get_num_threads(), digests]))
"""


def digests(names: list[str], threads: int) -> dict[str, str]:
    """Case → digest of edges, latents and diagnostics, in a process of its own."""
    cases = json.dumps({name: CASES[name] for name in names})
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, cases],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **dict.fromkeys(variables, str(threads))},
    )
    used, found = json.loads(done.stdout.splitlines()[-1])
    assert used == threads
    return dict(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_estimator_gives_the_same_bits_with_one_thread_and_two(name: str) -> None:
    first = digests([name], 1)
    assert digests([name], 1) == first
    assert digests([name], 2) == first
