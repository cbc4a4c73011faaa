"""``python -m tests.fuzz.run --count 10000``: every kind, its counts, and the first examples of what was wrong."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.fuzz.fuzzing import Counts, fuzz
from tests.fuzz.kinds import FUZZERS

COLUMNS = ("kind", "inputs", "taken", "tracebacks", "hangs", "executions", "unplaced")


def line(counts: Counts) -> str:
    """The counts of a kind; ``taken`` inputs were in order."""
    return " ".join(f"{getattr(counts, name)!s:>11}" for name in COLUMNS) + f" {counts.seconds:>9.1f} s"


def main() -> int:
    """Fuzz, print, and say by the exit status whether all was sound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="inputs of each kind")
    parser.add_argument("--seed", type=int, default=1, help="of all inputs")
    parser.add_argument(
        "--kind", action="append", choices=[one.kind for one in FUZZERS], help="only this one"
    )
    given = parser.parse_args()
    print(" ".join(f"{name:>11}" for name in (*COLUMNS, "CPU")), flush=True)
    sound = True
    for one in FUZZERS:
        if given.kind and one.kind not in given.kind:
            continue
        with tempfile.TemporaryDirectory() as folder:
            counts = fuzz(one(Path(folder)), given.seed, given.count)
        print(line(counts), flush=True)
        print("".join(f"    {example}\n" for example in counts.examples), end="", flush=True)
        sound = sound and counts.sound
    return 0 if sound else 1


if __name__ == "__main__":
    raise SystemExit(main())
