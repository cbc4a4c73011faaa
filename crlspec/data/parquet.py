"""Large Parquet files as rows: their row groups are read as they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crlspec.data import lazily
from crlspec.data.separators import suffix_of
from crlspec.data.sheets import Sheet, sheet_of
from crlspec.data.strangers import require_regular
from crlspec.numerics.rows import Rows

__all__ = ["heads", "parquet_rows"]

HEAD = 1000
"""Rows that are looked at for columns of text."""


def heads(files: Mapping[str, Path]) -> dict[str, Sheet]:
    """Environment → the first rows of its table, where all are Parquet and together too large to be read into memory
    unasked; else none."""
    if not files or any(suffix_of(path) != ".parquet" for path in files.values()):
        return {}
    opened = {name: _opened(path) for name, path in files.items()}
    if any(file is None for file in opened.values()):
        return {}
    sizes = [8 * file.metadata.num_rows * file.metadata.num_columns for file in opened.values()]
    if sum(sizes) <= lazily.LARGE or any(file.metadata.num_rows == 0 for file in opened.values()):
        return {}
    found = {}
    for name, file in opened.items():
        first = next(file.iter_batches(batch_size=HEAD))
        found[name] = sheet_of(first.to_pandas(), str(files[name]))
    return found


def parquet_rows(path: Path, columns: tuple[str, ...]) -> Rows:
    """The table (row, column) of some columns of numbers, in this order; missing cells are NaN."""
    file = _opened(path)
    assert file is not None
    counts = [file.metadata.row_group(k).num_rows for k in range(file.metadata.num_row_groups)]
    ends = np.cumsum(counts)
    stored = {str(name).strip(): name for name in file.schema_arrow.names}
    wanted = [stored[name] for name in columns]

    def read(first: int, last: int) -> np.ndarray:
        one = int(np.searchsorted(ends, first, side="right"))
        other = int(np.searchsorted(ends, max(first, last - 1), side="right"))
        table = file.read_row_groups(list(range(one, other + 1)), columns=wanted)
        start = first - int(ends[one] - counts[one])
        part = table.slice(start, last - first)
        values = np.empty((last - first, len(wanted)))
        for k, name in enumerate(wanted):
            values[:, k] = part.column(name).to_numpy()
        return values

    return Rows(read, (int(ends[-1]), len(wanted)), max(1, counts[0]))


def _opened(path: Path) -> Any:
    """The file, nothing of it read; None where it is no Parquet file, or nothing here reads one."""
    require_regular(path)
    try:
        from pyarrow import parquet  # type: ignore[import-untyped]

        return parquet.ParquetFile(path)
    except (ImportError, OSError, ValueError):
        return None  # read_sheet says what is wrong
