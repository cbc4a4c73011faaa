"""New observations for an encoder: a table, cells, images, or data with environments, their rows in their order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from crlspec.result import Result

__all__ = ["encoded"]


def encoded(result: Result, path: Path, environment: str | None) -> Iterator[tuple[str, np.ndarray]]:
    """(environment, latents (sample, latent)) of new observations, in the order of the data; one table is one part.

    Rows with a missing cell have missing latents.
    """
    tree = _new_observations(result, path, environment)
    names = list(tree.children)
    if environment is not None and environment not in names:
        raise DataError(f"{path}: there is no environment '{environment}'; there are {', '.join(names)}.")
    for name in names if environment is None else [environment]:
        z = result.encoder(tree[name].to_dataset())["z_hat"]
        yield name, z.transpose("sample", "latent").values


def _new_observations(result: Result, path: Path, environment: str | None) -> xr.DataTree:
    from crlspec.data import from_arrays, read_data
    from crlspec.data.image_files import ARRAY, read_images
    from crlspec.data.separators import suffix_of
    from crlspec.results.annotated import data_of

    if path.is_file() and path.suffix.lower() == ARRAY:
        return from_arrays(images=read_images({path.stem: path}))
    told = data_of(result)
    if path.is_file() and suffix_of(path) is not None:
        return _one_table(result, path, environment, None if told is None else told.environment)
    if path.is_file() and path.suffix.lower() == ".h5ad":
        return _cells(result, path, environment)
    reading = {} if told is None else told.reading()
    kept = {key: reading[key] for key in ("variable", "dims") if key in reading and not path.is_dir()}
    return read_data(path, **kept)


def _one_table(result: Result, path: Path, environment: str | None, key: str | None) -> xr.DataTree:
    from crlspec.data import from_arrays
    from crlspec.data.columns import chosen, labels_of, observed_of
    from crlspec.data.one_table import environment_column
    from crlspec.data.separators import stem_of
    from crlspec.data.sheets import read_sheet
    from crlspec.data.wanted import Wanted

    sheet = read_sheet(path)
    wanted = Wanted(environment=key, variables=result.observed, missing="drop-rows")
    columns = observed_of({"": sheet}, wanted)[""]
    values = chosen(sheet, columns, wanted)
    if environment is None or environment == stem_of(path):
        return from_arrays({stem_of(path): values}, observed=columns)
    labels = labels_of(sheet.frame[environment_column(sheet, wanted)])
    return from_arrays(
        {name: values[labels == name] for name in sorted(set(labels) - {""})}, observed=columns
    )


def _cells(result: Result, path: Path, environment: str | None) -> xr.DataTree:

    from crlspec.data import from_arrays, read_data
    from crlspec.data.annotated import cells_of, dense, opened
    from crlspec.results.annotated import data_of

    told = data_of(result)
    layer = None if told is None else told.layer
    if environment is not None:
        key = None if told is None else told.environment
        return read_data(path, environment=key, variables=result.observed, layer=layer)
    parts = opened(path)
    matrix = cells_of(parts, layer, result.observed)
    return from_arrays({path.stem: dense(matrix)}, observed=result.observed)
