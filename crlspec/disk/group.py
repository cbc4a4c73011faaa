"""A group of a NetCDF-4 file, laid out in HDF5 as the NetCDF library lays it out.

A dimension is a dataset that is a scale, with a number; it holds nothing where no variable bears its name. Variables
are attached to the scales of their dimensions, which may be those of a group above
(https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html). h5netcdf writes the same objects in
five times the time where there are many small ones, since it looks each of them up again and again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import h5py
    import xarray as xr

__all__ = ["Dimension", "write_group"]

NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable."
"""The name of a scale that is no variable, before its length in ten places."""

ANOTHER = "_nc4_non_coord_"
"""Before the name of a variable that bears the name of a dimension and is not its coordinate."""

EMPTY = ">f4"
"""Type of a scale that holds nothing."""


@dataclass(frozen=True)
class Dimension:
    """A dimension in its file: number, scale and length."""

    number: int
    scale: h5py.Dataset
    length: int


def write_group(
    group: h5py.Group,
    variables: Mapping[Any, xr.Variable],
    attributes: Mapping[Any, Any],
    above: Mapping[Any, Dimension],
    numbers: Iterator[int],
) -> dict[Any, Dimension]:
    """Fill an empty group with variables and attributes, encoded as xarray does.

    above    dimensions of the groups above
    numbers  of the dimensions to come

    Returns the dimensions that groups below see: those above, and those that are new here. Raises ValueError for a
    name that HDF5 takes for a path.
    """
    import numpy as np

    _write_attributes(group, attributes)
    lengths = {name: length for one in variables.values() for name, length in one.sizes.items()}
    if paths := [name for name in (*variables, *lengths) if "/" in name]:
        raise ValueError(f"variables and dimensions must have no '/' in their names: {paths[0]!r}")
    own = [name for name, length in lengths.items() if name not in above or above[name].length != length]
    coordinates = {name for name in own if name in variables and variables[name].dims == (name,)}
    for name in own:
        if name not in coordinates:
            group.create_dataset(name, dtype=EMPTY, track_order=True, **_shape((lengths[name],)))
    datasets = {}
    for name, variable in variables.items():
        stored = ANOTHER + name if name in own and name not in coordinates else name
        datasets[name] = _written(group, stored, variable)
    seen = dict(above)
    for name in own:
        scale, length = group[name], lengths[name]
        scale.make_scale(name if name in coordinates else f"{NO_VARIABLE}{length:10}")
        seen[name] = Dimension(next(numbers), scale, length)
        scale.attrs["_Netcdf4Dimid"] = np.int32(seen[name].number)
    for name, variable in variables.items():
        if not variable.dims:
            continue
        dataset, dimensions = datasets[name], [seen[dim] for dim in variable.dims]
        dataset.attrs["_Netcdf4Coordinates"] = np.array([one.number for one in dimensions], np.int32)
        if name not in coordinates:
            if dimensions[0].length:
                dataset.attrs["_Netcdf4Dimid"] = np.int32(dimensions[0].number)
            for axis, one in enumerate(dimensions):
                dataset.dims[axis].attach_scale(one.scale)
    return seen


def _written(group: h5py.Group, name: str, variable: xr.Variable) -> h5py.Dataset:
    """The dataset of a variable, with its attributes."""
    import h5py
    import numpy as np

    attributes = dict(variable.attrs)
    fill = attributes.pop("_FillValue", None)
    data = np.asarray(variable.data)
    if data.dtype.kind in "OU":
        data, dtype = data.astype(object), h5py.string_dtype()
    else:
        dtype = data.dtype
    dataset = group.create_dataset(name, dtype=dtype, fillvalue=fill, track_order=True, **_shape(data.shape))
    if data.size:
        dataset[...] = data
    if fill is not None:
        attributes = {"_FillValue": np.asarray(fill, dtype=dtype), **attributes}
    _write_attributes(dataset, attributes)
    return dataset


def _shape(shape: tuple[int, ...]) -> dict[str, Any]:
    """A dimension without length may grow, since HDF5 has no other."""
    if 0 not in shape:
        return {"shape": shape}
    return {"shape": shape, "maxshape": tuple(length or None for length in shape)}


def _write_attributes(holder: h5py.Group | h5py.Dataset, attributes: Mapping[Any, Any]) -> None:
    """Texts as they are, numbers as arrays, as the library does. Raises TypeError for what NetCDF cannot hold."""
    import numpy as np

    for key, value in attributes.items():
        kind = np.asarray(value).dtype.kind
        if kind not in "iufSU":
            raise TypeError(f"the attribute {key!r} of {holder.name} holds {value!r}, which NetCDF cannot")
        holder.attrs[str(key)] = value if kind in "SU" else np.atleast_1d(value)
