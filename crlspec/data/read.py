"""Reading labelled data: a NetCDF file or a Zarr store."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.data import lazily
from crlspec.data.lifted import loaded
from crlspec.data.notes import notes_of
from crlspec.data.tree import PROVENANCE, build_tree
from crlspec.disk.seal import is_whole
from crlspec.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["NETCDF", "is_store", "need_zarr", "read_labelled"]

NETCDF = (".nc", ".nc4", ".h5", ".hdf5", ".netcdf")


def is_store(path: Path) -> bool:
    """Whether it is a Zarr store."""
    return path.suffix.lower() == ".zarr" or any(
        (path / name).exists() for name in ("zarr.json", ".zgroup", ".zmetadata")
    )


def read_labelled(
    path: Path, variable: str = "x", dims: Mapping[str, str] | None = None, observational: str | None = None
) -> xr.DataTree:
    """The DataTree of a NetCDF file or a Zarr store; large tables stay in the file, and are read as they are needed.

    variable  the one that holds the observations
    dims      the file's own names of the dimensions, for example ``{environment: guide, sample: cell}``

    Raises DataError that names file and environment.
    """
    import xarray as xr

    from crlspec.data.labelled import datasets_of

    engine = "zarr" if is_store(path) else "h5netcdf"
    if engine == "zarr":
        need_zarr(path)
    if path.is_file() and _is_broken(path):
        raise DataError(
            f"{path}: the data are damaged: their bytes are not those that were written.",
            remedy="Take a copy of the file, or make it again.",
        )
    try:
        opened = xr.open_datatree(path, engine=engine)
        stay = _large(opened, (variable, "z"))
        with nullcontext() if stay else opened:  # what stays is read later, from the file that is open
            data = loaded(opened, path, stay)
    except DataError:
        raise
    except Exception as error:  # whatever HDF5 and Zarr make of a file that is none
        kind = "Zarr" if engine == "zarr" else "NetCDF-4"
        raise DataError(
            f"{path}: this cannot be read as {kind} "
            f"({str(error).splitlines()[0] if str(error) else error!r}).",
            remedy="Check how it was written; xarray's to_netcdf(engine='h5netcdf') writes what fits.",
        ) from None
    if PROVENANCE in data.attrs:
        notes_of(data.attrs[PROVENANCE], str(path))
    tables, notes = datasets_of(data, variable, dict(dims or {}), str(path), least=0 if stay else None)
    if not tables:
        raise DataError(f"{path}: the file holds no environments.", remedy="Write one group per environment.")
    return build_tree(tables, observational, notes, dict.fromkeys(tables, str(path)))


def _large(opened: xr.DataTree, tables: tuple[str, ...]) -> frozenset[str]:
    """Those of the variables that are too large, taken together, to be read into memory unasked; else none."""
    sizes = [
        node[name].size * 8
        for node in opened.subtree
        for name in tables
        if name in node.data_vars and node[name].dtype.kind in "biuf"
    ]
    return frozenset(tables) if sum(sizes) > lazily.LARGE else frozenset()


def _is_broken(path: Path) -> bool:
    """Whether a file that was sealed has changed. Raises DataError where it cannot be read."""
    try:
        return is_whole(path) is False
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}).", remedy="Check the path and its rights."
        ) from None


def need_zarr(path: Path) -> None:
    """Raise DataError where the zarr package is missing."""
    try:
        import zarr  # noqa: F401
    except ImportError:
        raise DataError(
            f"{path}: Zarr needs the package zarr, which is not installed.",
            remedy="pip install 'crlspec[zarr]', or use NetCDF (.nc).",
        ) from None
