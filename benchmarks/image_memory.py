"""Memory and time of many images: written as arrays, read as maps, checked, digested, coded and encoded anew.

    python benchmarks/image_memory.py --images 130000 --channels 6 --size 64 [--solve]

prints the seconds of each step and the peak of resident memory in GB after it (pages of the maps that are resident
count). The images are blobs of thirteen environments, two of which move a blob to either side; they are made in a
temporary folder and removed at the end. ``--solve`` adds a whole run of gscale-i, all its stages with one restart of
few steps: what it takes of memory does not depend on their number, what it finds is not looked at.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ENVIRONMENTS = ("obs", *(f"do_{z}_{copy}" for z in "abcdef" for copy in "12"))
BATCH = 1000


def peak() -> float:
    """Peak of resident memory so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def write(folder: Path, count: int, channels: int, size: int) -> None:
    """``NAME.npy`` of each environment: two blobs in every channel, their places drawn, and a little noise."""
    grid = np.arange(size)
    each = count // len(ENVIRONMENTS)
    for k, name in enumerate(ENVIRONMENTS):
        rng = np.random.default_rng(k)
        shape = (each, channels, size, size)
        images = np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=np.uint8, shape=shape)
        for start in range(0, each, BATCH):
            rows = min(BATCH, each - start)
            place = size / 2 + size / 8 * rng.normal(size=(2, rows, channels, 1)).astype(np.float32)
            if k:  # the first coordinate of one channel, to either side
                place[0, :, (k - 1) // 2 % channels] += size / 8 * (-1) ** k
            across, down = np.exp(-((grid - place) ** 2) / np.float32(0.02 * size**2))
            noise = rng.integers(0, 8, (rows, *shape[1:]), dtype=np.uint8)
            images[start : start + rows] = 240 * down[..., :, None] * across[..., None, :] + noise
        images.flush()
        del images


def main(arguments: argparse.Namespace) -> int:
    from crlspec.data import Problem, read_data
    from crlspec.inference.declarations import GscaleI
    from crlspec.inference.encoders.seeing import seen
    from crlspec.maps.codes import ImageEncoder
    from crlspec.maps.maps import LinearEncoder
    from crlspec.solving import _digest, solve
    from crlspec.spec.load import loads
    from crlspec.spec.setting import Setting

    pairs = tuple((f"do_{z}_1", f"do_{z}_2") for z in "abcdef")
    setting = Setting("general", "coupled", "hard", tuple("abcdef"), "obs", ENVIRONMENTS[1:], pairs=pairs)
    spec = loads(
        "crlspec: 1\nlatents: 6\ndata: {path: images, observational: obs}\n"
        "assume: {mixing: general, interventions: {design: coupled, kind: hard, "
        f"pairs: [{', '.join(f'[{one}, {two}]' for one, two in pairs)}]}}}}\n"
        "estimator: {kind: gscale-i, restarts: 1, steps: 50}\n"
    )
    figures: dict[str, float] = {"before": peak()}
    print(f"{'step':<10} {'seconds':>8} {'peak GB':>8}")

    def step(name: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        done = work()
        figures[name] = peak()
        print(f"{name:<10} {time.perf_counter() - began:8.1f} {figures[name]:8.2f}", flush=True)
        return done

    data = step("read", lambda: read_data(arguments.folder))
    problem = step("check", lambda: Problem.from_data(data, setting))
    step("digest", lambda: _digest(spec, 0, "cpu", 1, problem))
    coded, code = step("code", lambda: seen(problem, GscaleI(), 0))
    step("shuffle", lambda: coded.shuffled(1))
    assert code is not None
    size = len(code.names)
    encoder = ImageEncoder(code, LinearEncoder(np.eye(6, size), np.zeros(size)))
    z = step("transform", lambda: [encoder(images) for images in problem.images.values()])
    found = sum(len(one) for one in z)
    if arguments.solve:
        del coded, z
        step("solve", lambda: solve(spec, data, 0))
    on_disk = sum(images.nbytes for images in problem.images.values()) / 2**30
    print(f"{found} images, {on_disk:.2f} GB on disk, {size} components, peak {peak():.2f} GB")
    print(json.dumps({"on_disk": on_disk, **figures, "peak": peak()}))
    return 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=130_000)
    parser.add_argument("--channels", type=int, default=6)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--folder", type=Path, help="arrays made before (by --only-write)")
    parser.add_argument("--solve", action="store_true", help="a whole run of few steps too: minutes")
    parser.add_argument("--only-write", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    given = parsed()
    if given.folder is not None and given.only_write:
        given.folder.mkdir(parents=True, exist_ok=True)
        write(given.folder, given.images, given.channels, given.size)
        sys.exit(0)
    if given.folder is not None:
        sys.exit(main(given))
    import subprocess

    with tempfile.TemporaryDirectory() as scratch:  # writing maps pages too: a process of its own
        sizes = ["--images", str(given.images), "--channels", str(given.channels), "--size", str(given.size)]
        call = [sys.executable, __file__, "--folder", scratch]
        subprocess.run([*call, *sizes, "--only-write"], check=True)
        call += ["--solve"] if given.solve else []
        sys.exit(subprocess.run(call, check=False).returncode)
