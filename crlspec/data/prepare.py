"""What is done to observed variables before everything else: transforms of each, and pooled principal components.

Both are values: new observations take the same way, and what is found in components is carried back to the variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.data.tree import environments_of, labelled_array, provenance_of
from crlspec.data.validate import place
from crlspec.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["PREPARED", "Components", "Prepared", "Transform", "prepared", "raw_samples"]

PREPARED = ("transform", "components")
"""Provenance of data: what is left to do once they are read."""


@dataclass(frozen=True)
class Transform:
    """Steps applied to each variable by itself, in their order.

    steps   ``log1p`` (log(1 + x)), ``standardise`` ((x − centre) / scale)
    centre  (variable,) pooled mean of what standardise is given; empty without it
    scale   (variable,) its pooled standard deviation, 1 where nothing varies
    """

    steps: tuple[str, ...]
    centre: np.ndarray
    scale: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Observations (…, variable) as the encoder takes them; NaN where log1p has no value."""
        for step in self.steps:
            if step == "log1p":
                with np.errstate(invalid="ignore", divide="ignore"):
                    x = np.where(x > -1, np.log1p(x), np.nan)
            else:
                x = (x - self.centre) / self.scale
        return np.asarray(x)

    def undone(self, x: np.ndarray) -> np.ndarray:
        """Back to the units of the observations."""
        for step in reversed(self.steps):
            x = np.expm1(x) if step == "log1p" else x * self.scale + self.centre
        return np.asarray(x)

    def as_values(self) -> dict[str, Any]:
        """All of it as plain values that fit into JSON."""
        return {"steps": list(self.steps), "centre": self.centre.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Transform:
        """The transform of :meth:`as_values`."""
        return cls(tuple(values["steps"]), np.array(values["centre"]), np.array(values["scale"]))


@dataclass(frozen=True)
class Components:
    """component = directions · (x − mean), x ≈ mean + directionsᵀ · component: leading principal components of all
    environments together, each row of the same weight.

    directions  (component, variable), orthonormal rows
    mean        (variable,)
    share       of the variance of the variables that they hold
    noise       (variable,) the variance that noise of each variable would have, were all that lies outside of them
                noise, of which each dimension within holds as much: that of the rest, times d / (d − components)
    """

    directions: np.ndarray
    mean: np.ndarray
    share: float
    noise: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """pc1, pc2, …"""
        return tuple(f"pc{k + 1}" for k in range(len(self.directions)))

    def as_values(self) -> dict[str, Any]:
        """How many there are, of how many variables, and their share of the variance."""
        count, variables = self.directions.shape
        return {"count": count, "variables": variables, "share": self.share}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(sample, variable) → (sample, component)."""
        return np.asarray((x - self.mean) @ self.directions.T)


@dataclass(frozen=True)
class Prepared:
    """Data on their way to an estimator.

    tree        as an estimator takes them
    variables   the same before components were taken: what loadings and encoder speak of
    transform   None where there is none
    components  None where there are none
    """

    tree: xr.DataTree
    variables: xr.DataTree
    transform: Transform | None = None
    components: Components | None = None


def prepared(tree: xr.DataTree, steps: tuple[str, ...] = (), count: int | None = None) -> Prepared:
    """The data after transforms and components: those asked for, else those that the data were read with.

    steps  ``log1p``, ``standardise``
    count  of components

    Raises DataError where there are no columns, log1p has no value, a cell is missing, or there are fewer variables
    or rows than components.
    """
    notes = provenance_of(tree)
    steps = steps or tuple(notes.get("transform", ()))
    count = count or notes.get("components")
    if not steps and count is None:
        return Prepared(tree, tree)
    arrays = _arrays(tree)
    transform = _fitted(tree, arrays, steps) if steps else None
    if transform is not None:
        arrays = {name: transform(x) for name, x in arrays.items()}
    variables = tree if transform is None else _replaced(tree, arrays)
    if count is None:
        return Prepared(variables, variables, transform)
    components = _principal(arrays, int(count))
    reduced = {name: components(x) for name, x in arrays.items()}
    return Prepared(_replaced(tree, reduced, components.names), variables, transform, components)


def raw_samples(tree: xr.DataTree, names: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """(observed variables, environment → (sample, variable)) of some environments, as the data hold them."""
    arrays = _arrays(tree)
    first = tree.children[environments_of(tree)[0]].to_dataset(inherit=True)["x"]
    return tuple(str(one) for one in first["observed"].values), {name: arrays[name] for name in names}


def _arrays(tree: xr.DataTree) -> dict[str, np.ndarray]:
    """x of every environment, the columns in the order of the first. Raises DataError where a cell is not finite."""
    arrays: dict[str, np.ndarray] = {}
    first: list[str] | None = None
    for name in environments_of(tree):
        data = tree.children[name].to_dataset(inherit=True)
        if "x" not in data:
            raise DataError(
                f"{place(tree, name)}: there are no columns to transform.",
                remedy="Leave data.transform and data.components out: images have a code of their own.",
            )
        x = data["x"].transpose("sample", "observed")
        names = [str(one) for one in x["observed"].values] if "observed" in x.coords else []
        if first is not None and names != first:
            if sorted(names) != sorted(first):
                raise DataError(
                    f"{place(tree, name)}: its columns differ from those of the others.",
                    remedy="Every environment needs the same observed variables.",
                )
            x = x.isel(observed=[names.index(one) for one in first])
        first = first or names
        values = np.asarray(x.values, dtype=np.float64)
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            told = first[column] if first else column + 1
            raise DataError(
                f"{place(tree, name)}, column '{told}': sample {row + 1} is {values[row, column]}.",
                remedy="Leave such rows out, data: {missing: drop-rows}, or the column.",
            )
        arrays[name] = values
    return arrays


def _replaced(
    tree: xr.DataTree, arrays: Mapping[str, np.ndarray], names: tuple[str, ...] = ()
) -> xr.DataTree:
    import xarray as xr

    children = {}
    for name, values in arrays.items():
        data = tree.children[name].to_dataset(inherit=True)
        labels = names or [str(one) for one in data["x"]["observed"].values]
        array = labelled_array(values, name, "observed", labels, "x")
        if "sample" in data["x"].coords:
            array = array.assign_coords(sample=data["x"]["sample"].values)
        child = data.drop_vars(["x", "observed"], errors="ignore").assign(x=array)
        child.encoding = dict(tree.children[name].encoding)
        children[f"/{name}"] = child
    found = xr.DataTree.from_dict(children)
    found.attrs.update(tree.attrs)
    for name in arrays:
        found.children[name].encoding.update(tree.children[name].encoding)
    return found


def _fitted(tree: xr.DataTree, arrays: Mapping[str, np.ndarray], steps: tuple[str, ...]) -> Transform:
    centre, scale = np.zeros(0), np.ones(0)
    moved = dict(arrays)
    for step in steps:
        if step == "log1p":
            for name, x in moved.items():
                if (x <= -1).any():
                    row, column = np.argwhere(x <= -1)[0]
                    raise DataError(
                        f"{place(tree, name)}: log1p has no value for {x[row, column]:g} (sample {row + 1}, column "
                        f"{column + 1}).",
                        remedy="Leave log1p out of data.transform: it is for counts, and these are none.",
                    )
            moved = {name: np.log1p(x) for name, x in moved.items()}
        else:
            pooled = np.concatenate(list(moved.values()))
            centre, spread = pooled.mean(axis=0), pooled.std(axis=0)
            scale = np.where(spread > 0, spread, 1.0)
            moved = {name: (x - centre) / scale for name, x in moved.items()}
    return Transform(steps, centre, scale)


def _principal(arrays: Mapping[str, np.ndarray], count: int) -> Components:
    pooled = np.concatenate(list(arrays.values()))
    rows, width = pooled.shape
    if count > min(rows - 1, width):
        raise DataError(
            f"{count} components are more than {rows} rows of {width} variables have.",
            remedy=f"Take at most {min(rows - 1, width)}: data: {{components: {min(rows - 1, width, 20)}}}.",
        )
    mean = pooled.mean(axis=0)
    centred = pooled - mean
    if width <= rows:
        values, vectors = np.linalg.eigh(centred.T @ centred)
        spectrum, directions = values[::-1], vectors[:, ::-1].T
    else:
        values, vectors = np.linalg.eigh(centred @ centred.T)
        spectrum = values[::-1]
        scale = np.sqrt(np.maximum(spectrum[:count], np.finfo(float).tiny))
        directions = (vectors[:, ::-1][:, :count] / scale).T @ centred
    directions = directions[:count]
    signs = np.sign(directions[np.arange(count), np.abs(directions).argmax(axis=1)])
    total = float(np.maximum(spectrum, 0).sum())
    share = float(np.maximum(spectrum[:count], 0).sum() / total) if total > 0 else 1.0
    rest = centred - (centred @ directions.T) @ directions
    noise = rest.var(axis=0) * width / (width - count) if count < width else np.zeros(width)
    return Components(directions * signs[:, None], mean, share, noise)
