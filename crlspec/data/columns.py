"""Which columns of tables are observed: those asked for, less those to leave out; text is never observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from crlspec.data.sheets import INDEX, Sheet, faults_of
from crlspec.data.tree import listed
from crlspec.data.wanted import Wanted
from crlspec.errors import DataError
from crlspec.numerics.linalg import blocks
from crlspec.numerics.rows import Rows

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["aligned", "chosen", "named", "observed_of", "without_missing"]

SHOWN = 6  # files named in one error


def observed_of(
    sheets: Mapping[str, Sheet], wanted: Wanted, labels: Sequence[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Environment or file → its observed columns, in the order of its table or as asked for.

    labels  columns with another use, such as that of the environments

    Raises DataError that names every table at fault: columns asked for that are not there, columns of text.
    """
    found: dict[str, tuple[str, ...]] = {}
    faults: list[str] = []
    text: dict[str, list[str]] = {}
    for name, sheet in sheets.items():
        here = tuple(sheet.frame.columns)
        asked = (*wanted.variables, *wanted.drop)
        missing = [column for column in asked if column not in here]
        if missing and (not wanted.variables or any(column in wanted.variables for column in missing)):
            faults.append(f"{sheet.where}: there is no column {_nearest(missing, here)}.")
        kept = wanted.variables or tuple(c for c in here if c not in (*wanted.drop, *labels, INDEX))
        kept = tuple(column for column in kept if column not in wanted.drop)
        for column in set(kept) & set(sheet.text):
            text.setdefault(column, []).append(sheet.example(column))
        found[name] = kept
    if faults:
        raise DataError("\n".join(faults[:SHOWN]), remedy="Name columns of the table in data.variables.")
    if text:
        told = [line for _, lines in sorted(text.items()) for line in lines]
        raise DataError(
            "\n".join([*told[:SHOWN], *([f"… and {len(told) - SHOWN} more."] if len(told) > SHOWN else [])]),
            remedy=f"Leave it out: data: {{variables: {{drop: [{', '.join(sorted(text))}]}}}}. Or name the columns "
            "that are observed: data: {variables: [a, b]}.",
        )
    if empty := [sheets[name].where for name, kept in found.items() if not kept]:
        raise DataError(f"{empty[0]}: no column of numbers is left.", remedy="Leave fewer columns out.")
    return found


def _nearest(missing: Sequence[str], here: Sequence[str]) -> str:
    near = get_close_matches(missing[0], here, 1)
    return listed(missing) + (f" (did you mean '{near[0]}'?)" if near else f"; there are {listed(here, 12)}")


def aligned(
    sheets: Mapping[str, Sheet], kept: Mapping[str, tuple[str, ...]], reference: str
) -> tuple[str, ...]:
    """The columns of all tables, in the order of the reference.

    Raises DataError that names every table whose columns are others.
    """
    wanted, faults = kept[reference], []
    for name, columns in kept.items():
        lacks = [column for column in wanted if column not in columns]
        extra = [column for column in columns if column not in wanted]
        if lacks or extra:
            parts = [f"lacks {listed(lacks)}"] if lacks else []
            parts += [f"has {listed(extra)}, which the other does not"] if extra else []
            faults.append(
                f"{sheets[name].where}:1: the columns differ from those of {_short(sheets[reference].where)}: it "
                f"{' and '.join(parts)}."
            )
    if faults:
        raise DataError(
            "\n".join(faults[:SHOWN]),
            remedy="Every environment needs the same observed variables. Name those that all have: data: {variables: "
            "[a, b]}, or leave the others out: data: {variables: {drop: [c]}}.",
        )
    return wanted


def _short(where: str) -> str:
    return where.rsplit("/", 1)[-1]


def chosen(sheet: Sheet, columns: tuple[str, ...], wanted: Wanted) -> np.ndarray:
    """The values (sample, column) float64, missing cells NaN.

    Raises DataError that names line and column where a cell is missing, unless such rows are to be dropped, and
    where a number is infinite.
    """
    values = sheet.frame[list(columns)].to_numpy(dtype=np.float64, na_value=np.nan)
    gaps = np.isnan(values)
    infinite = np.isinf(values)
    refused = infinite | (gaps if wanted.missing == "refuse" else np.zeros_like(gaps))
    if gaps.any() and sheet.layout is not None:
        _even_rows(sheet)
    if not refused.any():
        return values
    if sheet.layout is not None:
        from pathlib import Path

        ignored = frozenset(name for name in sheet.frame.columns if name not in columns)
        raise faults_of(Path(sheet.where), sheet.layout, tuple(sheet.frame.columns), ignored)
    row, column = np.argwhere(refused)[0]
    raise DataError(
        f"{sheet.where}: row {row + 1}, column '{columns[column]}': {values[row, column]} is not a finite number "
        f"({int(refused.any(axis=1).sum())} of {len(values)} rows have such a cell).",
        remedy="Leave these rows out, data: {missing: drop-rows}, or the column, data: {variables: {drop: "
        f"[{columns[column]}]}}}}.",
    )


def _even_rows(sheet: Sheet) -> None:
    """Raise DataError where a row of a text table is shorter than the header, which its parser fills up."""
    from pathlib import Path

    from crlspec.data.separators import open_text, rows_of

    assert sheet.layout is not None
    header = tuple(sheet.frame.columns)
    with open_text(Path(sheet.where)) as handle:
        if any(len(cells) < len(header) for _, cells in rows_of(handle, sheet.layout.separator)):
            raise faults_of(Path(sheet.where), sheet.layout, header)


def without_missing(
    tables: Mapping[str, Mapping[str, xr.DataArray]], wanted: Wanted
) -> tuple[dict[str, dict[str, xr.DataArray]], list[str]]:
    """The tables without rows that miss a cell of x, where such rows are to be dropped, and how many those were."""
    if wanted.missing == "refuse":
        return {name: dict(table) for name, table in tables.items()}, []
    kept, lost = {}, {}
    for name, table in tables.items():
        whole = _whole(table["x"]) if "x" in table else None
        if whole is None or whole.all():
            kept[name] = dict(table)
            continue
        rows = np.flatnonzero(whole)
        lost[name] = len(whole) - len(rows)
        kept[name] = {key: _taken(array, rows) for key, array in table.items()}
    if not lost:
        return kept, []
    told = ", ".join(f"{name} {count}" for name, count in list(lost.items())[:SHOWN])
    return kept, [f"{sum(lost.values())} rows with missing cells were left out ({told})."]


def _whole(x: xr.DataArray) -> np.ndarray:
    """(sample,) whether a row misses no cell."""
    table = x.data
    if not isinstance(table, Rows):
        return np.asarray(~np.isnan(x.values).any(axis=1))
    return np.concatenate([~np.isnan(part).any(axis=1) for part in blocks(table)])


def _taken(array: xr.DataArray, rows: np.ndarray) -> xr.DataArray:
    """Some rows of a variable; of a table that is not in memory they stay where they are."""
    table = array.data
    if not isinstance(table, Rows):
        return array.isel(sample=rows)
    import xarray as xr

    coords = {
        name: values.isel({d: rows for d in values.dims if d == "sample"})
        for name, values in array.coords.items()
    }
    return xr.DataArray(table.taken(rows), coords, array.dims)


def named(label: object) -> str:
    """A label as the name of an environment: text without blanks at its ends, and without slashes."""
    text = label.decode() if isinstance(label, bytes) else str(label)
    if isinstance(label, float | np.floating) and float(label).is_integer():
        text = str(int(label))
    return text.strip().replace("/", "|")


def labels_of(column: pd.Series) -> np.ndarray:
    """The names of the environments of all rows; empty where a label is missing."""
    empty = column.isna().to_numpy()
    return np.array(["" if gone else named(label) for label, gone in zip(column, empty)], dtype=object)
