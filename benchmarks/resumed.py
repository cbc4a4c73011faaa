"""Tables of runs that are kept line by line, so that a benchmark goes on where it was stopped."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


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
