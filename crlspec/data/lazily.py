"""Tables of labelled data that are not in memory, as :class:`Rows`: what is large or chunked by dask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.numerics.rows import Rows

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["LARGE", "is_lazy", "rows_of", "table_of"]

LARGE = 2**28
"""Bytes of tables up to which a file is read into memory, 256 MB; larger ones are read as they are asked for."""


def is_lazy(array: xr.DataArray) -> bool:
    """Whether the values are read, or computed, only when they are asked for."""
    return array.chunks is not None or not getattr(array.variable, "_in_memory", True)


def rows_of(array: xr.DataArray, least: int | None = None) -> Rows | None:
    """The table (sample, column) as rows, where it is not in memory and is chunked by dask, or larger than ``least``;
    else None.

    least  bytes, LARGE where not given
    """
    if not is_lazy(array) or array.dtype.kind not in "biuf" or array.ndim != 2 or 0 in array.shape:
        return None
    held = getattr(array.variable, "_data", None)
    if isinstance(held, Rows):
        return held
    if array.chunks is None and array.nbytes <= (LARGE if least is None else least):
        return None
    along = array.dims[0]

    def read(first: int, last: int) -> np.ndarray:
        part = array.isel({along: slice(first, last)}).values
        return np.ascontiguousarray(part, dtype=np.float64)

    return Rows(read, (array.shape[0], array.shape[1]), _chunk(array))


def table_of(array: xr.DataArray) -> np.ndarray | Rows:
    """The values of a table (sample, column) float64: in memory, or as rows where they are not."""
    rows = rows_of(array)
    return np.asarray(array.values, dtype=np.float64) if rows is None else rows


def _chunk(array: xr.DataArray) -> int:
    """Rows that lie together, where the file or dask says so."""
    if array.chunks is not None:
        return max(1, int(array.chunks[0][0]))
    preferred: dict[Any, Any] = array.encoding.get("preferred_chunks") or {}
    found: Any = preferred.get(array.dims[0], 1)
    return max(1, int(found[0] if isinstance(found, tuple | list) else found))
