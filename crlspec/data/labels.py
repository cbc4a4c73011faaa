"""A few rows of data with true values of the latents beside them: read, and checked by themselves."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crlspec.data.sheets import check_names
from crlspec.data.strangers import require_regular
from crlspec.errors import DataError

__all__ = ["FEWEST", "Labels", "labels_of", "read_labels"]

FEWEST = 5
"""Rows that a calibration takes at least."""
SAME = 1e-9
"""Labels that differ by no more than this, relatively, are the same."""
PLACES = ("environment", "row")


@dataclass(frozen=True)
class Labels:
    """True values of some latents in some rows.

    columns       what the labels are called
    values        (label, column) float64, finite, no column constant
    environments  environment of each labelled row; empty where the observations come with the labels
    rows          (label,) int64: which row of its environment, from 0
    source        what they are called in messages; ``place`` where each label stands, by its number
    """

    columns: tuple[str, ...]
    values: np.ndarray
    environments: tuple[str, ...]
    rows: np.ndarray
    source: str
    place: Callable[[int], str]


def read_labels(path: str | Path) -> Labels:
    """The labels of a .csv or .parquet file with the columns ``environment`` and ``row``, and one for each label.

    Raises DataError with file, line and column.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.", remedy="Give the path of a table of labels.")
    if path.suffix.lower() == ".parquet":
        import pandas as pd

        frame = pd.read_parquet(path)
        table: dict[str, Sequence[Any]] = {str(name): frame[name].tolist() for name in frame.columns}
        return labels_of(table, str(path), lambda k: f"{path}: row {k + 1}")
    require_regular(path)
    if path.suffix.lower() != ".csv":
        raise DataError(f"{path}: labels are read from .csv or .parquet.", remedy="Save the table as CSV.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle)
            header = tuple(cell.strip() for cell in next(reader, []))
            lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path}: this is not a UTF-8 CSV file ({error}).", remedy="Save the table as CSV in UTF-8."
        ) from None
    check_names(
        f"{path}:1", header, "If it is a row index, write the table without it (pandas: index=False)."
    )
    for number, cells in lines:
        if len(cells) != len(header):
            raise DataError(
                f"{path}:{number}: the row has {len(cells)} cells, the header {len(header)}.",
                remedy="Give every row a cell for each column.",
            )
    columns = {name: [cells[k].strip() for _, cells in lines] for k, name in enumerate(header)}
    return labels_of(columns, str(path), lambda k: f"{path}:{lines[k][0]}")


def labels_of(
    table: Mapping[str, Any], source: str, place: Callable[[int], str] | None = None, located: bool = True
) -> Labels:
    """The labels of a mapping of columns, or of a table of pandas.

    source   what it is called in messages; ``place`` where each label of it stands
    located  whether ``environment`` and ``row`` say which rows are labelled; otherwise they must not be there

    Raises DataError where a column is missing, of another length or constant; where a row is labelled twice or is no
    row number; where a label is no finite number; or where fewer than five rows are labelled.
    """
    place = place or (lambda k: f"{source}: label {k + 1}")
    given: dict[str, list[Any]] = {str(name): list(table[name]) for name in table}
    missing = [name for name in PLACES if name not in given] if located else []
    if missing:
        raise DataError(
            f"{source}: the column '{missing[0]}' is missing; there are {', '.join(given) or 'none'}.",
            remedy="Say by the columns environment and row which observations are labelled, rows counted from 0.",
        )
    if not located and (strays := [name for name in PLACES if name in given]):
        raise DataError(
            f"{source}: the column '{strays[0]}' names rows of the data, and the observations are given as well.",
            remedy="Leave out data=, or the columns environment and row.",
        )
    columns = tuple(name for name in given if name not in PLACES)
    if not columns:
        raise DataError(
            f"{source}: there is no column of labels.", remedy="Add one for each labelled latent."
        )
    sizes = {len(cells) for cells in given.values()}
    if len(sizes) != 1:
        raise DataError(f"{source}: the columns differ in length.", remedy="Give one label for each row.")
    if (count := sizes.pop()) < FEWEST:
        raise DataError(
            f"{source}: {count} rows are labelled, and a calibration takes {FEWEST} or more.",
            remedy="Label more rows, spread over the range of the latents; 20 are a good number.",
        )
    values = np.array(
        [[_number(given[name][k], name, place(k)) for name in columns] for k in range(count)], dtype=float
    )
    for k, name in enumerate(columns):
        if np.ptp(values[:, k]) <= SAME * np.abs(values[:, k]).max():
            raise DataError(
                f"{source}: column '{name}': all labels are {values[0, k]:g}.",
                remedy="Label rows in which it differs, or leave the column out.",
            )
    environments, rows = _located(given, place) if located else ((), np.arange(count))
    return Labels(columns, values, environments, rows, source, place)


def _located(
    given: Mapping[str, list[Any]], place: Callable[[int], str]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Environment and row of each label."""
    seen: dict[tuple[str, int], int] = {}
    for k, (environment, cell) in enumerate(zip(given["environment"], given["row"], strict=True)):
        number = _float(cell)
        if number is None or not number.is_integer() or number < 0:
            raise DataError(
                f"{place(k)}: column 'row': {cell!r} is no row number.", remedy="Count rows from 0."
            )
        first = seen.setdefault((str(environment), int(number)), k)
        if first != k:
            raise DataError(
                f"{place(k)}: row {int(number)} of '{environment}' is labelled twice, first in {place(first)}.",
                remedy="Keep one label for each row.",
            )
    return tuple(name for name, _ in seen), np.array([row for _, row in seen], dtype=np.int64)


def _number(cell: Any, column: str, where: str) -> float:
    number = _float(cell)
    if number is not None and math.isfinite(number):
        return number
    got = "the cell is empty" if cell in ("", None) else f"{cell!s} is not a finite number"
    raise DataError(
        f"{where}: column '{column}': {got}.",
        remedy="Give every labelled row a number, or leave the row out.",
    )


def _float(cell: Any) -> float | None:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None
