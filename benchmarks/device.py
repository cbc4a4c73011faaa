"""What does a GPU gain? Shipped specs solved on a device and on the CPU, and Model.score, row by row within a time.

    python benchmarks/device.py --device cuda --seconds 300
    python benchmarks/device.py --device cpu --set samples=300 --set estimator.steps=20 --specs general/leaky-5

First the rows of Model.score against a density written by hand (benchmarks/score.py), then each spec on the device
and on the CPU, on the same data: wall seconds of solving, MCC and SHD, the ratio of the times, and the parity: MCC
within .02 and SHD within 1 of the CPU's. Gradients agree to rounding, which grows from step to step: trainings
do not end at the same numbers. A solve on the CPU takes one thread, as everywhere. ``busy`` is the share of the time
of trainings in which the device had a kernel to run, as nvidia-smi tells it. Last a sweep of many seeds side by side:
twenty on the device, as many as there are cores on the CPU, in wall seconds a seed.

Each row is a process of its own, is stopped where the time ends, and stands in the table (``--out``, default
runs/device/rows.csv) as soon as it is done; the same call goes on with the rows that are missing. Exit status 0 where
all rows are there and agree, 1 where one disagrees, 3 where the time was too short.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import busy
from resumed import append, row_of, rows_of

SPECS = ("general/leaky-5", "general/mlp-5", "linear/quadratic-hard-5")
SCORED = (100_000, 5_000_000)
"""Samples of the rows of Model.score, ten latents each."""
FIELDS = ("name", "device", "set", "seconds", "mcc", "shd", "ratio", "difference", "busy", "uncaptured")
KEY = ("name", "device", "set")
MCC, SHD, AGREEMENT = 0.02, 1, 1e-6
"""Parity: of a solved spec, and of scores with those by hand."""
LEAST = 10.0
"""Seconds that must be left for a row to be started."""
SEED = 9100
SWEPT, SEEDS = "general/leaky-5", 20
"""What is swept, and how many seeds of it side by side on a GPU."""


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
    with busy.watched(torch.device(device).type == "cuda") as watch:
        began = time.perf_counter()
        result = crlspec.solve(spec, data, seed=SEED, model=model, device=device, progress=watch.progress)
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
    found = result.evaluate(truth)
    return {
        "seconds": seconds,
        "mcc": float(found["mcc"]),
        "shd": int(found["shd"]),
        "busy": watch.share,
        "uncaptured": "; ".join(dict.fromkeys(watch.uncaptured)),
    }


def swept(name: str, seeds: int, device: str, sets: Sequence[str]) -> dict[str, Any]:
    """Wall seconds a seed of a sweep whose seeds run side by side, and means of MCC and SHD."""
    import crlspec

    began = time.perf_counter()
    rows = crlspec.sweep(name, seeds=seeds, first=SEED, sets=sets, jobs=seeds, device=device)
    seconds = (time.perf_counter() - began) / seeds
    if (rows["status"] == "failed").any():
        raise SystemExit(str(rows["message"].iloc[0]))
    return {"seconds": seconds, "mcc": float(rows["mcc"].mean()), "shd": float(rows["shd"].mean())}


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
    for device in devices if given.swept else ():
        count = given.seeds if device.startswith("cuda") else min(given.seeds, os.cpu_count() or 1)
        yield f"sweep {given.swept} x {count}", device


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
        words = f"MCC {row['mcc']:.3f}, SHD {row['shd']:.3g}"
    if row.get("busy") is not None:
        words += f", busy {100 * row['busy']:.0f} % of its trainings"
    if row.get("uncaptured"):
        words += f" ({row['uncaptured']})"
    return f"{name:<24} {make}  {row['seconds']:.3g} s  {words}"


def compared(rows: Sequence[dict[str, str]], given: argparse.Namespace) -> tuple[list[str], bool]:
    """A line for each spec that was solved on both, and whether all rows agree."""
    sets, lines, agree = " ".join(given.sets), [], True
    own = [row for row in rows if row["set"] == sets]
    for row in own:
        if row["difference"]:
            agree &= float(row["difference"]) <= AGREEMENT
    for name in (*given.specs, *([f"sweep {given.swept}"] if given.swept else [])):
        pair = [
            next((r for r in own if _is_of(r["name"], name) and r["device"].startswith(device)), None)
            for device in (given.device, "cpu")
        ]
        there, here = pair
        if there is None or here is None:
            continue
        close = abs(float(there["mcc"]) - float(here["mcc"])) <= MCC
        close &= abs(float(there["shd"]) - float(here["shd"])) <= SHD
        agree &= close
        gain = float(here["seconds"]) / float(there["seconds"])
        lines.append(
            f"{name:<24} {gain:.2f} times as fast as the CPU, {'in parity' if close else 'NOT IN PARITY'}"
        )
    return lines, agree


def _is_of(row: str, name: str) -> bool:
    """Whether a row is of a spec, or a sweep of so many seeds of it."""
    return row == name or row.startswith(f"{name} x ")


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--specs", nargs="*", default=list(SPECS))
    parser.add_argument("--scored", nargs="*", type=int, default=list(SCORED))
    parser.add_argument("--swept", default=SWEPT, help="spec of the sweep; '' for none")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds of the sweep, side by side")
    parser.add_argument("--set", dest="sets", action="append", default=[])
    parser.add_argument("--out", default="runs/device/rows.csv")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main() -> int:
    """Run the benchmark."""
    given = parsed()
    if given.one:
        words = given.one.split()
        if words[0] == "score":
            row = scored(int(words[1]), given.device)
        elif words[0] == "sweep":
            row = swept(words[1], int(words[3]), given.device, given.sets)
        else:
            row = solved(given.one, given.device, given.sets)
        print(json.dumps(row))
        return 0
    missing = within_the_time(given)
    lines, agree = compared(rows_of(Path(given.out)), given)
    print("\n".join(lines))
    return 3 if missing else int(not agree)


if __name__ == "__main__":
    sys.exit(main())
