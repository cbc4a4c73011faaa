"""The bytes of a NetCDF file, made in memory: HDF5 itself never writes to a disk, which may be full."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

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
    import xarray as xr
    from xarray.backends import H5NetCDFStore

    if isinstance(tree, xr.Dataset):
        tree = xr.DataTree(tree)
    nodes = [(node.path, node.to_dataset(inherit=False)) for node in tree.subtree]
    require_memory(sum(node.nbytes for _, node in nodes))
    content = io.BytesIO()
    with h5netcdf.File(content, "w") as file:
        for path, node in nodes:
            node.dump_to_store(H5NetCDFStore(file, group=path))
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
