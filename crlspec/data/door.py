"""The one door for data: a file or folder of any usual kind, or an object in memory, to a DataTree."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crlspec.data.annotated import from_anndata, is_anndata, read_anndata
from crlspec.data.experiments import Experiments, read_experiments
from crlspec.data.folders import read_folder
from crlspec.data.labelled import datasets_of
from crlspec.data.one_table import one_table, tree_of
from crlspec.data.read import NETCDF, is_store, read_labelled
from crlspec.data.separators import suffix_of
from crlspec.data.sheets import read_sheet, sheet_of
from crlspec.data.tree import environments_of, from_arrays, listed, provenance_of
from crlspec.data.wanted import Wanted
from crlspec.errors import DataError, kind_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["KINDS", "read_data"]

KINDS = (
    "a NetCDF (.nc), Zarr (.zarr) or AnnData (.h5ad) file, one table (.csv, .tsv, .txt, .parquet; .gz) with a column "
    "of environments, or a folder with a table or images for each environment"
)


def read_data(
    source: Any,
    *,
    variable: str = "x",
    dims: Mapping[str, str] | None = None,
    observational: str | None = None,
    experiments: Mapping[str, Any] | None = None,
    environment: str | None = None,
    variables: Sequence[str] = (),
    drop: Sequence[str] = (),
    layer: str | None = None,
    missing: str = "refuse",
    transform: Sequence[str] = (),
    components: int | None = None,
) -> xr.DataTree:
    """Data to a DataTree with a child per environment: tables in memory, many images as a memory map.

    source         a path: NetCDF (.nc), Zarr (.zarr), AnnData (.h5ad); one table (.csv, .tsv, .txt, .parquet; packed
                   .gz too) with a column of environments; or a folder of tables, one for each environment: file name
                   = environment, header = observed variables, a row a sample; a subfolder ``truth`` may hold the
                   latents. Images lie beside the tables or in their place: ``NAME.npy`` (sample, channel, row,
                   column), or a folder ``NAME`` of PNG or JPEG files, sorted by name; in NetCDF and Zarr the variable
                   ``image`` (sample, channel, row, column).
                   Or an object: a pandas DataFrame with a column of environments, an AnnData, a mapping from
                   environments to arrays or DataFrames, an xarray DataArray, Dataset or DataTree
    variable       NetCDF, Zarr and xarray: the variable that holds the observations
    dims           the same: their own names of the dimensions, for example
                   ``{environment: guide, sample: cell, observed: gene}`` (layouts: ``from_xarray``)
    observational  name of the environment without intervention, where it is not called ``obs`` or
                   ``observational``
    experiments    for a folder of experiments, each a folder of its own with a table and images: which of them, and
                   what of them, in the fields of :class:`Experiments`
    environment    one table and AnnData: the column, or key of obs, that names each row's environment; where it is
                   not called ``environment``
    variables      the columns to observe, in this order; where left out, all that hold numbers
    drop           columns to leave out; columns of text must be among them
    layer          AnnData: the layer to read, where it is not X
    missing        ``refuse`` missing cells, or ``drop-rows`` that have one
    transform      ``log1p``, ``standardise``: kept with the data, and applied in this order when they are solved
    components     how many pooled principal components are solved in place of the variables

    What was guessed, renamed or left out stands in ``provenance_of(tree)["reading"]``.
    Raises DataError that names file, environment, line and column.
    """
    wanted = Wanted.of(environment, variables, drop, layer, missing, transform, components)
    if isinstance(source, str | os.PathLike):
        labelled = {"variable": variable, "dims": dims}
        return _from_path(Path(source), wanted, observational, labelled, experiments)
    return _from_object(source, wanted, observational, variable, dims)


def _from_path(
    path: Path,
    wanted: Wanted,
    observational: str | None,
    labelled: Mapping[str, Any],
    experiments: Mapping[str, Any] | None,
) -> xr.DataTree:
    if not path.exists():
        raise DataError(
            f"{path}: there is no such file or folder.{_nearest(path)}", "Check the path of the data."
        )
    if experiments is not None:
        return read_experiments(path, Experiments(**experiments), observational)
    if path.is_file() and path.suffix.lower() == ".h5ad":
        return read_anndata(path, wanted, observational)
    if path.is_file() and suffix_of(path) is not None:
        return one_table(read_sheet(path), wanted, observational)
    if path.is_dir() and not is_store(path):
        if labelled["dims"] or labelled["variable"] != "x":
            raise DataError(
                f"{path}: variable and dims are for NetCDF and Zarr files; this is a folder of tables.",
                remedy="Leave them out: the file name is the environment, the header names the observed variables.",
            )
        return read_folder(path, wanted, observational)
    if path.is_file() and path.suffix.lower() not in (*NETCDF, ".zarr"):
        raise DataError(f"{path}: cannot tell how to read a '{path.suffix}' file.", remedy=f"Give {KINDS}.")
    return _narrowed(read_labelled(path, **labelled, observational=observational), wanted, str(path))


def _nearest(path: Path) -> str:
    """What the caller may have meant, among the neighbours of a path that is not there."""
    try:
        names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError:
        names = []
    near = get_close_matches(path.name, names, 1)
    return f" Did you mean {path.with_name(near[0])}?" if near else ""


def _from_object(
    given: Any, wanted: Wanted, observational: str | None, variable: str, dims: Mapping[str, str] | None
) -> xr.DataTree:
    import xarray as xr

    if is_anndata(given):
        return from_anndata(given, wanted, observational)
    if hasattr(given, "columns") and hasattr(given, "to_numpy"):
        return one_table(sheet_of(given), wanted, observational)
    if isinstance(given, xr.DataArray | xr.Dataset | xr.DataTree):
        named = {**dict(dims or {}), **({"environment": wanted.environment} if wanted.environment else {})}
        tables, notes = datasets_of(given, variable, named)
        if not tables:
            raise DataError("The DataTree holds no environments.", remedy="Give one child per environment.")
        return _narrowed(tree_of(tables, observational, Wanted(), [], None, notes), wanted, "The data")
    if isinstance(given, Mapping):
        return _narrowed(from_arrays(given, observational=observational), wanted, "The data")
    raise DataError(
        f"Got {kind_of(given)} for data.",
        remedy=f"Give the path of {KINDS}; or a DataFrame, an AnnData, a mapping from environments to arrays, or "
        "xarray data.",
    )


def _narrowed(tree: xr.DataTree, wanted: Wanted, where: str) -> xr.DataTree:
    """The variables asked for of data that are read already; without rows that miss a cell, where that is asked."""
    if wanted == Wanted(environment=wanted.environment):
        return tree
    if wanted.layer is not None:
        raise DataError(f"{where}: layers are those of AnnData files.", remedy="Leave data.layer out.")
    tables, sources = {}, {}
    for name in environments_of(tree):
        data = tree.children[name].to_dataset(inherit=True)
        table = {str(key): array for key, array in data.data_vars.items()}
        if "x" in table and (wanted.variables or wanted.drop):
            here = [str(one) for one in table["x"]["observed"].values]
            if missing := [one for one in (*wanted.variables, *wanted.drop) if one not in here]:
                raise DataError(
                    f"{where}: environment '{name}' has no variable {listed(missing)}; there are {listed(here, 12)}.",
                    remedy="Name variables of the data.",
                )
            kept = [one for one in (wanted.variables or here) if one not in wanted.drop]
            table["x"] = table["x"].isel(observed=[here.index(one) for one in kept])
        tables[name] = table
        if (source := tree.children[name].encoding.get("source")) is not None:
            sources[name] = str(source)
    notes = provenance_of(tree)
    reading = list(notes.pop("reading", []))
    return tree_of(tables, notes.get("observational"), wanted, reading, sources, notes)
