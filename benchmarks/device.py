"""What does a GPU gain? Shipped specs solved on a device and on the CPU, and Model.score, row by row within a time.

    python benchmarks/device.py --device cuda --seconds 300
    python benchmarks/device.py --device cpu --set samples=300 --set estimator.steps=20 --specs general/leaky-5

First the rows of Model.score against a density written by hand (benchmarks/score.py), then each spec on the device
and on the CPU, on the same data: wall seconds of solving, MCC and SHD, the ratio of the times, and the parity: MCC
within .02 and SHD within 1 of the CPU's. Gradients agree to rounding, which grows from step to step: trainings
do not end at the same numbers. The CPU's row is run with the threads that torch chooses.

Each row is a process of its own, is stopped where the time ends, and stands in the table (``--out``, default
runs/device/rows.csv) as soon as it is done; the same call goes on with the rows that are missing. Exit status 0 where
all rows are there and agree, 1 where one disagrees, 3 where the time was too short.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from resumed import append, row_of, rows_of

SPECS = ("general/leaky-5", "general/mlp-5", "linear/quadratic-hard-5")
SCORED = (100_000, 5_000_000)
"""Samples of the rows of Model.score, ten latents each."""
FIELDS = ("name", "device", "set", "seconds", "mcc", "shd", "ratio", "difference")
KEY = ("name", "device", "set")
MCC, SHD, AGREEMENT = 0.02, 1, 1e-6
"""Parity: of a solved spec, and of scores with those by hand."""
LEAST = 10.0
"""Seconds that must be left for a row to be started."""
SEED = 9100


def scored(samples: int, device: str) -> dict[str, Any]:
    """Seconds of Model.score, its ratio to the density by hand, and the largest difference."""
    import score

    import crlspec

    model = crlspec.compile(crlspec.loads(score.SPEC.format(latents=10, density=0.5)), seed=0, device=device)
    z = model.scm.sample(samples, seed=1)
    _, by_hand = score.by_hand(model)
    ours, theirs = score.best_times(lambda: model.score(z), lambda: by_hand(z), 10)
    difference = float((model.score(z) - by_hand(z)).abs().max())
    return {"seconds": ours, "ratio": ours / theirs, "difference": difference}


def solved(name: str, device: str, sets: Sequence[str]) -> dict[str, Any]:
    """Seconds, MCC and SHD of a spec, solved on a device; the data are drawn on the CPU, the same for all."""
    import torch

    import crlspec

    spec = crlspec.load(name, sets=sets)
    truth = crlspec.compile(spec, seed=SEED)
    data = truth.sample(seed=SEED)
    model = crlspec.compile(spec, seed=SEED, device=device)
    began = time.perf_counter()
    result = crlspec.solve(spec, data, seed=SEED, model=model, device=device)
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    found = result.evaluate(truth)
    return {"seconds": seconds, "mcc": float(found["mcc"]), "shd": int(found["shd"])}


def named(device: str) -> str:
    """The device with its make."""
    import torch

    if torch.device(device).type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({torch.get_num_threads()} threads)"


def tasks(given: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Name and device of each row, in the order in which they are run."""
    devices = list(dict.fromkeys((given.device, "cpu")))
    for samples in given.scored:
        yield f"score {samples} x 10", given.device
    for name in given.specs:
        for device in devices:
            yield name, device


def child(given: argparse.Namespace, name: str, device: str, seconds: float) -> dict[str, Any] | str:
    """The row of a process of its own; or why there is none."""
    sets = [text for one in given.sets for text in ("--set", one)]
    call = [sys.executable, __file__, "--one", name, "--device", device, *sets]
    return row_of(call, seconds)


def within_the_time(given: argparse.Namespace) -> int:
    """Run the rows that are missing; the number of those that are missing still."""
    end, path, sets = time.monotonic() + given.seconds, Path(given.out), " ".join(given.sets)
    known = {tuple(row[key] for key in KEY) for row in rows_of(path)}
    missing, makes = 0, {}
    for name, device in tasks(given):
        make = makes.setdefault(device, named(device))
        if (name, make, sets) in known:
            continue
        left = end - time.monotonic()
        row = child(given, name, device, left) if left > LEAST else "no time left"
        if isinstance(row, str):
            missing += 1
            print(f"{name:<24} {make}  {row}", flush=True)
            continue
        append(path, FIELDS, [{"name": name, "device": make, "set": sets, **row}])
        print(line(name, make, row), flush=True)
    return missing


def line(name: str, make: str, row: dict[str, Any]) -> str:
    """A row as it is printed."""
    if "ratio" in row:
        words = f"ratio to by hand {row['ratio']:.2f}, largest difference {row['difference']:.1e}"
    else:
        words = f"MCC {row['mcc']:.3f}, SHD {row['shd']}"
    return f"{name:<24} {make}  {row['seconds']:.3g} s  {words}"


def compared(rows: Sequence[dict[str, str]], given: argparse.Namespace) -> tuple[list[str], bool]:
    """A line for each spec that was solved on both, and whether all rows agree."""
    sets, lines, agree = " ".join(given.sets), [], True
    own = [row for row in rows if row["set"] == sets]
    for row in own:
        if row["difference"]:
            agree &= float(row["difference"]) <= AGREEMENT
    for name in given.specs:
        pair = [
            next((r for r in own if r["name"] == name and r["device"].startswith(device)), None)
            for device in (given.device, "cpu")
        ]
        there, here = pair
        if there is None or here is None:
            continue
        close = abs(float(there["mcc"]) - float(here["mcc"])) <= MCC
        close &= abs(int(there["shd"]) - int(here["shd"])) <= SHD
        agree &= close
        gain = float(here["seconds"]) / float(there["seconds"])
        lines.append(
            f"{name:<24} {gain:.2f} times as fast as the CPU, {'in parity' if close else 'NOT IN PARITY'}"
        )
    return lines, agree


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--specs", nargs="*", default=list(SPECS))
    parser.add_argument("--scored", nargs="*", type=int, default=list(SCORED))
    parser.add_argument("--set", dest="sets", action="append", default=[])
    parser.add_argument("--out", default="runs/device/rows.csv")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main() -> int:
    """Run the benchmark."""
    given = parsed()
    if given.one:
        words = given.one.split()
        is_score = words[0] == "score"
        row = scored(int(words[1]), given.device) if is_score else solved(given.one, given.device, given.sets)
        print(json.dumps(row))
        return 0
    missing = within_the_time(given)
    lines, agree = compared(rows_of(Path(given.out)), given)
    print("\n".join(lines))
    return 3 if missing else int(not agree)


if __name__ == "__main__":
    sys.exit(main())
