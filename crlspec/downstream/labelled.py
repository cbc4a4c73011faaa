"""Observations whose true latents are known, row by row: what supervised networks are trained and judged on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.data import environments_of, observational_of
from crlspec.errors import DataError, SettingMismatch

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FEWEST_LABELS", "Labelled", "labelled"]

FEWEST, FEWEST_LABELS = 50, 5
"""Labelled rows of the observational environment, and of a training, at least."""


@dataclass(frozen=True)
class Labelled:
    """Environments one after another, the observational one among them, as far as their latents are known.

    latents        names, in the order of z
    observational  name of the environment without intervention
    environments   environment → its first row, and the row after its last
    images         of each environment (sample, channel, row, column); empty where none are observed
    columns        (row, observed) float64 of all; no columns where images are all that is observed
    z              (row, latent) float64 of all
    usable         (row,): whether all numbers of the row are known
    node           the observational environment as it came
    """

    latents: tuple[str, ...]
    observational: str
    environments: dict[str, tuple[int, int]]
    images: tuple[np.ndarray, ...]
    columns: np.ndarray
    z: np.ndarray
    usable: np.ndarray
    node: xr.Dataset

    def rows_of(self, environment: str) -> np.ndarray:
        """The usable rows of an environment."""
        start, stop = self.environments[environment]
        return start + np.flatnonzero(self.usable[start:stop])

    def dataset(self, rows: np.ndarray) -> xr.Dataset:
        """These rows of the observational environment, latents left out."""
        start, _ = self.environments[self.observational]
        return self.node.drop_vars("z").isel(sample=rows - start)


def labelled(tree: xr.DataTree) -> Labelled:
    """The environments of data whose true latents are known.

    Raises SettingMismatch where they are not known of the observational one, and DataError where it has too few such
    rows, or environments differ in what they hold.
    """
    names = [name for name in environments_of(tree) if "z" in tree.children[name].data_vars]
    observational = observational_of(tree)
    if observational is None or observational not in names:
        where = "of the data" if observational is None else f"of environment '{observational}'"
        raise SettingMismatch(
            f"The true latents {where} are not known",
            "true latents beside the observations of the observational environment",
            "Give a spec that declares a model (scm: or equations, and mixing:); or labelled data: a subfolder truth "
            "with a table of latents for each environment, a variable z in a NetCDF file, or data: {experiments: …, "
            "truth: [column, …]}.",
        )
    nodes = {name: tree.children[name].to_dataset(inherit=True) for name in names}
    first = nodes[observational]
    latents = tuple(str(name) for name in first["z"]["latent"].values)
    tables, truths, images, places, start = [], [], [], {}, 0
    for name, node in nodes.items():
        _refuse_other(name, node, observational, first)
        z = node["z"].sel(latent=list(latents)).transpose("sample", "latent").values.astype(float)
        truths.append(z)
        tables.append(_columns(node, first, len(z)))
        if "image" in first:
            images.append(node["image"].transpose("sample", "channel", "row", "column").values)
        places[name] = (start, start + len(z))
        start += len(z)
    z, columns = np.concatenate(truths), np.concatenate(tables)
    usable = np.isfinite(z).all(axis=1) & np.isfinite(columns).all(axis=1)
    found = Labelled(latents, observational, places, tuple(images), columns, z, usable, first)
    if (count := len(found.rows_of(observational))) < FEWEST:
        raise DataError(
            f"Environment '{observational}' has {count} rows with true latents, too few to judge by.",
            f"Label {FEWEST} rows of it or more.",
        )
    return found


def _columns(node: xr.Dataset, first: xr.Dataset, count: int) -> np.ndarray:
    if "x" not in first:
        return np.zeros((count, 0))
    table = node["x"].sel(observed=first["x"]["observed"].values).transpose("sample", "observed")
    return np.asarray(table.values, dtype=float)


def _refuse_other(name: str, node: xr.Dataset, observational: str, first: xr.Dataset) -> None:
    """Raises DataError where an environment holds other variables or latents than the observational one."""

    def held(one: xr.Dataset) -> dict[str, Any]:
        found: dict[str, Any] = {"latents": set(map(str, one["z"]["latent"].values))}
        found["columns"] = set(map(str, one["x"]["observed"].values)) if "x" in one else set()
        found["images"] = tuple(one["image"].shape[1:]) if "image" in one else ()
        return found

    mine, theirs = held(node), held(first)
    for what in mine:
        if mine[what] != theirs[what]:
            raise DataError(
                f"Environment '{name}' has other {what} than '{observational}'.",
                f"Give every environment the same {what}.",
            )
