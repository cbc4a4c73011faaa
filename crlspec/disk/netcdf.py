"""The bytes of a NetCDF file, made in memory: HDF5 itself never writes to a disk, which may be full."""

from __future__ import annotations

import io
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crlspec.disk.group import Dimension, write_group
from crlspec.disk.room import size_text
from crlspec.disk.seal import sealed
from crlspec.errors import WriteError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["netcdf", "require_memory"]

COPIES = 1.5
"""How often the data lie in memory beside themselves while their bytes are made, at the most: a buffer that grows."""
MEMORY = Path("/proc/meminfo")


def netcdf(tree: xr.DataTree | xr.Dataset) -> memoryview:
    """The bytes of a NetCDF-4 file with a group a node, sealed. Raises WriteError where memory cannot hold them."""
    import h5netcdf
    import h5py
    import numpy as np
    import xarray as xr
    from xarray.backends import H5NetCDFStore

    if isinstance(tree, xr.Dataset):
        tree = xr.DataTree(tree)
    nodes = [(node.path, node.to_dataset(inherit=False)) for node in tree.subtree]
    require_memory(sum(node.nbytes for _, node in nodes))
    content, numbers = io.BytesIO(), count()
    seen: dict[str, dict[Any, Dimension]] = {}
    with h5netcdf.File(io.BytesIO(), "w") as blank, h5py.File(content, "w", track_order=True) as file:
        store = H5NetCDFStore(blank)  # says how to encode
        for path, node in nodes:
            group = file if path == "/" else file.create_group(path, track_order=True)
            above = {} if path == "/" else seen[path.rpartition("/")[0] or "/"]
            variables, attributes = xr.conventions.encode_dataset_coordinates(node)
            variables, attributes = store.encode(variables, attributes)
            seen[path] = write_group(group, variables, attributes, above, numbers)
        file.attrs["_NCProperties"] = np.bytes_(
            f"version=2,hdf5={h5py.version.hdf5_version},h5py={h5py.__version__}"
        )
    return sealed(content)


def require_memory(size: int) -> None:
    """Raises WriteError where the memory that is free cannot hold a NetCDF file of ``size`` bytes."""
    free = _free()
    if free is not None and COPIES * size > free:
        raise WriteError(
            f"A NetCDF file of {size_text(size)} is made in memory, and {size_text(free)} are free.",
            remedy="Choose .zarr, or a name without suffix for a folder, which are written piece by piece.",
        )


def _free() -> int | None:
    """Bytes of memory that are free, where the system tells."""
    try:
        lines = MEMORY.read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration, IndexError):
        return None
