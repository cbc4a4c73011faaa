"""What does a one-second problem cost as a command? CPU seconds of whole processes, and of what they load.

    python benchmarks/startup.py [--runs 3] [--spec linear/hard-5] [--samples 1000] [--modules 25]

The command runs with its report; beside it run the interpreter alone and ``import torch``, which sampling a spec's
model needs; and the command as an installation without extras has it, since xarray and pandas load dask and pyarrow
where they are there. The ratio is that of the least of the runs. All have their bytecode, as what pip installs has: a
first call, which is not counted, writes it. Then the seconds of the loading of each package, its own modules together
(``-X importtime``: wall seconds, inflated by being watched).
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

TARGET = 1.8
"""The whole command over ``import torch``, at most."""

PLAIN = """
import sys
sys.modules.update(dict.fromkeys(("dask", "distributed", "pyarrow")))
from crlspec.cli import main
main()
"""
"""The command where no extra is installed."""


def called(call: list[str]) -> subprocess.CompletedProcess[bytes]:
    """One process in one thread, which may end undecided (4): so few samples need not decide."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(call, capture_output=True, env={**kept, "OMP_NUM_THREADS": "1"}, check=False)
    if done.returncode not in (0, 4):
        raise SystemExit(done.stderr.decode(errors="replace"))
    return done


def cpu_seconds(call: list[str]) -> float:
    """User and system seconds of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    called(call)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def loaded(call: list[str]) -> Counter[str]:
    """Seconds of the loading of each package, or part of a large one."""
    found: Counter[str] = Counter()
    told = called([sys.executable, "-X", "importtime", *call])
    for line in told.stderr.decode(errors="replace").splitlines():
        if one := re.match(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", line):
            parts = one[2].split(".")
            name = ".".join(parts[:2]) if parts[0] in {"crlspec", "scipy"} else parts[0]
            found[name] += int(one[1]) / 1e6
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--spec", default="linear/hard-5")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--modules", type=int, default=25)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = [
            "run",
            asked.spec,
            "--samples",
            str(asked.samples),
            "--force",
            "--out",
            str(Path(folder) / "run"),
        ]
        command = ["-m", "crlspec", *words]
        calls = {"python": ["-c", "pass"], "import torch": ["-c", "import torch"], "run": command}
        calls["without extras"] = ["-c", PLAIN, *words]
        for call in calls.values():
            called([sys.executable, *call])
        least = {
            name: min(cpu_seconds([sys.executable, *call]) for _ in range(asked.runs))
            for name, call in calls.items()
        }
        for name, seconds in least.items():
            print(f"{name:<14} {seconds:6.2f} CPU s")
        for name in ("run", "without extras"):
            ratio = least[name] / least["import torch"]
            print(
                f"{f'{name} / torch':<22} {ratio:6.2f}   target {TARGET}: {'met' if ratio <= TARGET else 'missed'}"
            )
        print("\nseconds of loading, by package")
        for name, seconds in loaded(command).most_common(asked.modules):
            print(f"{seconds:6.3f}  {name}")


if __name__ == "__main__":
    main()
