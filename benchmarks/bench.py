"""How fast is it, and how does it grow? All speeds as ratios within one run, in ten minutes at most (make bench).

    python benchmarks/bench.py [--seconds 540] [--clusters]

Whole processes against ``import torch``; a score, files and solves against the least that the machine needs for
them, in the same process (benchmarks/bench_rows.py); then growth over samples N, observed variables d and latents n,
with the exponents of CPU seconds and of peak memory, by least squares in logarithms and over the last step. Each row
is a process of its own with one thread. Ratios hold on a loaded machine, seconds do not.

It prints Markdown: docs/performance.md holds the last one. Exit status 0 where every row is there and every target is
met, 1 where one is missed, 3 where the time was too short.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from resumed import row_of
from startup import cpu_seconds

HERE = Path(__file__).parent
STARTUP, HELP, SCORE = 1.8, 0.3, 1.2
"""Targets: a run of 1,000 samples over import torch; CPU s of --help; a score over one by hand."""
SOLVES = (
    ("linear/hard-5",),
    ("linear/soft-5",),
    ("linear/umni-hard-5", "samples=20000"),
    ("linear/umni-soft-5", "samples=20000"),
    ("general/glm-5",),
    ("linear/quadratic-hard-5", "samples=3000"),
)
GROWTH = {
    "N": [(5, 25, samples) for samples in (10_000, 50_000, 250_000)],
    "d": [(5, observed, 20_000) for observed in (25, 100, 400)],
    "n": [(latents, 2 * latents, 20_000) for latents in (4, 8, 12)],
}
"""What grows → (latents, observed, samples an environment) of linear/hard-5."""
LEAST = 15.0
"""Seconds that must be left for a row to be started."""


class Rows:
    """Measures rows until the time is over.

    missing  names of those that are not there, and why
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.missing: list[str] = []

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self._end - time.monotonic()

    def row(self, *call: object) -> dict[str, Any] | None:
        """A row of bench_rows.py; None where there is none."""
        name = " ".join(map(str, call))
        given = [sys.executable, str(HERE / "bench_rows.py"), *map(str, call)]
        found = row_of(given, self.left) if self.left > LEAST else "no time left"
        if isinstance(found, str):
            self.missing.append(f"{name}: {found}")
            return None
        return found


def machine() -> str:
    """Commit, processor and load, in one line."""
    call = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(call, capture_output=True, text=True, cwd=HERE, check=False).stdout.strip()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return f"Commit {commit or 'unknown'}, {name}, {os.cpu_count()} cores, load {load} at the start."


def verdict(value: float, target: float, unit: str = "") -> str:
    """The target, and whether it is met."""
    return f"{target:g}{unit}: {'met' if value <= target else 'missed'}"


def processes() -> bool:
    """Print what whole processes cost; whether the targets are met."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "run")
        run = ["-m", "crlspec", "run", "linear/hard-5", "--samples", "1000", "--force", "--out", out]
        calls = {"import torch": ["-c", "import torch"], "--help": ["-m", "crlspec", "--help"], "run": run}
        spent = {
            name: min(cpu_seconds([sys.executable, *call]) for _ in range(3)) for name, call in calls.items()
        }
    torch, help_, whole = spent["import torch"], spent["--help"], spent["run"]
    print("| a process | CPU s | over `import torch` | target |\n|---|---|---|---|")
    print(f"| `python -c 'import torch'` | {torch:.2f} | 1 | |")
    print(f"| `crlspec --help` | {help_:.2f} | {help_ / torch:.2f} | {verdict(help_, HELP, ' s')} |")
    told = verdict(whole / torch, STARTUP)
    print(f"| `crlspec run linear/hard-5 --samples 1000` | {whole:.2f} | {whole / torch:.2f} | {told} |\n")
    return help_ <= HELP and whole / torch <= STARTUP


def parts(rows: Rows) -> bool:
    """Print scores and files against what is written by hand; whether the target is met."""
    print("| | s | by hand, s | ratio | target |\n|---|---|---|---|---|")
    met = True
    if (row := rows.row("score", 100_000)) is not None:
        ratio = row["cpu"] / row["limit"]
        met = ratio <= SCORE
        cells = f"{row['cpu']:.4f} | {row['limit']:.4f} | {ratio:.2f} | {verdict(ratio, SCORE)}"
        print(f"| `Model.score`, 100,000 × 10, against autograd by hand | {cells} |", flush=True)
    if (row := rows.row("read", 20_000)) is not None:
        size, ratio = row["bytes"] / 1e6, row["cpu"] / row["limit"]
        cells = f"{row['cpu']:.2f} | {row['limit']:.2f} | {ratio:.2f} | "
        print(f"| six CSV files, {size:.0f} MB, against `pandas.read_csv` | {cells} |")
    print()
    return met


HEAD = """\
| {} | CPU s | data, MB | XᵀX, GFLOP | that pass, CPU s | solve / pass | peak over the data, MB | / data | MCC | SHD |
|---|---|---|---|---|---|---|---|---|---|"""


def line(name: str, row: dict[str, Any]) -> str:
    """A solve as a line of a table."""
    cells = [
        name, f"{row['cpu']:.2f}", f"{row['bytes'] / 1e6:.1f}", f"{row['flops'] / 1e9:.2f}", f"{row['limit']:.4f}",
        f"{row['cpu'] / max(row['limit'], 1e-6):,.0f}", f"{row['peak'] / 1e6:.0f}",
        f"{row['peak'] / row['bytes']:.1f}", f"{row['mcc']:.3f}", row["shd"],
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def exponent(sizes: list[float], values: list[float]) -> str:
    """``1.2 (last step 1.4)``: p of value ∝ size^p."""
    x, y = [math.log(one) for one in sizes], [math.log(max(one, 1e-9)) for one in values]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / sum((a - mean_x) ** 2 for a in x)
    return f"{slope:.2f} (last step {(y[-1] - y[-2]) / (x[-1] - x[-2]):.2f})"


def growth(rows: Rows) -> None:
    """Print how solves grow, and the exponents."""
    fits = []
    print(HEAD.format("linear/hard-5 with n, d, N"), flush=True)
    for letter, settings in GROWTH.items():
        kept: list[tuple[float, dict[str, Any]]] = []
        for latents, observed, samples in settings:
            sets = (f"latents={latents}", f"mixing.observed={observed}", f"samples={samples}")
            if (row := rows.row("solve", "linear/hard-5", *sets)) is not None:
                size = {"n": latents, "d": observed, "N": samples}[letter]
                kept.append((float(size), row))
                print(line(f"{latents}, {observed}, {samples:,}", row), flush=True)
        if len(kept) > 1:
            sizes = [size for size, _ in kept]
            cells = [exponent(sizes, [row[key] for _, row in kept]) for key in ("cpu", "peak", "limit")]
            beside = ", d = 2n" if letter == "n" else ""
            fits.append(f"| {letter}{beside} | " + " | ".join(cells) + " |")
    print("\n| grows with | CPU s | peak over the data | the pass |\n|---|---|---|---|")
    print("\n".join(fits), end="\n\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=540.0)
    parser.add_argument("--clusters", action="store_true", help="also what a task on a Dask cluster costs")
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    rows = Rows(asked.seconds)
    print(machine(), end="\n\n", flush=True)
    met = [processes(), parts(rows)]
    print(HEAD.format("solve"), flush=True)
    for name, *sets in SOLVES:
        if (row := rows.row("solve", name, *sets)) is not None:
            print(line(" ".join((name, *sets)), row), flush=True)
    print(flush=True)
    growth(rows)
    if asked.clusters and rows.left > LEAST:
        subprocess.run([sys.executable, str(HERE / "cluster.py"), "--tasks", "500"], check=False)
    for one in rows.missing:
        print(f"Missing: {one}")
    return 3 if rows.missing else int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
