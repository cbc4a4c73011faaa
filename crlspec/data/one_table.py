"""One table with the environment of each row in a column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.data.columns import chosen, labels_of, observed_of, without_missing
from crlspec.data.sheets import Sheet
from crlspec.data.tree import READING, build_tree, labelled_array, listed
from crlspec.data.wanted import Wanted
from crlspec.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["in_order", "one_table", "tree_of"]

USUAL = ("environment", "condition", "perturbation", "guide", "treatment", "intervention", "regime", "group")
"""Names that a column of environments usually has; ``environment`` alone is taken without being asked for."""


def one_table(sheet: Sheet, wanted: Wanted, observational: str | None) -> xr.DataTree:
    """A table to a DataTree, its environments in the order of their names.

    Raises DataError where nothing says which environment a row belongs to.
    """
    key = environment_column(sheet, wanted)
    labels = labels_of(sheet.frame[key])
    notes = list(sheet.notes)
    if (labels == "").any():
        if wanted.missing == "refuse":
            row = int(np.flatnonzero(labels == "")[0])
            raise DataError(
                f"{sheet.where}: row {row + 1}, column '{key}' is empty ({int((labels == '').sum())} such rows).",
                remedy="Name the environment of every row. Or leave these rows out, data: {missing: drop-rows}.",
            )
        notes.append(f"{int((labels == '').sum())} rows without an environment were left out.")
    kept = observed_of({"": sheet}, wanted, (key,))[""]
    values = chosen(sheet, kept, wanted)
    tables = {
        name: {"x": labelled_array(values[labels == name], name, "observed", kept, "x")}
        for name in in_order(set(labels) - {""})
    }
    return tree_of(tables, observational, wanted, notes, dict.fromkeys(tables, sheet.where))


def environment_column(sheet: Sheet, wanted: Wanted) -> str:
    """The column that names environments. Raises DataError where none is named, and none called so."""
    here = list(sheet.frame.columns)
    if wanted.environment is not None:
        if wanted.environment not in here:
            raise DataError(
                f"{sheet.where}: there is no column '{wanted.environment}' for the environments; there are "
                f"{listed(here, 12)}.",
                remedy="Name the column in data.environment.",
            )
        return wanted.environment
    if "environment" in here:
        return "environment"
    text = [name for name in sheet.text if name]
    usual = [name for name in here if name.lower() in USUAL]
    told = f"; its columns of text are {listed(text)}" if text else ", and no column holds text"
    raise DataError(
        f"{sheet.where}: nothing says which environment a row belongs to{told}.",
        remedy=f"Name the column: data: {{environment: {(usual or text or ['condition'])[0]}}}; in Python "
        "environment=. Or give a folder with a file for each environment.",
    )


def tree_of(
    tables: Mapping[str, Mapping[str, xr.DataArray]],
    observational: str | None,
    wanted: Wanted,
    reading: list[str],
    sources: Mapping[str, str] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> xr.DataTree:
    """The DataTree of tables, rows with missing cells dropped where asked for, and what remains to be done noted."""
    kept, lost = without_missing(tables, wanted)
    notes = {**(provenance or {}), **wanted.notes()}
    if reading + lost:
        notes[READING] = reading + lost
    return build_tree(
        kept, None if observational is None else observational.replace("/", "|"), notes, sources
    )


def in_order(names: set[str]) -> list[str]:
    """Sorted, numbers within names by their size."""
    return sorted(
        names, key=lambda name: [(not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in _parts(name)]
    )


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"(\d+)", name) if part]
