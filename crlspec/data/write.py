"""Writing data whole or not at all: a NetCDF file, a Zarr store, or a folder of tables and images."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from crlspec.data.image_files import ARRAY
from crlspec.data.images import DIMS, VARIABLE
from crlspec.data.notes import NOTES, TRUTH
from crlspec.data.read import NETCDF, need_zarr
from crlspec.data.tree import PROVENANCE, environments_of, plain_labels, text_labels, written_notes
from crlspec.disk.folder import held, whole_folder
from crlspec.disk.netcdf import netcdf
from crlspec.disk.write import failures, refuse_file, write_file
from crlspec.errors import DataError, OutputExists

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["bytes_of", "is_data", "is_store", "refuse_data", "table_writer", "tables_writer", "write_data"]

NAMED = ("observed", "latent")
"""Dimensions whose labels are names."""

CHUNK = 2**22
"""Numbers in a chunk of images of a Zarr store, about."""

METADATA = ".zmetadata"
"""Of a Zarr store: without it no store is read."""

TEXT = {"csv": 20, "parquet": 8}
"""Bytes of a number in a table, about."""

SUFFIXES = (".csv", ".parquet")
"""Of tables that are written."""


def write_data(tree: xr.DataTree, path: str | Path, force: bool = False, *, table: str = "csv") -> Path:
    """Write a DataTree of data; ``read_data`` of the returned path gives it back, value for value.

    path   .nc → NetCDF, .zarr → Zarr, no suffix → a folder with one table per environment, images as ``NAME.npy``,
           the provenance in ``crlspec.json`` and, where there is a truth, the latents in the subfolder ``truth``
    force  replace what is there; a folder is only replaced when it holds nothing but data
    table  ``csv`` or ``parquet``: the format inside a folder

    Raises OutputExists where something is there already and force is not set, DataError for an
    unknown suffix, WriteError where the disk is full or the place cannot be written.
    """
    path = Path(path)
    refuse_data(path, force, table)
    if path.suffix.lower() in NETCDF:
        return write_file(path, netcdf(_portable(tree)), force)
    zarr, store = path.suffix.lower() == ".zarr", is_store(path)
    with (
        whole_folder(path, lambda entry: store or is_data(entry), METADATA if zarr else NOTES) as building,
        failures(path),
    ):
        if zarr:
            _write_zarr(_portable(tree), building)
        else:
            _write_folder(tree, building, table)
    return path


def refuse_data(path: Path, force: bool = False, table: str = "csv") -> None:
    """Raises as :func:`write_data` does before anything is written."""
    if path.suffix.lower() in NETCDF:
        refuse_file(path, force)
        return
    if path.suffix.lower() != ".zarr" and path.suffix != "" and not path.is_dir():
        raise DataError(
            f"{path}: cannot tell how to write a '{path.suffix}' file.",
            remedy="Choose .nc, .zarr, or a name without suffix for a folder of tables.",
        )
    if f".{table}" not in SUFFIXES:
        raise DataError(f"There is no table format '{table}'.", remedy="Choose csv or parquet.")
    if path.suffix.lower() == ".zarr":
        need_zarr(path)
    if path.exists() and not path.is_dir():
        raise OutputExists(f"{path} is a file, and these data need a folder.", remedy="Choose another name.")
    if held(path):
        _refuse_folder(path, force)


def bytes_of(tree: xr.DataTree, path: Path, table: str = "csv") -> tuple[int, int]:
    """(of the largest file, of all): how many bytes ``write_data`` writes there, about."""
    sizes = [
        int(values.nbytes if name == VARIABLE or path.suffix else values.size * TEXT[table])
        for node in tree.children.values()
        for name, values in node.data_vars.items()
    ]
    whole = sum(sizes)
    return (whole if path.suffix.lower() in NETCDF else max(sizes, default=0)), whole


def is_store(path: Path) -> bool:
    """Whether a folder is a Zarr store."""
    return any((path / name).exists() for name in ("zarr.json", ".zgroup"))


def is_data(entry: Path) -> bool:
    """Whether an entry of a folder is one that ``write_data`` makes."""
    if entry.name in {TRUTH, NOTES}:
        return True
    return entry.is_file() and entry.suffix.lower() in (*SUFFIXES, ARRAY)


def _refuse_folder(path: Path, force: bool) -> None:
    """Raise OutputExists unless force is set and there is nothing but data in the folder."""
    if not force:
        raise OutputExists(
            f"{path}: the folder exists and is not empty.",
            remedy="Choose another name, or overwrite it with --force.",
        )
    if is_store(path):
        return
    strangers = [entry.name for entry in held(path) if not is_data(entry)]
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
    for name in environments_of(tree):
        if Path(name).name != name or name.startswith("."):
            raise DataError(
                f"'{name}' cannot be a file name.", remedy="Rename the environment, or write NetCDF (.nc)."
            )
        data = tree.children[name].to_dataset(inherit=True)
        if "x" in data:
            _write_table(data["x"], folder / f"{name}.{table}")
        if VARIABLE in data:
            images = data[VARIABLE].transpose(*DIMS).values
            write_file(folder / f"{name}{ARRAY}", lambda file, images=images: _write_array(images, file))  # type: ignore[misc]
        if "z" in data:
            _write_table(data["z"], folder / TRUTH / f"{name}.{table}")
    notes = json.dumps(written_notes(tree), sort_keys=True, indent=1)
    write_file(folder / NOTES, notes + "\n")


def _write_array(values: np.ndarray, file: IO[bytes]) -> None:
    """As numpy.save does, whose own way to the disk does not say why it failed."""
    described = np.lib.format.dtype_to_descr(values.dtype)
    head = {"descr": described, "fortran_order": False, "shape": values.shape}
    np.lib.format.write_array_header_1_0(file, head)
    step = max(1, CHUNK // max(1, int(np.prod(values.shape[1:]))))
    for start in range(0, len(values), step):
        file.write(np.ascontiguousarray(values[start : start + step]).data)


def _write_table(array: xr.DataArray, path: Path) -> None:
    import pandas as pd

    column = array.dims[1]
    frame = pd.DataFrame(array.values, columns=[str(name) for name in array[column].values])
    write_file(path, table_writer(frame, path))


def table_writer(frame: pd.DataFrame, path: Path) -> Callable[[IO[bytes]], object]:
    """What writes a table into a file, by the suffix of its path. Raises DataError where pyarrow is missing."""
    if path.suffix.lower() != ".parquet":
        return lambda file: _write_csv(frame, file)
    _pyarrow(path)
    return lambda file: frame.to_parquet(file, index=False)


def tables_writer(frames: Iterable[pd.DataFrame], path: Path) -> Callable[[IO[bytes]], object]:
    """The same of a table that comes in parts, of which one at a time is in memory."""
    text = path.suffix.lower() != ".parquet"
    pyarrow: Any = None if text else _pyarrow(path)

    def write_text(file: IO[bytes]) -> None:
        for k, frame in enumerate(frames):
            _write_csv(frame, file, k == 0)

    def write(file: IO[bytes]) -> None:
        writer = None
        for frame in frames:
            table = pyarrow.Table.from_pandas(frame, preserve_index=False)
            writer = writer or pyarrow.parquet.ParquetWriter(file, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()

    return write_text if text else write


def _pyarrow(path: Path) -> Any:
    """The package. Raises DataError where it is missing."""
    try:
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError:
        raise DataError(
            f"{path}: writing Parquet needs pyarrow, which is not installed.",
            remedy="pip install 'crlspec[parquet]', or write CSV.",
        ) from None
    return pyarrow


def _write_csv(frame: pd.DataFrame, file: IO[bytes], header: bool = True) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        frame.to_csv(text, index=False, header=header)
        text.flush()
    finally:
        text.detach()
