"""Opened NetCDF and Zarr data into memory, all but many images: those stay on disk as a memory map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crlspec.data.images import IN_MEMORY, VARIABLE, empty_images
from crlspec.numerics.batches import BYTES, release

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["loaded"]


def loaded(opened: xr.DataTree, path: Path, stay: frozenset[str] = frozenset()) -> xr.DataTree:
    """The data with every variable in memory but those that ``stay`` where they are, and images of more than 64 MB as
    a memory map: of the file itself where it holds them in one piece, as ``write_data`` does, else of a temporary
    copy."""
    import xarray as xr

    found = {}
    for node in opened.subtree:
        dataset = node.to_dataset(inherit=False)
        left = {str(name): dataset[name].variable for name in dataset.data_vars if name in stay}
        dataset = dataset.drop_vars(left)
        if VARIABLE in dataset.data_vars:
            images = dataset[VARIABLE]
            lifted = xr.DataArray(_lifted(images, path, node.path), dims=images.dims)
            dataset = dataset.drop_vars(VARIABLE).load().assign({VARIABLE: lifted})
        found[node.path] = dataset.load().assign(left)
    return xr.DataTree.from_dict(found)


def _lifted(images: xr.DataArray, path: Path, group: str) -> np.ndarray:
    if images.nbytes <= IN_MEMORY:
        return np.asarray(images.values)
    mapped = _mapped(path, f"{group}/{VARIABLE}", images)
    if mapped is not None:
        return mapped
    copy = empty_images(images.shape, images.dtype)
    step = max(1, BYTES // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), step):
        copy[start : start + step] = images[start : start + step].values
        release(copy)
    return copy


def _mapped(path: Path, name: str, images: xr.DataArray) -> np.ndarray | None:
    """The images as a map of the HDF5 file that holds them, if it holds them in one piece as they are."""
    import h5py

    if not path.is_file():
        return None
    with h5py.File(path, "r") as file:
        stored = file[name]
        offset = stored.id.get_offset()
        if offset is None or stored.dtype != images.dtype or stored.shape != images.shape:
            return None
    return np.memmap(path, dtype=images.dtype, mode="r", offset=offset, shape=images.shape)
