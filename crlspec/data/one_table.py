"""One table with the environment of each row in a column; and a folder with a table for each environment."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.data.columns import aligned, chosen, labels_of, observed_of, without_missing
from crlspec.data.notes import notes_in
from crlspec.data.read import NOTES, TRUTH
from crlspec.data.separators import TABLES, stem_of, suffix_of
from crlspec.data.sheets import Sheet, read_sheet
from crlspec.data.strangers import account_for
from crlspec.data.tree import build_tree, labelled_array, listed, resolve_observational
from crlspec.data.wanted import Wanted
from crlspec.disk.folder import refuse_half
from crlspec.errors import DataError, LossWarning

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["READING", "folder_of_tables", "in_order", "one_table", "tables_in"]

READING = "reading"
"""Provenance: sentences about what was guessed, left out or renamed while the data were read."""
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


def tables_in(folder: Path) -> dict[str, Path]:
    """Environment → table, in the order of their names; hidden and other files are passed over.

    Raises DataError where there is none, two for one environment, or a link that leads nowhere.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if suffix_of(path) is None or path.name.startswith(".") or path.is_dir():
            continue
        if not path.is_file():
            raise DataError(f"{path}: this link leads nowhere.", remedy="Mend the link, or take it away.")
        name = stem_of(path)
        if name in found:
            raise DataError(
                f"{folder}: environment '{name}' has two files, {found[name].name} and {path.name}.",
                remedy="Keep one file for each environment.",
            )
        found[name] = path
    if not found:
        seen = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise DataError(
            f"{folder}: there is no table in this folder ({', '.join(TABLES)}, or one of them .gz); it holds {seen}.",
            remedy="Put one file per environment there: file name = environment, header = observed "
            "variables.",
        )
    return found


def folder_of_tables(folder: Path, wanted: Wanted, observational: str | None) -> xr.DataTree:
    """A folder with a table for each environment; a subfolder ``truth`` may hold the latents."""
    refuse_half(folder)
    files = tables_in(folder)
    account_for(folder, files.values(), (NOTES, TRUTH))
    sheets = {name: read_sheet(path) for name, path in files.items()}
    if wanted.environment is not None:
        raise DataError(
            f"{folder}: in a folder the files are the environments, and data.environment names a column.",
            remedy="Leave data.environment out, or give one table.",
        )
    kept = observed_of(sheets, wanted)
    reference = resolve_observational(tuple(sheets), observational) or next(iter(sheets))
    columns = aligned(sheets, kept, reference)
    tables = {}
    for name, sheet in sheets.items():
        values = chosen(sheet, columns, wanted)
        tables[name] = {"x": labelled_array(values, name, "observed", columns, "x")}
        if (truth := _truth(folder / TRUTH, name, len(values))) is not None:
            tables[name]["z"] = truth
    _account_for_truth(folder / TRUTH, tables)
    reading = list(dict.fromkeys(note for sheet in sheets.values() for note in sheet.notes))
    sources = {name: str(path) for name, path in files.items()}
    return tree_of(tables, observational, wanted, reading, sources, notes_in(folder / NOTES, tables))


def _account_for_truth(folder: Path, tables: Mapping[str, Mapping[str, object]]) -> None:
    """A LossWarning names what a folder of latents holds beside those of the environments."""
    if folder.is_dir():
        others = [p.name for p in sorted(folder.iterdir()) if not suffix_of(p) or stem_of(p) not in tables]
        if others:
            warnings.warn(LossWarning(f"{folder}: not read: {listed(others)}."), stacklevel=2)


def _truth(folder: Path, name: str, count: int) -> xr.DataArray | None:
    """The latents of an environment, where a folder that crlspec wrote holds them."""
    if not folder.is_dir():
        return None
    found = [path for path in sorted(folder.iterdir()) if suffix_of(path) and stem_of(path) == name]
    if not found:
        return None
    sheet = read_sheet(found[0])
    columns = tuple(sheet.frame.columns)
    values = chosen(sheet, columns, Wanted())
    if len(values) != count:
        raise DataError(
            f"{found[0]}: {len(values)} rows of truth for {count} observations.",
            remedy="Give one row of truth for each observation, or remove the folder.",
        )
    return labelled_array(values, name, "latent", columns, "z")
