"""Recovery from data alone, setting by setting: the table ``tables/recovery`` by ``crlspec sweep``.

    python benchmarks/recovery.py [setting …] [--seeds 20] [--first 1000] [--jobs 2] [--out runs/recovery]

A row per run goes to runs.csv in the folder at once: a run that is there is not done again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from crlspec.cli import main as crlspec


def main() -> int:
    """Print the table; the exit status is that of ``crlspec sweep``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="*", help="parts of the settings' names; all by default")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1000, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/recovery"))
    options = parser.parse_args()
    only = [word for part in options.settings for word in ("--only", part)]
    numbers = [f"--{key}={getattr(options, key)}" for key in ("seeds", "first", "jobs", "out")]
    return crlspec(["sweep", "tables/recovery", *numbers, *only])


if __name__ == "__main__":
    sys.exit(main())
