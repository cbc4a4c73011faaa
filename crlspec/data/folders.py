"""A folder with a table for each environment, images of it, or both; a subfolder ``truth`` may hold the latents."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.data.columns import aligned, chosen, observed_of
from crlspec.data.image_files import image_sources, read_images
from crlspec.data.images import VARIABLE, image_array
from crlspec.data.notes import NOTES, TRUTH, notes_in
from crlspec.data.one_table import tree_of
from crlspec.data.parquet import heads, parquet_rows
from crlspec.data.separators import TABLES, stem_of, suffix_of
from crlspec.data.sheets import read_sheet
from crlspec.data.strangers import account_for, require_text_name
from crlspec.data.tree import labelled_array, listed, require_rows, resolve_observational
from crlspec.data.wanted import Wanted
from crlspec.disk.folder import refuse_half
from crlspec.errors import DataError, LossWarning

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["read_folder", "tables_in"]


def read_folder(folder: Path, wanted: Wanted, observational: str | None) -> xr.DataTree:
    """The DataTree of a folder: file name = environment.

    Raises DataError that names file, line and column, and any file that looks like data and is not read.
    """
    refuse_half(folder)
    if wanted.environment is not None:
        raise DataError(
            f"{folder}: in a folder the files are the environments, and data.environment names a column.",
            remedy="Leave data.environment out, or give one table.",
        )
    sources = image_sources(folder, TRUTH)
    files = {} if sources and not any(map(suffix_of, folder.iterdir())) else tables_in(folder)
    account_for(folder, (*files.values(), *sources.values()), (NOTES, TRUTH))
    if sources and files:
        _require_both(folder, sources, files)
    found, reading = _tables(files, wanted, observational)
    for name, images in read_images(sources).items():
        found.setdefault(name, {})[VARIABLE] = image_array(images, str(sources[name]))
        require_rows(found[name], str(sources[name]))
    for name, data in found.items():
        count = next(iter(data.values())).sizes["sample"]
        if (truth := _truth(folder / TRUTH, name, count)) is not None:
            data["z"] = truth
    _account_for_truth(folder / TRUTH, found)
    places = {name: str(path) for name, path in (sources or files).items()}
    return tree_of(found, observational, wanted, reading, places, notes_in(folder / NOTES, found))


def _tables(
    files: Mapping[str, Path], wanted: Wanted, observational: str | None
) -> tuple[dict[str, dict[str, xr.DataArray]], list[str]]:
    """Environment → its table as ``x``; and what was guessed."""
    if not files:
        return {}, []
    large = heads(files)
    sheets = large or {name: read_sheet(path) for name, path in files.items()}
    kept = observed_of(sheets, wanted)
    reference = resolve_observational(tuple(sheets), observational) or next(iter(sheets))
    columns = aligned(sheets, kept, reference)
    found = {}
    for name, sheet in sheets.items():
        values = parquet_rows(files[name], columns) if large else chosen(sheet, columns, wanted)
        found[name] = {"x": labelled_array(values, name, "observed", columns, "x")}
    return found, list(dict.fromkeys(note for sheet in sheets.values() for note in sheet.notes))


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
        require_text_name(path)
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


def _require_both(folder: Path, images: Mapping[str, Path], tables: Mapping[str, Path]) -> None:
    """Raise DataError where some environment has a table and no images, or the other way round."""
    for these, others, what, other in (
        (images, tables, "images", "table"),
        (tables, images, "a table", "images"),
    ):
        if alone := [name for name in these if name not in others]:
            raise DataError(
                f"{folder}: {listed(alone)} {'has' if len(alone) == 1 else 'have'} {what} and no {other}.",
                remedy="Give every environment both, or take the tables away.",
            )


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
