"""CSV and Parquet tables: one environment a file, header = observed variables, a row a sample.

Reading is strict: a cell that is not a finite number, a row of another length or a doubtful header is an
error that names the file, the line and the column. A fast parser reads what is in order; a slow one, line by
line, finds what is not.
"""

from __future__ import annotations

import contextlib
import csv
import math
import warnings
from pathlib import Path

import numpy as np

from crlspec.data.strangers import require_regular, require_text_name
from crlspec.errors import DataError

__all__ = ["read_table", "table_files"]

SUFFIXES = (".csv", ".parquet")
SHOWN = 5  # faults shown of one file


def table_files(folder: Path) -> dict[str, Path]:
    """Environment → file, in the order of their names; hidden and other files are left to ``account_for``.

    Raises DataError where there is no table, or two for one environment.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        require_text_name(path)
        if path.stem in found:
            raise DataError(
                f"{folder}: environment '{path.stem}' has two files, {found[path.stem].name} and "
                f"{path.name}.",
                remedy="Keep one file for each environment.",
            )
        found[path.stem] = path
    if not found:
        seen = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise DataError(
            f"{folder}: there is no .csv or .parquet file in this folder; it holds {seen}.",
            remedy="Put one file per environment there: file name = environment, header = observed "
            "variables.",
        )
    return found


def read_table(path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """(column names, values (sample, column) float64). Raises DataError with file, line and column."""
    require_regular(path)
    return _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)


def _read_csv(path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    values = None
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            header = _header(path, next(csv.reader(handle), None))
            with contextlib.suppress(ValueError), warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", UserWarning
                )  # a header without samples, which Problem refuses
                values = np.loadtxt(handle, delimiter=",", quotechar='"', comments=None, ndmin=2)
        if values is None or values.shape[1] != len(header) or not np.isfinite(values).all():
            values = _read_slowly(path, header)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path}: this is not a UTF-8 CSV file ({error}).", remedy="Save the table as CSV in UTF-8."
        ) from None
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}).", remedy="Check the path and its rights."
        ) from None
    return header, values


def _header(path: Path, cells: list[str] | None) -> tuple[str, ...]:
    """The checked names of the first line."""
    if cells is None or not any(cell.strip() for cell in cells):
        raise DataError(
            f"{path}: the file is empty." if cells is None else f"{path}:1: the header is empty.",
            remedy="Give a header of observed variables and a row for each sample.",
        )
    names = tuple(cell.strip() for cell in cells)
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        raise DataError(
            f"{path}:1: the header is one cell, {names[0][:60]!r}.", remedy="Separate the columns by commas."
        )
    if all(_number(name) is not None for name in names):
        raise DataError(
            f"{path}:1: the header holds numbers only ({', '.join(names[:3])}, …), as if it were a sample.",
            remedy="Put a first line with the names of the observed variables.",
        )
    check_names(f"{path}:1", names, "If it is a row index, write the table without it (pandas: index=False).")
    return names


def check_names(where: str, names: tuple[str, ...], remedy: str) -> None:
    """Raise DataError where a column has no name, or two have the same."""
    if "" in names:
        raise DataError(f"{where}: column {names.index('') + 1} has no name.", remedy=f"Name it. {remedy}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        at = [k + 1 for k, name in enumerate(names) if name == twice[0]]
        raise DataError(
            f"{where}: the name '{twice[0]}' stands in columns {', '.join(map(str, at))}.",
            remedy="Give each observed variable its own name.",
        )


def _read_slowly(path: Path, header: tuple[str, ...]) -> np.ndarray:
    """The values, cell by cell; raises DataError listing the first faults with line and column."""
    rows, faults = [], []
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.reader(handle)
        next(reader)
        for cells in reader:
            if not cells or (len(cells) == 1 and not cells[0].strip() and len(header) > 1):
                continue
            row = [_number(cell) for cell in cells]
            fault = _fault(header, cells, row)
            if fault:
                faults.append(f"{path}:{reader.line_num}: {fault}")
            rows.append(row)
            if len(faults) > SHOWN:
                break
    if faults:
        more = ["… and more."] if len(faults) > SHOWN else []
        raise DataError(
            "\n".join(faults[:SHOWN] + more),
            remedy="Every row needs one finite number per column; mend these rows or leave them out.",
        )
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(header))


def _fault(header: tuple[str, ...], cells: list[str], row: list[float | None]) -> str | None:
    """What is wrong with one row, or None."""
    if len(cells) != len(header):
        return f"the row has {len(cells)} cells, the header {len(header)}."
    if tuple(cell.strip() for cell in cells) == header:
        return "the header stands here again, among the samples."
    for name, cell, value in zip(header, cells, row, strict=True):
        if value is None:
            got = f"{cell.strip()!r} is not a number" if cell.strip() else "the cell is empty"
            return f"column '{name}': {got}."
        if not math.isfinite(value):
            return f"column '{name}': {cell.strip()} is not a finite number."
    return None


def _number(cell: str) -> float | None:
    if "_" in cell:
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _read_parquet(path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    try:
        from pyarrow import parquet  # type: ignore[import-untyped]
    except ImportError:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow, which is not installed.",
            remedy="pip install 'crlspec[parquet]', or save the table as CSV.",
        ) from None
    try:
        table = parquet.read_table(path)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: this is not a Parquet file ({error}).", remedy="Check how it was written."
        ) from None
    index = _pandas_index(table)
    names = tuple(str(name) for name in table.column_names if name not in index)
    if not names:
        raise DataError(f"{path}: the table has no columns.", remedy="Give one column per observed variable.")
    check_names(str(path), tuple(name.strip() for name in names), "")
    values = np.empty((table.num_rows, len(names)))
    for k, name in enumerate(names):
        column = table.column(name)
        try:
            values[:, k] = column.to_numpy()
        except (TypeError, ValueError):
            raise DataError(
                f"{path}: column '{name}' holds {column.type}, not numbers.",
                remedy="Store every column as numbers.",
            ) from None
    if not np.isfinite(values).all():
        row, column_at = np.argwhere(~np.isfinite(values))[0]
        raise DataError(
            f"{path}: row {row + 1}, column '{names[column_at]}': {values[row, column_at]} is not "
            "a finite number.",
            remedy="Every row needs one finite number per column; mend these rows or leave them out.",
        )
    return tuple(name.strip() for name in names), values


def _pandas_index(table: object) -> set[str]:
    """Columns that pandas stored as its row index."""
    metadata = getattr(table.schema, "pandas_metadata", None) or {}  # type: ignore[attr-defined]
    return {name for name in metadata.get("index_columns", []) if isinstance(name, str)}
