"""Writing data whole or not at all: all goes to a temporary neighbour, which then takes the place."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crlspec.data.image_files import ARRAY
from crlspec.data.images import DIMS, VARIABLE
from crlspec.data.read import NETCDF, NOTES, TRUTH, need_zarr
from crlspec.data.tables import SUFFIXES
from crlspec.data.tree import PROVENANCE, environments_of, plain_labels, text_labels, written_notes
from crlspec.errors import DataError, OutputExists

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["write_data", "write_whole"]

NAMED = ("observed", "latent")
"""Dimensions whose labels are names."""

CHUNK = 2**22
"""Numbers in a chunk of images of a Zarr store, about."""


def write_data(tree: xr.DataTree, path: str | Path, force: bool = False, *, table: str = "csv") -> Path:
    """Write a DataTree of data; ``read_data`` of the returned path gives it back, value for value.

    path   .nc → NetCDF, .zarr → Zarr, no suffix → a folder with one table per environment, images as ``NAME.npy``,
           the provenance in ``crlspec.json`` and, where there is a truth, the latents in the subfolder ``truth``
    force  replace what is there; a folder is only replaced when it holds nothing but data
    table  ``csv`` or ``parquet``: the format inside a folder

    Raises OutputExists where something is there already and force is not set, DataError for an
    unknown suffix.
    """
    path = Path(path)
    if path.suffix.lower() in NETCDF:
        write_whole(path, lambda to: _portable(tree).to_netcdf(to, engine="h5netcdf"), force)
    elif path.suffix.lower() == ".zarr":
        need_zarr(path)
        write_whole(path, lambda to: _write_zarr(_portable(tree), to), force)
    elif path.suffix == "" or path.is_dir():
        if f".{table}" not in SUFFIXES:
            raise DataError(f"There is no table format '{table}'.", remedy="Choose csv or parquet.")
        write_whole(path, lambda to: _write_folder(tree, to, table), force)
    else:
        raise DataError(
            f"{path}: cannot tell how to write a '{path.suffix}' file.",
            remedy="Choose .nc, .zarr, or a name without suffix for a folder of tables.",
        )
    return path


def write_whole(path: Path, write: Callable[[Path], object], force: bool = False) -> None:
    """Let ``write`` make a file or folder under a temporary name, then move it to ``path``.

    If ``write`` raises, nothing is left behind and what stood at ``path`` stands. Raises OutputExists.
    """
    if path.is_dir() and any(path.iterdir()):
        _refuse_folder(path, force)
    elif path.exists() and not path.is_dir() and not force:
        raise OutputExists(
            f"{path}: the file exists.", remedy="Choose another name, or overwrite it with --force."
        )
    path = path.resolve()  # a link stays a link, to what is new
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        made = scratch / path.name
        write(made)
        if path.is_dir():
            os.replace(path, scratch / "replaced")
            try:
                os.replace(made, path)
            except OSError:
                os.replace(scratch / "replaced", path)
                raise
        else:
            os.replace(made, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _refuse_folder(path: Path, force: bool) -> None:
    """Raise OutputExists unless force is set and there is nothing but data in the folder."""
    if not force:
        raise OutputExists(
            f"{path}: the folder exists and is not empty.",
            remedy="Choose another name, or overwrite it with --force.",
        )
    if any((path / name).exists() for name in ("zarr.json", ".zgroup")):
        return
    strangers = [
        entry.name
        for entry in sorted(path.iterdir())
        if entry.name not in {TRUTH, NOTES}
        and not (entry.is_file() and entry.suffix.lower() in (*SUFFIXES, ARRAY))
    ]
    if strangers:
        raise OutputExists(
            f"{path}: the folder holds more than data ({', '.join(strangers[:5])}) and is not replaced.",
            remedy="Choose another name, or move these files away.",
        )


def _portable(tree: xr.DataTree) -> xr.DataTree:
    """A copy whose labels and attributes every format can hold."""
    import xarray as xr

    children = {}
    for name in environments_of(tree):
        data = tree.children[name].to_dataset(inherit=True)
        labels = {
            dim: (dim, text_labels(data[dim].values) if dim in NAMED else plain_labels(data[dim].values))
            for dim in data.dims
            if dim in data.coords
        }
        children[f"/{name}"] = data.drop_encoding().assign_coords(labels)
    copy = xr.DataTree.from_dict(children)
    copy.attrs[PROVENANCE] = json.dumps(written_notes(tree), sort_keys=True)
    return copy


def _write_zarr(tree: xr.DataTree, path: Path) -> None:
    encoding = {}
    for name, node in tree.children.items():
        if VARIABLE in node.data_vars:
            count, *shape = node[VARIABLE].shape
            images = max(1, min(count, CHUNK // max(1, int(np.prod(shape)))))
            encoding[f"/{name}"] = {VARIABLE: {"chunks": (images, *shape)}}
    # format 3 has no settled type for text yet
    tree.to_zarr(path, zarr_format=2, consolidated=True, encoding=encoding)


def _write_folder(tree: xr.DataTree, folder: Path, table: str) -> None:
    folder.mkdir()
    for name in environments_of(tree):
        if Path(name).name != name or name.startswith("."):
            raise DataError(
                f"'{name}' cannot be a file name.", remedy="Rename the environment, or write NetCDF (.nc)."
            )
        data = tree.children[name].to_dataset(inherit=True)
        if "x" in data:
            _write_table(data["x"], folder / f"{name}.{table}")
        if VARIABLE in data:
            np.save(folder / f"{name}{ARRAY}", data[VARIABLE].transpose(*DIMS).values)
        if "z" in data:
            (folder / TRUTH).mkdir(exist_ok=True)
            _write_table(data["z"], folder / TRUTH / f"{name}.{table}")
    notes = json.dumps(written_notes(tree), sort_keys=True, indent=1)
    (folder / NOTES).write_text(notes + "\n", encoding="utf-8")


def _write_table(array: xr.DataArray, path: Path) -> None:
    import pandas as pd

    column = array.dims[1]
    frame = pd.DataFrame(array.values, columns=[str(name) for name in array[column].values])
    if path.suffix == ".parquet":
        try:
            frame.to_parquet(path, index=False)
        except ImportError:
            raise DataError(
                f"{path}: writing Parquet needs pyarrow, which is not installed.",
                remedy="pip install 'crlspec[parquet]', or write CSV.",
            ) from None
    else:
        frame.to_csv(path, index=False)
