"""Reading data: a NetCDF or Zarr file, a folder with tables or images per environment, or a folder of experiments."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crlspec.data.experiments import Experiments, read_experiments
from crlspec.data.image_files import image_sources, read_images
from crlspec.data.images import VARIABLE, image_array
from crlspec.data.lifted import loaded
from crlspec.data.notes import notes_in, notes_of
from crlspec.data.strangers import account_for
from crlspec.data.tables import SUFFIXES, read_table, table_files
from crlspec.data.tree import (
    PROVENANCE,
    build_tree,
    labelled_array,
    listed,
    require_rows,
    resolve_observational,
)
from crlspec.disk.folder import refuse_half
from crlspec.disk.seal import is_whole
from crlspec.errors import DataError, LossWarning

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

__all__ = ["read_data"]

NETCDF = (".nc", ".nc4", ".h5", ".hdf5", ".netcdf")
TRUTH, NOTES = "truth", "crlspec.json"


def read_data(
    path: str | Path,
    *,
    variable: str = "x",
    dims: Mapping[str, str] | None = None,
    observational: str | None = None,
    experiments: Mapping[str, Any] | None = None,
) -> xr.DataTree:
    """Data to a DataTree with a child per environment: tables in memory, many images as a memory map.

    path           NetCDF (.nc), Zarr (.zarr), or a folder of CSV or Parquet files, one per environment: file
                   name = environment, header = observed variables, a row a sample; a subfolder ``truth`` may
                   hold the latents. Images lie beside the tables or in their place: ``NAME.npy`` (sample,
                   channel, row, column), or a folder ``NAME`` of PNG or JPEG files, sorted by name; in NetCDF and
                   Zarr the variable ``image`` (sample, channel, row, column)
    variable       NetCDF and Zarr: the variable that holds the observations
    dims           NetCDF and Zarr: the file's own names of the dimensions, for example
                   ``{environment: guide, sample: cell, observed: gene}`` (layouts: ``from_xarray``)
    observational  name of the environment without intervention, where it is not called ``obs`` or
                   ``observational``
    experiments    for a folder of experiments, each a folder of its own with a table and images: which of them, and
                   what of them, in the fields of :class:`Experiments`

    Raises DataError that names file, environment, line and column.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder.", remedy="Check the path of the data.")
    if experiments is not None:
        return read_experiments(path, Experiments(**experiments), observational)
    if path.suffix.lower() == ".zarr" or (path.is_dir() and _is_zarr(path)):
        return _read_labelled(path, "zarr", variable, dims, observational)
    if path.is_dir():
        if dims or variable != "x":
            raise DataError(
                f"{path}: variable and dims are for NetCDF and Zarr files; this is a folder of tables.",
                remedy="Leave them out: the file name is the environment, the header names the observed "
                "variables.",
            )
        return _read_folder(path, observational)
    if path.suffix.lower() in NETCDF:
        return _read_labelled(path, "h5netcdf", variable, dims, observational)
    raise DataError(
        f"{path}: cannot tell how to read a '{path.suffix}' file.",
        remedy="Give a NetCDF (.nc) or Zarr (.zarr) file, or a folder with one .csv or .parquet file per "
        "environment.",
    )


def _is_zarr(path: Path) -> bool:
    return any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zmetadata"))


def _read_labelled(
    path: Path, engine: str, variable: str, dims: Mapping[str, str] | None, observational: str | None
) -> xr.DataTree:
    import xarray as xr

    from crlspec.data.labelled import datasets_of

    if engine == "zarr":
        need_zarr(path)
    if path.is_file() and _is_broken(path):
        raise DataError(
            f"{path}: the data are damaged: their bytes are not those that were written.",
            remedy="Take a copy of the file, or make it again.",
        )
    try:
        with xr.open_datatree(path, engine=engine) as opened:
            data = loaded(opened, path)
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
    tables, notes = datasets_of(data, variable, dict(dims or {}), str(path))
    if not tables:
        raise DataError(f"{path}: the file holds no environments.", remedy="Write one group per environment.")
    return build_tree(tables, observational, notes, dict.fromkeys(tables, str(path)))


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


def _read_folder(folder: Path, observational: str | None) -> xr.DataTree:
    refuse_half(folder)
    sources = image_sources(folder, TRUTH)
    if sources and not any(file.suffix.lower() in SUFFIXES for file in folder.iterdir()):
        account_for(folder, sources.values(), (NOTES, TRUTH))
        return _read_image_folder(folder, sources, {}, observational)
    files = table_files(folder)
    account_for(folder, (*files.values(), *sources.values()), (NOTES, TRUTH))
    tables = {name: read_table(file) for name, file in files.items()}
    if sources:
        _require_both(folder, sources, files)
    reference = resolve_observational(tuple(tables), observational) or next(iter(tables))
    truths = _read_truth(folder / TRUTH, {name: len(values) for name, (_, values) in tables.items()})
    datasets = {}
    for name, (header, values) in tables.items():
        aligned = _aligned(header, values, tables[reference][0], files[name], files[reference])
        datasets[name] = {"x": labelled_array(aligned, name, "observed", tables[reference][0], "x")}
        if name in truths:
            latents, z = truths[name]
            datasets[name]["z"] = labelled_array(z, name, "latent", latents, "z")
    if sources:
        return _read_image_folder(folder, sources, datasets, observational)
    read_from = {name: str(file) for name, file in files.items()}
    return build_tree(datasets, observational, notes_in(folder / NOTES, datasets), read_from)


def _read_image_folder(
    folder: Path,
    sources: Mapping[str, Path],
    tables: Mapping[str, dict[str, xr.DataArray]],
    observational: str | None,
) -> xr.DataTree:
    """Images, beside the tables of the same environments where there are some."""
    datasets = {}
    for name, images in read_images(sources).items():
        datasets[name] = {**tables.get(name, {}), VARIABLE: image_array(images, str(sources[name]))}
        require_rows(datasets[name], str(sources[name]))
    if not tables:
        counts = {name: data[VARIABLE].sizes["sample"] for name, data in datasets.items()}
        for name, (latents, z) in _read_truth(folder / TRUTH, counts).items():
            datasets[name]["z"] = labelled_array(z, name, "latent", latents, "z")
    read_from = {name: str(path) for name, path in sources.items()}
    return build_tree(datasets, observational, notes_in(folder / NOTES, datasets), read_from)


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


def _aligned(
    header: tuple[str, ...], values: np.ndarray, wanted: tuple[str, ...], file: Path, reference: Path
) -> np.ndarray:
    """The columns in the order of the reference file; raises DataError where the names differ."""
    if header == wanted:
        return values
    missing, extra = [n for n in wanted if n not in header], [n for n in header if n not in wanted]
    if missing or extra:
        parts = [f"lacks {listed(missing)}"] if missing else []
        parts += [f"has {listed(extra)}, which the other does not"] if extra else []
        raise DataError(
            f"{file}:1: the columns differ from those of {reference.name}: it {' and '.join(parts)}.",
            remedy="Every environment needs the same observed variables.",
        )
    return values[:, [header.index(name) for name in wanted]]


def _read_truth(folder: Path, counts: Mapping[str, int]) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """The latents of a folder that crlspec wrote, where it holds them; a LossWarning names what else is there."""
    if not folder.is_dir() or not any(file.suffix.lower() in SUFFIXES for file in folder.iterdir()):
        return {}
    files = {name: file for name, file in table_files(folder).items() if name in counts}
    if others := [entry.name for entry in sorted(folder.iterdir()) if entry not in files.values()]:
        warnings.warn(LossWarning(f"{folder}: not read: {listed(others)}."), stacklevel=2)
    truths = {name: (file, read_table(file)) for name, file in files.items()}
    for name, (file, (_, values)) in truths.items():
        if len(values) != counts[name]:
            raise DataError(
                f"{file}: {len(values)} rows of truth for {counts[name]} observations.",
                remedy="Give one row of truth for each observation, or remove the folder.",
            )
    return {name: table for name, (_, table) in truths.items()}
