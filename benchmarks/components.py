"""What results are worth that were found in principal components of variables with noise.

    python benchmarks/components.py [--first 7600000] [--seeds 12] [--noises 0,.1,.6] [--chain] [--out FILE]

Every seed draws four linear-Gaussian latents, a mixing to 30 variables with normal entries, and one hard intervention
a latent, in numpy and not by the package (``trust_kinds``); the same seed has the same latents at every deviation of
the noise. As many components as latents are solved. Counted are results that are ``ok``, of these the wrong ones
(``trust_judge``) and those with a false edge; undecided and refuted ones, and how many of them the check
``components`` leaves undecided alone. A row per run goes to the CSV file at once: a run that is there is not done
again.
"""

from __future__ import annotations

import argparse
import time
import zlib
from pathlib import Path

import numpy as np
from resumed import append, rows_of
from trust_kinds import CONTROL
from trust_kinds.sound import in_components

FIELDS = (
    "seed", "model", "noise", "rows", "status", "open", "share", "wrong", "false_edges", "missed", "mcc",
    "cpu_seconds", "text",
)  # fmt: skip
LATENTS, OBSERVED = 4, 30


def run(seed: int, noise: float, rows: int, chain: bool) -> dict[str, object]:
    """One model at one deviation of the noise."""
    from trust import judged

    import crlspec
    from crlspec.errors import CrlspecError

    rng = np.random.default_rng([seed, zlib.crc32(b"components")])
    case = in_components(rng, LATENTS, OBSERVED, rows, noise=noise, chain=chain)
    began = time.process_time()
    row: dict[str, object] = {
        "seed": seed,
        "model": "chain" if chain else "random",
        "noise": noise,
        "rows": rows,
    }
    try:
        data = crlspec.from_arrays(case.samples, observational=CONTROL)
        result = crlspec.solve(crlspec.loads(case.spec), data, seed=seed)
    except CrlspecError as error:
        return {**row, "status": "refuted", "text": " ".join(str(error).split())}
    (check,) = [one for one in result.checks if one.name == "components"]
    found = {key: value for key, value in judged(case, result).items() if key in FIELDS}
    return {
        **row, **found, "wrong": int(bool(found["wrong"])), "status": result.status.code,
        "open": " ".join(one.name for one in result.checks if one.objects), "share": round(check.figure, 5),
        "text": check.message, "cpu_seconds": round(time.process_time() - began, 2),
    }  # fmt: skip


def table(rows: list[dict[str, str]]) -> str:
    """A line a deviation of the noise."""
    lines = [
        "| noise | runs | largest share in a latent (median, worst) | ok | wrong | with a false edge | undecided "
        "| by components alone | refuted |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for noise in sorted({float(row["noise"]) for row in rows}):
        here = [row for row in rows if float(row["noise"]) == noise]
        good = [row for row in here if row["status"] == "ok"]
        shares = [float(row["share"]) for row in here if row["share"]]
        told = f"{np.median(shares):.2%}, {max(shares):.2%}" if shares else "none"
        counts = (
            len(good), sum(row["wrong"] == "1" for row in good), sum(int(row["false_edges"]) > 0 for row in good),
            sum(row["status"] == "undecided" for row in here), sum(row["open"] == "components" for row in here),
            sum(row["status"] == "refuted" for row in here),
        )  # fmt: skip
        lines.append(f"| {noise:g} | {len(here)} | {told} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--first", type=int, default=7_600_000, help="the first seed")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--noises", default="0,0.05,0.1,0.2,0.4,0.6,1", help="standard deviations")
    parser.add_argument("--rows", type=int, default=1500, help="of each environment")
    parser.add_argument("--chain", action="store_true", help="chains, in which noise makes most false edges")
    parser.add_argument("--out", type=Path, default=Path("runs/components.csv"))
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    kind = "chain" if options.chain else "random"

    def here() -> list[dict[str, str]]:
        return [
            row for row in rows_of(options.out) if (row["model"], row["rows"]) == (kind, str(options.rows))
        ]

    done = {(int(row["seed"]), float(row["noise"])) for row in here()}
    for seed in range(options.first, options.first + options.seeds):
        for noise in map(float, options.noises.split(",")):
            if (seed, noise) not in done:
                append(options.out, FIELDS, [run(seed, noise, options.rows, options.chain)])
    print(table(here()))


if __name__ == "__main__":
    main()
