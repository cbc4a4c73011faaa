"""Tables of runs that are kept line by line, so that a benchmark goes on where it was stopped."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def rows_of(path: Path) -> list[dict[str, str]]:
    """What is in the table so far; nothing where there is none."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def append(path: Path, fields: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Writes each row as soon as it is there, under a head where the table is new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not rows_of(path)
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, fields)
        if new:
            writer.writeheader()
        for row in rows:
            writer.writerow(row)
            file.flush()


def row_of(call: Sequence[str], seconds: float) -> dict[str, Any] | str:
    """The row that a process of its own prints as its last line, in JSON; or why there is none: ``stopped`` after so
    many seconds, or the last line of what it said."""
    try:
        done = subprocess.run(call, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return "stopped"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no message"])[-1]
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row
