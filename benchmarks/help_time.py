"""CPU seconds of ``crlspec --help`` in a fresh process: the median of ten, to stay under 0.3."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

RUNS, LIMIT = 10, 0.3


def cpu_seconds() -> float:
    """User and system seconds of one call."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "crlspec.cli", "--help"], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    found = statistics.median(cpu_seconds() for _ in range(RUNS))
    print(f"crlspec --help: {found:.3f} CPU s (limit {LIMIT})")
    return 0 if found < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
