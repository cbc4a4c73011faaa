"""AnnData, as single-cell tools keep it: a file ``.h5ad`` or an object in memory, and latents written back to it.

Of a file only what is needed is read, and what is written is added to a copy of it, so that all else stays as it is.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from crlspec.data.columns import labels_of, named
from crlspec.data.one_table import USUAL, in_order, tree_of
from crlspec.data.tree import labelled_array, listed
from crlspec.data.wanted import Wanted
from crlspec.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = [
    "KEY",
    "annotate",
    "cells",
    "from_anndata",
    "is_anndata",
    "opened",
    "read_anndata",
    "write_annotated",
]

KEY = "X_crlspec"
"""Where the latents of each cell go in ``obsm``."""
UNS = "crlspec"


def is_anndata(given: object) -> bool:
    """Whether it has the parts of an AnnData, whose package is not loaded for this."""
    return all(hasattr(given, part) for part in ("X", "obs", "var", "obsm", "uns", "layers"))


class _Parts:
    """What is read of a file: tables of cells and variables, and the layers, each when it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._file() as file:
            try:
                self.obs: pd.DataFrame = self._element(file["obs"])
                self.var: pd.DataFrame = self._element(file["var"])
                self.layers = dict.fromkeys(file["layers"]) if "layers" in file else {}
            except KeyError as error:
                raise DataError(
                    f"{path}: this is no AnnData file ({error}).", remedy="Write it by adata.write_h5ad."
                ) from None

    def _file(self) -> Any:
        import h5py

        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise DataError(
                f"{self.path}: this cannot be read as HDF5 ({str(error).splitlines()[0]}).",
                remedy="Check how it was written; adata.write_h5ad writes what fits.",
            ) from None

    def _element(self, group: Any) -> Any:
        return _io(self.path).read_elem(group)

    def matrix(self, layer: str | None) -> Any:
        """(cell, variable), dense or sparse."""
        with self._file() as file:
            name = "X" if layer is None else f"layers/{layer}"
            return self._element(file[name]) if name in file else None


class _InMemory:
    """The same parts of an AnnData object."""

    def __init__(self, given: Any) -> None:
        self.path = "The AnnData"
        self.given, self.obs, self.var, self.layers = given, given.obs, given.var, dict(given.layers)

    def matrix(self, layer: str | None) -> Any:
        return self.given.X if layer is None else self.given.layers[layer]


def _io(path: Path) -> Any:
    try:
        import anndata.io
    except ImportError:
        raise DataError(
            f"{path}: AnnData files need the package anndata, which is not installed.",
            remedy="pip install 'crlspec[anndata]', or write the table as CSV or Parquet.",
        ) from None
    return anndata.io


def opened(given: Any) -> Any:
    """The parts of a file or of an object: ``obs``, ``var``, ``layers`` and ``matrix(layer)``."""
    return _Parts(Path(given)) if isinstance(given, str | Path) else _InMemory(given)


def read_anndata(path: Path, wanted: Wanted, observational: str | None) -> xr.DataTree:
    """An ``.h5ad`` file to a DataTree, cells by their environments; see :func:`from_anndata`."""
    return from_anndata(path, wanted, observational)


def from_anndata(given: Any, wanted: Wanted, observational: str | None) -> xr.DataTree:
    """Cells as samples, genes as observed variables, an obs key for the environments.

    Raises DataError for keys, layers and variables that are not there, names that stand twice, and cells without an
    environment.
    """
    parts = opened(given)
    key = _environment_key(parts, wanted)
    labels = labels_of(parts.obs[key].astype(object))
    reading: list[str] = []
    if (labels == "").any():
        if wanted.missing == "refuse":
            raise DataError(
                f"{parts.path}: {int((labels == '').sum())} cells have no value of obs['{key}'].",
                remedy="Name the environment of every cell. Or leave these cells out, data: {missing: drop-rows}.",
            )
        reading.append(f"{int((labels == '').sum())} cells without an environment were left out.")
    if renamed := sorted({str(raw).strip() for raw in parts.obs[key].unique() if "/" in str(raw)}):
        reading.append(
            f"Environments are called {listed([named(name) for name in renamed])}: '/' stands for groups."
        )
    index = _variables(parts, wanted)
    matrix = cells(parts, wanted.layer, index)
    names = tuple(str(parts.var.index[k]) for k in index)
    tables = {}
    for name in in_order(set(labels) - {""}):
        rows = np.flatnonzero(labels == name)
        array = labelled_array(dense(matrix[rows]), name, "observed", names, "x")
        tables[name] = {"x": array.assign_coords(sample=_texts(parts.obs.index[rows]))}
    sources = {} if isinstance(parts, _InMemory) else dict.fromkeys(tables, str(parts.path))
    return tree_of(tables, observational, wanted, reading, sources)


def _texts(index: Any) -> np.ndarray:
    labels = np.empty(len(index), dtype=object)
    labels[:] = [str(name) for name in index]
    return labels


def dense(matrix: Any) -> np.ndarray:
    """Rows of a matrix, sparse ones too, as float64."""
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, dtype=np.float64)


def cells(parts: Any, layer: str | None, columns: np.ndarray) -> Any:
    """(cell, variable): X or a layer, the columns alone, sparse where it is. Raises DataError where there is none."""
    matrix = parts.matrix(layer) if layer is None or layer in parts.layers else None
    if matrix is None:
        what = "X" if layer is None else f"layer '{layer}'"
        raise DataError(
            f"{parts.path}: there is no {what}; its layers are {listed(list(parts.layers))}.",
            remedy="Name one of them: data: {layer: counts}. Without, X is read.",
        )
    if hasattr(matrix, "tocsc"):
        return matrix.tocsc()[:, columns].tocsr()
    return np.asarray(matrix)[:, columns]


def cells_of(parts: Any, layer: str | None, names: Sequence[str]) -> Any:
    """:func:`cells` of variables by name. Raises DataError where one is missing."""
    place = {str(name): k for k, name in enumerate(parts.var.index)}
    if missing := [name for name in names if name not in place]:
        raise DataError(
            f"{parts.path}: there is no variable {listed(missing)}, which the encoder takes.",
            remedy="Give the variables of the data that the result was made from.",
        )
    return cells(parts, layer, np.array([place[name] for name in names], dtype=int))


def _environment_key(parts: Any, wanted: Wanted) -> str:
    keys = [str(key) for key in parts.obs.columns]
    if wanted.environment is not None:
        if wanted.environment not in keys:
            raise DataError(
                f"{parts.path}: there is no obs['{wanted.environment}']; there are {listed(keys, 12)}.",
                remedy="Name the key of the environments in data.environment.",
            )
        return wanted.environment
    if "environment" in keys:
        return "environment"
    usual = next((key for key in keys if key.lower() in USUAL), keys[0] if keys else "condition")
    raise DataError(
        f"{parts.path}: nothing says which environment a cell belongs to; obs has {listed(keys, 12)}.",
        remedy=f"Name the key: data: {{environment: {usual}}}; in Python environment=.",
    )


def _variables(parts: Any, wanted: Wanted) -> np.ndarray:
    """Positions of the variables that are observed, in the order asked for."""
    names = [str(name) for name in parts.var.index]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise DataError(
            f"{parts.path}: the variable names {listed(twice)} stand twice.",
            remedy="Make them unique: adata.var_names_make_unique().",
        )
    place = {name: k for k, name in enumerate(names)}
    if missing := [name for name in (*wanted.variables, *wanted.drop) if name not in place]:
        raise DataError(
            f"{parts.path}: there is no variable {listed(missing)}; there are {listed(names, 12)}.",
            remedy="Name variables of adata.var_names.",
        )
    kept = [name for name in (wanted.variables or names) if name not in set(wanted.drop)]
    return np.array([place[name] for name in kept], dtype=int)


def annotate(given: Any, latents: np.ndarray, uns: Mapping[str, Any]) -> Any:
    """The same AnnData with latents (cell, latent) in ``obsm["X_crlspec"]`` and notes in ``uns["crlspec"]``."""
    given.obsm[KEY] = latents
    given.uns[UNS] = dict(uns)
    return given


def write_annotated(source: Path, copy: IO[bytes], latents: np.ndarray, uns: Mapping[str, Any]) -> None:
    """A copy of an ``.h5ad`` file with the latents and notes of :func:`annotate`; the copy takes no other change.

    copy  open for reading and writing, and empty
    """
    import h5py

    io = _io(source)
    with source.open("rb") as original:
        shutil.copyfileobj(original, copy)
    with h5py.File(copy, "r+") as file:
        for group, key, value in (("obsm", KEY, latents), ("uns", UNS, _stored(uns))):
            if group not in file:
                io.write_elem(file, group, {})
            if key in file[group]:
                del file[group][key]
            io.write_elem(file[group], key, value)


def _stored(uns: Mapping[str, Any]) -> dict[str, Any]:
    """Notes as AnnData files can hold them: arrays of text, text and numbers; all else as JSON."""
    found: dict[str, Any] = {}
    for key, value in uns.items():
        if isinstance(value, str | int | float):
            found[key] = value
        elif isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            found[key] = np.array(value, dtype=object)
        else:
            found[key] = json.dumps(value, ensure_ascii=False, default=str)
    return found
