"""Labelled xarray data, whatever its layout, to tables and images per environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.data.images import VARIABLE, image_array
from crlspec.data.tree import PROVENANCE, build_tree, labelled_array, listed, provenance_of
from crlspec.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["datasets_of", "from_xarray"]

ROLES = ("environment", "sample", "observed", "latent")
AT_ONCE = 2**22
"""Numbers that are looked at at once for rows that pad."""
Tables = dict[str, dict[str, "xr.DataArray"]]


def datasets_of(
    data: xr.DataArray | xr.Dataset | xr.DataTree,
    variable: str,
    dims: Mapping[str, str],
    source: str | None = None,
    least: int | None = None,
) -> tuple[Tables, dict[str, Any]]:
    """(environment → {``x``, ``image`` and ``z`` where present}, provenance), in the names of the convention.

    least  bytes of a table up to which it is read into memory, see ``rows_of``

    Raises DataError that names ``source``, the variable or the dimension at fault.
    """
    import xarray as xr

    where = f"{source}: " if source else ""
    if unknown := set(dims) - set(ROLES):
        raise DataError(
            f"{where}dims cannot rename {listed(sorted(unknown))}.",
            remedy=f"Rename some of {', '.join(ROLES)}.",
        )
    names = {role: dims.get(role, role) for role in ROLES}
    if isinstance(data, xr.DataTree):
        if data.children and not data.data_vars:
            tables: Tables = {}
            for name, child in data.children.items():
                at = f"{where}environment '{name}': "
                tables[str(name)] = _tables(
                    child.to_dataset(inherit=True), variable, names, at, str(name), least
                )
            return tables, provenance_of(data)
        dataset, notes = data.to_dataset(), provenance_of(data)
    else:
        dataset = data.to_dataset(name=variable) if isinstance(data, xr.DataArray) else data
        notes = provenance_of(xr.DataTree(xr.Dataset(attrs=_own_attrs(data))))
    return _split(dataset, variable, names, where, least), notes


def _own_attrs(data: xr.DataArray | xr.Dataset) -> dict[str, Any]:
    return {PROVENANCE: data.attrs[PROVENANCE]} if PROVENANCE in data.attrs else {}


def _split(
    dataset: xr.Dataset, variable: str, names: Mapping[str, str], where: str, least: int | None
) -> Tables:
    """One Dataset with environments along a dimension, or as labels along the samples, to tables."""
    array = dataset[VARIABLE] if _images_alone(dataset, variable) else _variable(dataset, variable, where)
    environment, sample = names["environment"], names["sample"]
    if environment in array.dims:
        values = array[environment].values if environment in array.coords else range(array.sizes[environment])
        names_of = [_text(value) for value in values]
        if twice := {name for name in names_of if names_of.count(name) > 1}:
            raise DataError(
                f"{where}'{environment}' names {listed(sorted(twice))} twice.",
                remedy="Name each environment once.",
            )
        tables = {}
        for k, label in enumerate(names_of):
            part = _unpadded(dataset.isel({environment: k}), variable, sample)
            tables[label] = _tables(part, variable, names, f"{where}environment '{label}': ", label, least)
        return tables
    if environment in dataset.variables:
        along = dataset[environment]
        if along.dims != (sample,):
            raise DataError(
                f"{where}'{environment}' should label each sample, along '{sample}', but lies along "
                f"{along.dims}.",
                remedy="Map dims.environment and dims.sample to the file's own names.",
            )
        labels = np.array([_text(label) for label in along.values], dtype=object)
        if any(label in {"", "nan", "NaT", "None"} for label in labels):
            rows = [int(k) for k in np.flatnonzero(np.isin(labels, ["", "nan", "NaT", "None"]))]
            raise DataError(
                f"{where}'{environment}' is empty for sample {rows[0]} ({len(rows)} such samples).",
                remedy="Label every sample with its environment, or leave these samples out.",
            )
        tables = {}
        for label in dict.fromkeys(labels):
            part = dataset.isel({sample: _slice(np.flatnonzero(labels == label))}).drop_vars(environment)
            tables[label] = _tables(part, variable, names, f"{where}environment '{label}': ", label, least)
        return tables
    if names["environment"] != "environment":
        raise DataError(
            f"{where}there is no '{environment}' among its dimensions, coordinates and variables: "
            f"{listed([*dataset.dims, *(v for v in dataset.variables if v not in dataset.dims)])}.",
            remedy="Set dims.environment to the dimension or coordinate that tells the environments apart.",
        )
    return {"obs": _tables(dataset, variable, names, where, "obs", least)}


def _tables(
    dataset: xr.Dataset,
    variable: str,
    names: Mapping[str, str],
    where: str,
    environment: str,
    least: int | None,
) -> dict[str, xr.DataArray]:
    """``x`` and, where present, ``image`` and ``z`` of one environment."""
    tables = {}
    if not _images_alone(dataset, variable):
        tables["x"] = _table(
            _variable(dataset, variable, where), names, "observed", where, environment, least
        )
    if VARIABLE in dataset.data_vars and variable != VARIABLE:
        images = dataset[VARIABLE]
        renamed = {names["sample"]: "sample"} if names["sample"] in images.dims else {}
        tables[VARIABLE] = image_array(
            images.rename(renamed), where.removesuffix(": ") or f"Environment '{environment}'"
        )
    if "z" in dataset.data_vars and variable != "z" and names["latent"] in dataset["z"].dims:
        tables["z"] = _table(dataset["z"], names, "latent", where, environment, least)
    return tables


def _images_alone(dataset: xr.Dataset, variable: str) -> bool:
    """Whether images are all that is observed."""
    return variable == "x" and variable not in dataset.data_vars and VARIABLE in dataset.data_vars


def _slice(rows: np.ndarray) -> slice | np.ndarray:
    """Rows in sequence as a slice, which copies nothing."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def _table(
    array: xr.DataArray, names: Mapping[str, str], dim: str, where: str, environment: str, least: int | None
) -> xr.DataArray:
    sample, columns = names["sample"], names[dim]
    if set(array.dims) != {sample, columns}:
        raise DataError(
            f"{where}variable '{array.name}' has the dimensions ({', '.join(map(str, array.dims))}) where "
            f"({sample}, {columns}) are needed.",
            remedy=f"Map dims.environment, dims.sample and dims.{dim} to the file's own names, for example "
            f"dims: {{sample: {array.dims[0] if array.dims else 'cell'}}}.",
        )
    array = array.transpose(sample, columns)
    prefix = {"observed": "x", "latent": "z"}[dim]
    return labelled_array(array, environment, dim, None, prefix, least)


def _variable(dataset: xr.Dataset, variable: str, where: str) -> xr.DataArray:
    if variable not in dataset.data_vars:
        raise DataError(
            f"{where}there is no variable '{variable}'; there are {listed(dataset.data_vars)}.",
            remedy="Set data.variable to the one that holds the observations.",
        )
    return dataset[variable]


def _unpadded(dataset: xr.Dataset, variable: str, sample: str) -> xr.Dataset:
    """Without the rows that are NaN throughout, which pad environments of fewer samples."""
    array = dataset[variable]
    if sample not in array.dims or array.dtype.kind != "f":
        return dataset
    others, count = [dim for dim in array.dims if dim != sample], array.sizes[sample]
    step = max(1, AT_ONCE * count // max(1, array.size))
    parts = (array.isel({sample: slice(first, first + step)}) for first in range(0, count, step))
    kept = [np.flatnonzero(~part.isnull().all(others).values) + k * step for k, part in enumerate(parts)]
    return dataset.isel({sample: _slice(np.concatenate(kept) if kept else np.arange(0))})


def _text(label: Any) -> str:
    return label.decode() if isinstance(label, bytes) else str(label).strip()


def from_xarray(
    data: xr.DataArray | xr.Dataset | xr.DataTree,
    *,
    variable: str = "x",
    dims: Mapping[str, str] | None = None,
    observational: str | None = None,
) -> xr.DataTree:
    """Labelled xarray data in one of four layouts to a DataTree.

    The layouts: a DataTree with a child per environment; a Dataset or DataArray with environments as a
    dimension (rows that are NaN throughout pad the shorter environments and are left out); one flat array
    with the environment as a coordinate, or another variable, along the samples; or one Dataset without
    environments, named ``obs``. ``dims`` maps ``environment``, ``sample`` and ``observed`` (and ``latent``)
    to the names used in ``data``.
    """
    tables, notes = datasets_of(data, variable, dict(dims or {}))
    return build_tree(tables, observational, notes)
