"""Labels of the dimensions of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from xarray.indexes import PandasIndex

__all__ = ["Axes"]


class Axes:
    """Labels of some dimensions. However many arrays bear them, the index of each dimension is made once."""

    def __init__(self, labels: Mapping[str, Sequence[str] | np.ndarray]) -> None:
        arrays = {dim: np.asarray(names) for dim, names in labels.items()}
        self.indexes = {
            dim: PandasIndex(names, dim, coord_dtype=names.dtype) for dim, names in arrays.items()
        }
        self.variables = {dim: index.create_variables()[dim] for dim, index in self.indexes.items()}

    def coordinates(self, *dims: str) -> xr.Coordinates:
        """Those of an array with these dimensions; one that has no labels stays without."""
        known = [dim for dim in dims if dim in self.indexes]
        return xr.Coordinates({k: self.variables[k] for k in known}, {k: self.indexes[k] for k in known})

    def array(self, values: np.ndarray, *dims: str) -> xr.DataArray:
        """The values with these dimensions and their labels."""
        return xr.DataArray(values, self.coordinates(*dims), dims)

    def instead(self, array: xr.DataArray) -> xr.DataArray:
        """The array with these labels in place of its own."""
        others = {key: one.variable for key, one in array.coords.items() if key not in self.indexes}
        kept = {key: index for key, index in array.xindexes.items() if key not in self.indexes}
        coords = xr.Coordinates({**others, **self.variables}, {**kept, **self.indexes})
        return xr.DataArray(array.data, coords, array.dims, array.name, array.attrs)
