"""How a text table is laid out: the mark between its columns, its decimal mark, its header; guessed, and said."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

__all__ = ["Layout", "guess_layout", "number_of", "open_text", "rows_of", "stem_of", "suffix_of"]

TEXT = (".csv", ".tsv", ".tab", ".txt")
TABLES = (*TEXT, ".parquet")
LOOKED = 50  # lines that a guess is made from
OWN = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
WORDS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars", " ": "blanks"}
COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?$")


@dataclass(frozen=True)
class Layout:
    """separator  one character; a blank stands for any run of blanks
    decimal       ``.`` or ``,``
    header        the cells of the first line, stripped; the first one empty where rows have a name that it lacks
    """

    separator: str
    decimal: str
    header: tuple[str, ...] | None

    def told(self, path: Path) -> str | None:
        """What was guessed, in words; None where it is what the suffix says."""
        other = self.separator != OWN.get(suffix_of(path) or "", "")
        parts = [f"columns are separated by {WORDS[self.separator]}"] if other and self.header else []
        parts += ["decimals by commas"] if self.decimal == "," else []
        return f"{path.name}: {', '.join(parts)}." if parts else None


def suffix_of(path: Path) -> str | None:
    """``.csv``, ``.tsv``, ``.tab``, ``.txt`` or ``.parquet``, of ``name.csv.gz`` too; None for any other file."""
    parts = [suffix.lower() for suffix in path.suffixes]
    last = parts[-2] if parts[-1:] == [".gz"] and len(parts) > 1 else (parts[-1] if parts else "")
    if parts[-1:] == [".gz"] and last == ".parquet":
        return None
    return last if last in TABLES else None


def stem_of(path: Path) -> str:
    """The name without ``.csv``, and without ``.csv.gz``."""
    name = path.name[: -len(".gz")] if path.name.lower().endswith(".gz") else path.name
    return Path(name).stem


def open_text(path: Path) -> TextIO:
    """The table as text, unpacked where it is packed."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def rows_of(handle: TextIO, separator: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every row, blank ones left out."""
    reader = csv.reader(handle, delimiter=separator, skipinitialspace=separator == " ")
    for cells in reader:
        kept = cells[:-1] if separator == " " and cells[-1:] == [""] else cells
        if kept and (len(kept) > 1 or kept[0].strip()):
            yield reader.line_num, kept


def guess_layout(path: Path) -> Layout:
    """The layout that makes all of the first rows equally long; what the suffix says, where several do or none does.

    A header may lack the first cell of its rows, as R writes it, where that cell is text or in quotes.
    """
    with open_text(path) as handle:
        lines = [line for line, _ in zip(handle, range(LOOKED))]
    first = OWN.get(suffix_of(path) or "", ",")
    found: dict[str, list[list[str]]] = {}
    for separator in dict.fromkeys([first, *WORDS]):
        if not any(separator in line for line in lines):
            continue  # one column, which no guess chooses
        rows = [cells for _, cells in rows_of(lines, separator)]  # type: ignore[arg-type]
        if rows and _even(rows, lines):
            found[separator] = rows
    best = first if first in found else max(found, key=lambda mark: len(found[mark][-1]), default=first)
    rows = found.get(best) or [cells for _, cells in rows_of(lines, best)]  # type: ignore[arg-type]
    if not rows:
        return Layout(best, ".", None if not lines else ())
    header = tuple(cell.strip() for cell in rows[0])
    if best in found and len(rows) > 1 and len(rows[1]) == len(header) + 1:
        header = ("", *header)
    return Layout(best, _decimal(rows[1:], best), header)


def _even(rows: Sequence[Sequence[str]], lines: Sequence[str]) -> bool:
    """Whether all rows are as long as the header, or one cell of text longer; and longer than one cell."""
    length = len(rows[-1])
    if length < 2 or any(len(row) != length for row in rows[1:]):
        return False
    if len(rows[0]) == length:
        return True
    named = all(number_of(row[0]) is None for row in rows[1:]) or all(
        line.startswith('"') for line in lines[1:] if line.strip()
    )
    return len(rows) > 1 and len(rows[0]) == length - 1 and named


def _decimal(rows: Sequence[Sequence[str]], separator: str) -> str:
    if separator == ",":
        return "."
    cells = [cell.strip() for row in rows for cell in row]
    commas = any(COMMA.match(cell) for cell in cells)
    points = any("." in cell and number_of(cell) is not None for cell in cells)
    return "," if commas and not points else "."


def number_of(cell: str, decimal: str = ".") -> float | None:
    """The number that a cell holds; None where it holds none."""
    if "_" in cell:
        return None
    try:
        return float(cell.replace(",", ".") if decimal == "," else cell)
    except ValueError:
        return None
