"""Data written to a Zarr store some rows at a time, whole or not at all, and never held in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crlspec.data.tree import ORDER, PROVENANCE, text_labels
from crlspec.data.write import METADATA, is_data, is_store, refuse_data
from crlspec.disk.folder import whole_folder
from crlspec.disk.write import failures
from crlspec.errors import DataError

__all__ = ["rows_in_part", "write_parts"]

Parts = Iterable[tuple[str, Mapping[str, np.ndarray]]]
"""(environment, {x: (sample, observed), z: (sample, latent)}): consecutive rows, those of an environment together."""

CHUNK = 2**20
"""Numbers in a chunk, about: 8 MB."""

DIMS = {"x": "observed", "z": "latent"}


def rows_in_part(columns: int) -> int:
    """Rows of so many columns that make a chunk, about 8 MB."""
    return max(1, CHUNK // max(1, columns))


def write_parts(
    path: str | Path,
    parts: Parts,
    names: Mapping[str, Sequence[str]],
    notes: Mapping[str, Any],
    *,
    environments: Sequence[str],
    rows: int,
    force: bool = False,
) -> Path:
    """Write a Zarr store; ``read_data`` of it gives the data, as ``write_data`` of all at once would have it.

    parts         every part but the last of an environment has exactly ``rows`` rows
    names         ``observed`` and, with a truth, ``latent``: names of the columns
    notes         the provenance, ``observational`` in it
    environments  their names, in order

    Raises OutputExists where something is there already and force is not set, DataError for another suffix than
    .zarr, WriteError where the disk is full or the place cannot be written.
    """
    import xarray as xr
    import zarr

    path = Path(path)
    if path.suffix.lower() != ".zarr":
        raise DataError(
            f"{path}: only a Zarr store is written part by part.", remedy="Choose a name with .zarr."
        )
    refuse_data(path, force)
    labels = {dim: text_labels(list(names[dim])) for dim in names}
    store = is_store(path)
    with (
        whole_folder(path, lambda entry: store or is_data(entry), METADATA) as building,
        failures(path),
    ):
        told = json.dumps({**notes, ORDER: list(environments)}, sort_keys=True)
        settings: dict[str, Any] = {"zarr_format": 2, "consolidated": False}
        xr.Dataset(attrs={PROVENANCE: told}).to_zarr(building, mode="w", **settings)
        seen: set[str] = set()
        for environment, arrays in parts:
            tables = {key: (("sample", DIMS[key]), values) for key, values in arrays.items()}
            part = xr.Dataset(tables, coords=labels)
            if environment in seen:
                part = part.drop_vars(list(labels))
                part.to_zarr(building, group=environment, append_dim="sample", **settings)
                continue
            seen.add(environment)
            chunks = {key: {"chunks": (rows, values.shape[1])} for key, values in arrays.items()}
            part.to_zarr(building, group=environment, mode="w", encoding=chunks, **settings)
        zarr.consolidate_metadata(str(building), zarr_format=2)
    return path
