"""What is done to observed variables before everything else: transforms of each, and pooled principal components.

Both are values: new observations take the same way, and what is found in components is carried back to the variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.data.lazily import table_of
from crlspec.data.tree import environments_of, labelled_array, provenance_of
from crlspec.data.validate import faults_in, place
from crlspec.errors import DataError
from crlspec.numerics.linalg import blocks, principal
from crlspec.numerics.rows import Rows, extremes

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
        arrays = {name: _through(transform, x, x.shape[1]) for name, x in arrays.items()}
    variables = tree if transform is None else _replaced(tree, arrays)
    if count is None:
        return Prepared(variables, variables, transform)
    components = _principal(arrays, int(count))
    reduced = {name: _through(components, x, len(components.names)) for name, x in arrays.items()}
    return Prepared(_replaced(tree, reduced, components.names), variables, transform, components)


def raw_samples(tree: xr.DataTree, names: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """(observed variables, environment → (sample, variable)) of some environments, as the data hold them."""
    arrays = _arrays(tree)
    first = tree.children[environments_of(tree)[0]].to_dataset(inherit=True)["x"]
    return tuple(str(one) for one in first["observed"].values), {name: arrays[name] for name in names}


def _through(step: Callable[[np.ndarray], np.ndarray], x: np.ndarray | Rows, width: int) -> Any:
    """The table after a step that takes each row by itself; of rows that are not in memory it is taken as they are
    read."""
    return x.mapped(step, width) if isinstance(x, Rows) else step(x)


def _arrays(tree: xr.DataTree) -> dict[str, Any]:
    """x of every environment, the columns in the order of the first. Raises DataError where a cell is not finite."""
    arrays: dict[str, Any] = {}
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
        values = table_of(x)
        bad, rows = faults_in(values)
        if bad.any():
            row, column = min((rows[k], k) for k in np.flatnonzero(bad))
            told = first[column] if first else column + 1
            raise DataError(
                f"{place(tree, name)}, column '{told}': sample {row + 1} is {values[row, column]}.",
                remedy="Leave such rows out, data: {missing: drop-rows}, or the column.",
            )
        arrays[name] = values
    return arrays


def _replaced(tree: xr.DataTree, arrays: Mapping[str, Any], names: tuple[str, ...] = ()) -> xr.DataTree:
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


def _fitted(tree: xr.DataTree, arrays: Mapping[str, Any], steps: tuple[str, ...]) -> Transform:
    centre, scale = np.zeros(0), np.ones(0)
    moved = dict(arrays)
    for step in steps:
        if step == "log1p":
            for name, x in moved.items():
                if (extremes(x)[0] <= -1).any():
                    row, column = next(_where(x, -1))
                    raise DataError(
                        f"{place(tree, name)}: log1p has no value for {x[row, column]:g} (sample {row + 1}, column "
                        f"{column + 1}).",
                        remedy="Leave log1p out of data.transform: it is for counts, and these are none.",
                    )
            moved = {name: _through(np.log1p, x, x.shape[1]) for name, x in moved.items()}
        else:
            centre, spread = _pooled(list(moved.values()))
            scale = np.where(spread > 0, spread, 1.0)
            moved = {
                name: _through(Transform(("standardise",), centre, scale), x, x.shape[1])
                for name, x in moved.items()
            }
    return Transform(steps, centre, scale)


def _where(x: np.ndarray | Rows, bound: float) -> Iterator[tuple[int, int]]:
    """(row, column) of every cell up to a bound, in the order of the rows."""
    first = 0
    for part in blocks(x):
        yield from ((first + int(row), int(column)) for row, column in np.argwhere(part <= bound))
        first += len(part)


def _pooled(arrays: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """(column,) means and standard deviations of all tables together."""
    if not any(isinstance(x, Rows) for x in arrays):
        pooled = np.concatenate(arrays)
        return pooled.mean(axis=0), pooled.std(axis=0)
    count = sum(len(x) for x in arrays)
    mean = np.asarray(sum(len(x) / count * x.mean(0) for x in arrays))
    squares = sum(len(x) / count * (x.std(0) ** 2 + (x.mean(0) - mean) ** 2) for x in arrays)
    return mean, np.asarray(np.sqrt(squares))


def _principal(arrays: Mapping[str, Any], count: int) -> Components:
    rows, width = sum(len(x) for x in arrays.values()), next(iter(arrays.values())).shape[1]
    if count > min(rows - 1, width):
        raise DataError(
            f"{count} components are more than {rows} rows of {width} variables have.",
            remedy=f"Take at most {min(rows - 1, width)}: data: {{components: {min(rows - 1, width, 20)}}}.",
        )
    if any(isinstance(x, Rows) for x in arrays.values()):
        return _of_rows(list(arrays.values()), count)
    pooled = np.concatenate(list(arrays.values()))
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
    total = float(np.maximum(spectrum, 0).sum())
    share = float(np.maximum(spectrum[:count], 0).sum() / total) if total > 0 else 1.0
    rest = centred - (centred @ directions.T) @ directions
    return _components(directions, mean, share, rest.var(axis=0))


def _of_rows(tables: Sequence[Any], count: int) -> Components:
    """The same of tables that are not in memory, from their means and triangular factors."""
    mean, deviations = _pooled(tables)
    variances, directions = principal(tables, mean, np.ones(len(mean)), count)
    variances, directions = variances[:count], directions[:count]
    total = float(np.square(deviations).sum())
    share = min(1.0, float(variances.sum()) / total) if total > 0 else 1.0
    rest = np.maximum(np.square(deviations) - variances @ np.square(directions), 0.0)
    return _components(directions, mean, share, rest)


def _components(directions: np.ndarray, mean: np.ndarray, share: float, rest: np.ndarray) -> Components:
    """With the largest entry of each direction positive. ``rest``: (variable,) variance off all directions."""
    count, width = directions.shape
    signs = np.sign(directions[np.arange(count), np.abs(directions).argmax(axis=1)])
    noise = rest * width / (width - count) if count < width else np.zeros(width)
    return Components(directions * signs[:, None], mean, share, noise)
