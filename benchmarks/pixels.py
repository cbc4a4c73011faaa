"""Latents from images, one shipped spec after another, within the time that is given: a row as each run ends.

    python benchmarks/pixels.py --device cuda --seconds 360
    python benchmarks/pixels.py --seconds 3600 --profile quick --specs robot/arm-3 --seeds 5

A row is a run under shuffled labels: MCC; the ceiling, that is the mean |r| of a supervised network over the latents
that it sees, and the share of it that the run reaches; SHD; the mean error of latents calibrated with 20 labels on
images without label, in observational standard deviations and, of an arm, in degrees, beside that of a supervised
network with 200 labels; status; seconds and CPU seconds of solving, and the device. Nothing is tuned on these seeds.

Each run is a process of its own. One that would outlast the time is stopped, and its trainings are kept: the same
call goes on there, and never runs a row again that is in the table (``--out``, default runs/pixels/rows.csv).
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from resumed import append, row_of, rows_of

SPECS = (
    "robot/arm-3", "robot/arm-3-scale", "images/balls-2", "robot/arm-6", "robot/arm-6-scale", "images/balls-3",
)  # fmt: skip
FIRST, SEEDS = 9000, 5
LABELS, RIVAL = 20, 200
KEY = ("spec", "profile", "seed", "set", "device")
FIELDS = (
    *KEY, "mcc", "mcc_spearman", "ceiling", "share", "shd", "true_edges", "error", "degrees", "supervised_200",
    "status", "seconds", "cpu_seconds",
)  # fmt: skip
LEAST = 20.0
"""Seconds that must be left for a run to be started."""
EVALUATION = 1_000_003
STREAM = 0xCA1


def calibrated_error(result: Any, data: Any, seed: int) -> dict[str, float]:
    """Mean absolute error of each latent, calibrated with 20 labels, on the other observational rows, in standard
    deviations there; empty where the labels do not tell which latent is which."""
    from crlspec.errors import EstimationError

    node = data[result.observational].to_dataset()
    z = node["z"].transpose("sample", "latent")
    order = np.random.default_rng([seed, STREAM]).permutation(len(z))
    labelled, others = np.sort(order[:LABELS]), np.sort(order[LABELS:])
    columns = {str(name): z.values[labelled, k] for k, name in enumerate(z["latent"].values)}
    table = {"environment": [result.observational] * LABELS, "row": labelled, **columns}
    try:
        found = result.calibrate(table)
    except EstimationError:
        return {}
    z_hat = found.latents[found.observational].to_dataset()["z_hat"]
    errors = {}
    for one in found.calibration.latents:
        true = z.sel(latent=one.column).values
        gap = np.abs(z_hat.sel(latent=one.latent).values - true)[others]
        errors[one.column] = float(gap.mean() / true.std())
    return errors


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """The row of one run, in this process."""
    import crlspec
    from crlspec.generative.model import compile as compile_model

    seed, device = arguments.seed, arguments.device
    spec = crlspec.load(arguments.one, profile=arguments.profile, sets=arguments.sets)
    model = compile_model(spec, seed=seed, device=device)
    data = model.sample(seed=seed)
    began, cpu = time.perf_counter(), time.process_time()
    checkpoints = str(arguments.checkpoints)
    result = crlspec.solve(
        spec.without_labels(), data, seed, model=model, device=device, checkpoints=checkpoints
    )
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    found = result.evaluate(model, seed=seed + EVALUATION)
    ceiling = result.ceiling(model, data=data, seed=seed, labels=(RIVAL,), device=device)
    seen = [name for name in ceiling.latents if name not in ceiling.hidden]
    errors = calibrated_error(result, data, seed)
    error = float(np.mean([errors[name] for name in seen])) if seen and set(seen) <= set(errors) else math.nan
    rival = dict(zip(ceiling.latents, ceiling.fewer[0].mae, strict=True))
    amplitude = getattr(spec.mixing, "amplitude", None)
    return {
        "mcc": float(found["mcc"]),
        "mcc_spearman": float(found["mcc_spearman"]),
        "ceiling": ceiling.mcc,
        "share": math.nan if ceiling.own_mcc is None else ceiling.own_mcc / ceiling.mcc,
        "shd": int(found["shd"]),
        "true_edges": len(list(model.graph.edges)),
        "error": error,
        "degrees": math.nan if amplitude is None else math.degrees(float(amplitude)) * error,
        "supervised_200": float(np.mean([rival[name] for name in seen])) if seen else math.nan,
        "status": result.status.code,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
    }


def device_name(device: str) -> str:
    """The device in words."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(torch.device(device))
    return f"cpu, {torch.get_num_threads()} threads" if torch.get_num_threads() > 1 else "cpu, 1 thread"


def child(arguments: argparse.Namespace, spec: str, seed: int, seconds: float) -> Mapping[str, Any] | str:
    """The row of a run in a process of its own; or why there is none: ``stopped`` at the end of the time, or what the
    process said last."""
    folder = (
        Path(arguments.out).parent / "unfinished" / f"{spec.replace('/', '-')}-{arguments.profile}-{seed}"
    )
    call = [
        sys.executable, __file__, "--one", spec, "--seed", str(seed), "--profile", arguments.profile, "--device",
        arguments.device, "--checkpoints", str(folder), *(text for one in arguments.sets for text in ("--set", one)),
    ]  # fmt: skip
    row = row_of(call, seconds)
    if not isinstance(row, str):
        shutil.rmtree(folder, ignore_errors=True)
    return row


def left_to_do(arguments: argparse.Namespace, device: str) -> Iterator[tuple[str, int]]:
    """(spec, seed) of every run that is not in the table: all specs with one seed, then with the next."""
    done = {tuple(row[key] for key in KEY) for row in rows_of(Path(arguments.out))}
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        for spec in arguments.specs:
            if (spec, arguments.profile, str(seed), " ".join(arguments.sets), device) not in done:
                yield spec, seed


def line(row: Mapping[str, Any]) -> str:
    """A row as it is printed."""
    told = "" if math.isnan(float(row["degrees"])) else f" = {row['degrees']:.1f}°"
    return (
        f"{row['spec']:<18} seed {row['seed']}  MCC {row['mcc']:.3f} (rank {row['mcc_spearman']:.3f})  ceiling "
        f"{row['ceiling']:.3f}  share {row['share']:.3f}  SHD {row['shd']} of {row['true_edges']}  20 labels "
        f"{row['error']:.3f} sd{told} (supervised on 200: {row['supervised_200']:.3f})  {row['status']:<9}  "
        f"{row['seconds']:.0f} s, {row['cpu_seconds']:.0f} CPU s  {row['device']}"
    )


def within_the_time(arguments: argparse.Namespace, device: str) -> int:
    """Runs what is left until the time is over; how many runs are left then."""
    end = time.monotonic() + arguments.seconds
    left = list(left_to_do(arguments, device))
    for count, (spec, seed) in enumerate(left):
        rest = end - time.monotonic()
        if rest < LEAST:
            return len(left) - count
        found = child(arguments, spec, seed, rest)
        if isinstance(found, str):
            print(f"{spec:<18} seed {seed}  {found}", flush=True)
            if found == "stopped":
                return len(left) - count
            continue
        key = dict(zip(KEY, (spec, arguments.profile, seed, " ".join(arguments.sets), device), strict=True))
        row = {**key, **found}
        append(Path(arguments.out), FIELDS, [row])
        print(line(row), flush=True)
    return 0


def parsed(call: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", help="as torch names it (default cpu)")
    parser.add_argument("--seconds", type=float, default=360.0, help="in which all ends (default 360)")
    parser.add_argument(
        "--profile", choices=("quick", "full"), help="default: quick on a CPU, full elsewhere"
    )
    parser.add_argument("--specs", nargs="+", default=list(SPECS), metavar="SPEC")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"of each spec (default {SEEDS})")
    parser.add_argument("--first", type=int, default=FIRST, help=f"the first seed (default {FIRST})")
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", default="runs/pixels/rows.csv", metavar="CSV")
    for name, kind in (("--one", str), ("--seed", int), ("--checkpoints", Path)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)  # of the process of one run
    arguments = parser.parse_args(call)
    if arguments.profile is None:
        arguments.profile = "quick" if arguments.device == "cpu" else "full"
    return arguments


def main() -> None:
    arguments = parsed()
    if arguments.one is not None:
        print(json.dumps(measured(arguments)))
        return
    device = device_name(arguments.device)
    print(
        f"profile {arguments.profile} on {device}, {arguments.seconds:.0f} s; rows in {arguments.out}",
        flush=True,
    )
    left = within_the_time(arguments, device)
    if left:
        print(f"{left} run{'s' * (left != 1)} left; the same call goes on.")


if __name__ == "__main__":
    main()
