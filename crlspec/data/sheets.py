"""One table as it stands: columns of numbers and of text, with where each fault is. CSV and the like, Parquet."""

from __future__ import annotations

import csv
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.data.separators import Layout, guess_layout, number_of, open_text, rows_of, suffix_of
from crlspec.data.strangers import require_regular
from crlspec.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["INDEX", "Sheet", "check_names", "faults_of", "read_sheet", "sheet_of"]

INDEX = ""
"""The name of a column without a name, which is taken for the index of the rows."""
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A")
SHOWN = 5  # faults shown of one file


@dataclass(frozen=True)
class Sheet:
    """A table and what was noticed while it was read.

    frame   columns of numbers (missing cells NaN) and of text, by name
    where   the file, or what the table was given as
    layout  of a text table; None for any other
    notes   sentences about what was guessed
    """

    frame: pd.DataFrame
    where: str
    layout: Layout | None = None
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> tuple[str, ...]:
        """The columns that hold text, dates or categories."""
        return tuple(name for name, dtype in self.frame.dtypes.items() if not _numeric(dtype))

    def example(self, column: str) -> str:
        """Where a column of text begins, and with what, for a message."""
        values = self.frame[column].dropna()
        if not len(values):
            return f"{self.where}: column '{column}' is empty."
        told = f"column '{column}' holds text ({str(values.iloc[0])!r}), not numbers."
        if self.layout is None:
            return f"{self.where}: row {int(values.index[0]) + 1}: {told}"
        at = list(self.frame.columns).index(column)
        with open_text(Path(self.where)) as handle:
            rows = rows_of(handle, self.layout.separator)
            next(rows, None)
            line = next((line for line, cells in rows if cells[at:] and cells[at].strip() not in MISSING), 1)
        return f"{self.where}:{line}: {told}"


def read_sheet(path: Path) -> Sheet:
    """The table of a file. Raises DataError that names file, line and column: no header, a name that stands twice,
    rows of another length, a cell that is no number in a column of numbers."""
    require_regular(path)
    try:
        return _read_parquet(path) if suffix_of(path) == ".parquet" else _read_text(path)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: this is not a UTF-8 CSV file ({error}).", remedy="Save the table as CSV in UTF-8."
        ) from None
    except (csv.Error, EOFError) as error:
        raise DataError(
            f"{path}: this is not a table in text ({error}).", remedy="Save the table as CSV in UTF-8."
        ) from None
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}).", remedy="Check the path and its rights."
        ) from None


def sheet_of(frame: pd.DataFrame, where: str = "The table") -> Sheet:
    """A DataFrame as a sheet, its columns called by text. Raises DataError for a name that stands twice."""
    names = tuple(str(name).strip() for name in frame.columns)
    if not names:
        raise DataError(
            f"{where}: the table has no columns.", remedy="Give one column per observed variable."
        )
    check_names(where, names, "")
    return Sheet(frame.set_axis(list(names), axis=1).reset_index(drop=True), where)


def _numeric(dtype: Any) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(dtype)) and dtype.kind in "biuf"


def _read_text(path: Path) -> Sheet:
    layout = guess_layout(path)
    header = _checked(path, layout)
    frame = _parsed(path, layout, header)
    if frame is None:
        raise faults_of(path, layout, header)
    notes = [layout.told(path)]
    if header[0] == INDEX:
        _require_index(path, frame[INDEX])
        notes.append(f"{path.name}: the first column has no name and is taken for the index of the rows.")
    return Sheet(frame, str(path), layout, tuple(note for note in notes if note))


def _require_index(path: Path, column: pd.Series) -> None:
    """Raise DataError where a column without a name holds numbers that do not count rows."""
    if not _numeric(column.dtype) or (len(column) and (np.diff(column.to_numpy()) == 1).all()):
        return
    raise DataError(
        f"{path}:1: column 1 has no name.",
        remedy="Name it. If it is a row index, write the table without it (pandas: index=False).",
    )


def _parsed(path: Path, layout: Layout, header: tuple[str, ...]) -> pd.DataFrame | None:
    """The columns, those of numbers as such; None where rows are of unequal length or numbers mixed with text."""
    import pandas as pd

    names = list(range(len(header)))
    precise: Any = {}
    if int(pd.__version__.split(".")[0]) < 3:  # later versions read every digit by themselves
        precise = {"float_precision": "round_trip"} if layout.decimal == "." else {"dtype": str}
    try:
        with open_text(path) as handle, warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                handle, sep=r"\s+" if layout.separator == " " else layout.separator, decimal=layout.decimal,
                names=names, header=0, index_col=False, na_values=list(MISSING), keep_default_na=False,
                skipinitialspace=True, low_memory=False, **precise,
            )  # fmt: skip
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError):
        return None
    plain = [_numeric(dtype) and dtype.kind != "b" for dtype in frame.dtypes]
    if all(plain):
        return frame.set_axis(list(header), axis=1)
    columns = {}
    for k, name in enumerate(header):
        column = frame[k]
        if not plain[k]:
            column = column.astype(object).where(column.notna())
            numbers = [number_of(str(cell), layout.decimal) for cell in column.dropna()]
            if any(number is not None for number in numbers) and name != INDEX:
                if not all(number is not None for number in numbers):
                    return None
                cells = [np.nan if pd.isna(c) else number_of(str(c), layout.decimal) for c in column]
                column = pd.Series(np.array(cells, dtype=float), index=column.index)
        columns[name] = column
    return pd.DataFrame(columns)


def _checked(path: Path, layout: Layout) -> tuple[str, ...]:
    """The names of the first line, which may lack that of the first column."""
    if not layout.header:
        raise DataError(
            f"{path}: the file is empty." if layout.header is None else f"{path}:1: the header is empty.",
            remedy="Give a header of observed variables and a row for each sample.",
        )
    names = layout.header
    if all(number_of(name) is not None for name in names):
        raise DataError(
            f"{path}:1: the header holds numbers only ({', '.join(names[:3])}, …), as if it were a sample.",
            remedy="Put a first line with the names of the observed variables.",
        )
    check_names(f"{path}:1", names[1:] if names[0] == INDEX and len(names) > 1 else names, "")
    return names


def faults_of(
    path: Path, layout: Layout, header: tuple[str, ...], ignored: frozenset[str] = frozenset()
) -> DataError:
    """The error that names the first faults of a text table, line by line; cells of ignored columns are none."""
    faults: list[str] = []
    with open_text(path) as handle:
        rows = rows_of(handle, layout.separator)
        next(rows, None)
        text = _text_columns(path, layout, header)
        for line, cells in rows:
            fault = _fault(header, cells, layout.decimal, ignored | text)
            if fault:
                faults.append(f"{path}:{line}: {fault}")
            if len(faults) > SHOWN:
                break
    more = ["… and more."] if len(faults) > SHOWN else []
    return DataError(
        "\n".join(faults[:SHOWN] + more) or f"{path}: the table cannot be read.",
        remedy="Every row needs one finite number per column. Mend these rows. Or leave rows with missing cells out, "
        "data: {missing: drop-rows}, or a column, data: {variables: {drop: [NAME]}}.",
    )


def _text_columns(path: Path, layout: Layout, header: tuple[str, ...]) -> frozenset[str]:
    """The columns in which no cell is a number, and the index."""
    numeric: set[str] = set()
    with open_text(path) as handle:
        rows = rows_of(handle, layout.separator)
        next(rows, None)
        for _, cells in rows:
            numeric |= {n for n, cell in zip(header, cells) if number_of(cell, layout.decimal) is not None}
    return frozenset(name for name in header if name not in numeric) | {INDEX}


def _fault(header: tuple[str, ...], cells: list[str], decimal: str, ignored: frozenset[str]) -> str | None:
    """What is wrong with one row, or None."""
    if len(cells) != len(header):
        return f"the row has {len(cells)} cells, the header {len(header)}."
    if tuple(cell.strip() for cell in cells) == header:
        return "the header stands here again, among the samples."
    for name, cell in zip(header, cells, strict=True):
        if name in ignored:
            continue
        value = number_of(cell, decimal)
        if value is None:
            got = f"{cell.strip()!r} is not a number" if cell.strip() else "the cell is empty"
            return f"column '{name}': {got}."
        if not math.isfinite(value):
            return f"column '{name}': {cell.strip()} is not a finite number."
    return None


def _read_parquet(path: Path) -> Sheet:
    try:
        from pyarrow import parquet  # type: ignore[import-untyped]
    except ImportError:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow, which is not installed.",
            remedy="pip install 'crlspec[parquet]', or save the table as CSV.",
        ) from None
    try:
        frame = parquet.read_table(path).to_pandas()
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: this is not a Parquet file ({str(error).splitlines()[0]}).",
            remedy="Check how it was written.",
        ) from None
    return sheet_of(frame, str(path))


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
