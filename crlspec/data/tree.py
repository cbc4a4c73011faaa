"""The DataTree of a study: a child per environment, ``x`` in each, ``image`` beside or in its place, labels kept.

Root attribute ``crlspec``: one JSON string with the provenance (the observational environment's name under
``observational``, seeds, …), since NetCDF attributes cannot hold dictionaries, booleans or None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.data.images import VARIABLE, camera_notes, image_array
from crlspec.data.lazily import rows_of
from crlspec.errors import DataError, WrongType, kind_of
from crlspec.numerics.rows import Rows

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["environments_of", "from_arrays", "observational_of", "provenance_of"]

PROVENANCE = "crlspec"
ORDER = "environments"
IMAGE = "image"
"""Provenance: [row, column, channel] where the first observed variables are the pixels of an image, in this order."""
READING = "reading"
"""Provenance: sentences about what was guessed, left out or renamed while the data were read."""
OBSERVATIONAL_NAMES = ("obs", "observational")


def from_arrays(
    arrays: Mapping[str, Any] | None = None,
    observed: Sequence[str] | None = None,
    truth: Mapping[str, Any] | None = None,
    observational: str | None = None,
    *,
    latents: Sequence[str] | None = None,
    provenance: Mapping[str, Any] | None = None,
    images: Mapping[str, Any] | None = None,
    cameras: Sequence[str] = (),
) -> xr.DataTree:
    """One array per environment to a DataTree; sample counts may differ.

    arrays         environment → (sample, observed): numpy, torch (CPU), a pandas DataFrame or an xarray
                   DataArray; none where images are all that is observed
    observed       names of the columns; from DataFrames and DataArrays where not given, else ``x1`` … ``xd``
    truth          environment → (sample, latent), kept beside the data for evaluation; no estimator sees it
    observational  the environment without intervention; ``obs`` or ``observational`` where there is one so
                   named
    latents        names of the truth's columns, else ``z1`` … ``zn``
    provenance     further plain values to keep with the data
    images         environment → (sample, channel, row, column), uint8 from 0 to 255 or float from 0 to 1, which are
                   kept as they are, memory maps too
    cameras        names of the cameras, whose channels lie one after another, as many of each

    Raises DataError for arrays that are not numeric tables or whose columns differ.
    """
    _require_mapping(arrays, images)
    arrays, images = arrays or {}, images or {}
    names = list(dict.fromkeys([*arrays, *images]))
    if not names:
        raise DataError(
            "No environments were given.", remedy="Give at least one array, the observational one."
        )
    datasets = {}
    for name in names:
        data = {}
        if name in arrays:
            data["x"] = labelled_array(arrays[name], str(name), "observed", observed, "x")
        if name in images:
            data[VARIABLE] = image_array(images[name], f"Environment '{name}'")
            require_rows(data, f"Environment '{name}'")
        if truth is not None and name in truth:
            data["z"] = labelled_array(truth[name], str(name), "latent", latents, "z")
            count = data["x" if "x" in data else VARIABLE].sizes["sample"]
            if data["z"].sizes["sample"] != count:
                raise DataError(
                    f"Environment '{name}': {count} observations but {data['z'].sizes['sample']} rows of truth.",
                    remedy="Give one row of truth for each observation.",
                )
        datasets[str(name)] = data
    if images:
        channels = next(iter(images.values())).shape[1]
        provenance = {**(provenance or {}), **camera_notes(cameras, int(channels))}
    if truth is not None and (strangers := [str(name) for name in truth if name not in names]):
        raise DataError(
            f"The truth names environments without observations: {', '.join(strangers)}.",
            remedy="Use the same environment names in both.",
        )
    _require_columns(datasets)
    return build_tree(datasets, observational, provenance)


def _require_mapping(arrays: Any, images: Any) -> None:
    """Raise WrongType for what is no mapping from environments to arrays."""
    for given, what in ((arrays, "arrays"), (images, "images")):
        if given is not None and not isinstance(given, Mapping):
            remedy = 'Give them by environment: crlspec.from_arrays({"obs": x, "do_a": y}).'
            if what == "arrays" and hasattr(given, "columns"):
                remedy = "One table is read by crlspec.read_data(frame, environment=COLUMN). Or give a mapping from "
                remedy += 'environments to arrays: {"obs": x, "do_a": y}.'
            raise WrongType(f"Got {kind_of(given)} for the {what} of environments.", remedy)


def _require_columns(datasets: Mapping[str, Mapping[str, xr.DataArray]]) -> None:
    """Raise DataError where the columns of one environment are others than those of the first."""
    tables = {name: data["x"] for name, data in datasets.items() if "x" in data}
    if not tables:
        return
    first = next(iter(tables))
    wanted = [str(name) for name in tables[first]["observed"].values]
    for name, x in tables.items():
        here = [str(one) for one in x["observed"].values]
        if sorted(here) == sorted(wanted):
            continue
        told = f"{len(here)} columns where '{first}' has {len(wanted)}"
        if len(here) == len(wanted):
            told = f"the columns {listed(here)} where '{first}' has {listed(wanted)}"
        raise DataError(
            f"Environment '{name}': {told}.", remedy="Every environment needs the same observed variables."
        )


def require_rows(data: Mapping[str, xr.DataArray], where: str) -> None:
    """Raise DataError, which begins with ``where``, unless there is one image for each row of x."""
    if "x" in data and VARIABLE in data and data["x"].sizes["sample"] != data[VARIABLE].sizes["sample"]:
        raise DataError(
            f"{where}: {data['x'].sizes['sample']} rows for {data[VARIABLE].sizes['sample']} images.",
            remedy="Give one row for each image.",
        )


def labelled_array(
    values: Any,
    environment: str,
    dim: str,
    names: Sequence[str] | None,
    prefix: str,
    least: int | None = None,
) -> xr.DataArray:
    """A (sample, dim) float64 DataArray with string labels, from anything that looks like a table.

    least  bytes of a DataArray that is not in memory up to which it is read, see ``rows_of``
    """
    import xarray as xr

    sample = None
    if hasattr(values, "columns") and hasattr(values, "to_numpy"):
        names = names if names is not None else [str(name) for name in values.columns]
        values = values.to_numpy()
    elif isinstance(values, xr.DataArray):
        if values.ndim == 2 and values.dims[1] in values.coords and names is None:
            names = [str(name) for name in values.coords[values.dims[1]].values]
        if values.ndim == 2 and values.dims[0] in values.coords:
            sample = values.coords[values.dims[0]].values
        rows = rows_of(values, least)
        values = values.values if rows is None else rows
    elif hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    try:
        array = values if isinstance(values, Rows) else _numbers(np.asarray(values))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"Environment '{environment}': the {dim} values are not all real numbers ({error}).",
            remedy="Give one number per cell.",
        ) from None
    if array.ndim != 2:
        raise DataError(
            f"Environment '{environment}': got an array of shape {array.shape}.",
            remedy=f"Give a table of shape (sample, {dim}).",
        )
    if names is None:
        names = [f"{prefix}{k + 1}" for k in range(array.shape[1])]
    if len(names) != array.shape[1]:
        raise DataError(
            f"Environment '{environment}': {array.shape[1]} columns but {len(names)} {dim} names.",
            remedy="Give one name for each column.",
        )
    coords: dict[str, Any] = {dim: text_labels(names)}
    if sample is not None:
        coords["sample"] = plain_labels(sample)
    return xr.DataArray(array, dims=("sample", dim), coords=coords)


def _numbers(array: np.ndarray) -> np.ndarray:
    """A copy in float64."""
    if array.dtype.kind not in "biuf":
        array = array.astype(np.float64) if array.dtype.kind == "O" else _refuse_kind(array)
    return np.array(array, dtype=np.float64)


def _refuse_kind(array: np.ndarray) -> np.ndarray:
    raise TypeError(f"their type is {array.dtype}")


def build_tree(
    datasets: Mapping[str, Mapping[str, xr.DataArray]],
    observational: str | None,
    provenance: Mapping[str, Any] | None = None,
    sources: Mapping[str, str] | None = None,
) -> xr.DataTree:
    """The DataTree of named tables; ``sources`` are the files they came from, for errors to name."""
    import xarray as xr

    for name in datasets:
        if not name or "/" in name or name != name.strip() or name in {".", ".."}:
            raise DataError(
                f"'{name}' cannot name an environment.",
                remedy="Use a name without '/', and without blanks at its ends.",
            )
    notes = dict(provenance or {})
    datasets = _in_order(datasets, notes.pop(ORDER, None))
    notes["observational"] = resolve_observational(
        tuple(datasets), observational or notes.get("observational")
    )
    children = {}
    for name, data in datasets.items():
        child = xr.Dataset(dict(data))
        if sources and name in sources:
            child.encoding["source"] = sources[name]
        children[name] = child
    tree = xr.DataTree.from_dict({f"/{name}": child for name, child in children.items()})
    tree.attrs[PROVENANCE] = json.dumps(notes, sort_keys=True)
    return tree


def _in_order(datasets: Mapping[str, Any], order: Any) -> dict[str, Any]:
    """In the order in which they were written; folders and Zarr stores know only the alphabet's."""
    ranks = (
        {name: k for k, name in enumerate(order)} if isinstance(order, list) else dict.fromkeys(datasets, 0)
    )
    return {name: datasets[name] for name in sorted(datasets, key=lambda name: ranks.get(name, len(ranks)))}


def written_notes(tree: xr.DataTree) -> dict[str, Any]:
    """The provenance as files hold it: with the order of the environments."""
    return {**provenance_of(tree), ORDER: list(environments_of(tree))}


def resolve_observational(names: Sequence[str], asked: str | None) -> str | None:
    """The environment asked for, else the one called ``obs`` or ``observational``, else None."""
    if asked is not None:
        if asked not in names:
            raise DataError(
                f"There is no environment '{asked}' to be the observational one; there are {listed(names)}.",
                remedy="Name one of these as observational (key data.observational of the spec).",
            )
        return asked
    return next((name for name in OBSERVATIONAL_NAMES if name in names), None)


def provenance_of(tree: xr.DataTree) -> dict[str, Any]:
    """The provenance kept in the root attribute ``crlspec``; empty where there is none."""
    try:
        found = json.loads(tree.attrs.get(PROVENANCE, "{}"))
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def pixels_of(tree: xr.DataTree) -> int:
    """How many of the observed variables, the first ones, are pixels of an image laid out as columns."""
    shape = provenance_of(tree).get(IMAGE, [0])
    return int(np.prod([int(length) for length in shape]))


def observational_of(tree: xr.DataTree) -> str | None:
    """Name of the observational environment, or None where the data do not say."""
    asked = provenance_of(tree).get("observational")
    names = environments_of(tree)
    return asked if asked in names else resolve_observational(names, None)


def environments_of(tree: xr.DataTree) -> tuple[str, ...]:
    """All environments of the data in their order, the observational one included."""
    return tuple(str(name) for name in tree.children)


def source_of(tree: xr.DataTree, environment: str) -> str | None:
    """The file that an environment was read from, where known."""
    source = tree.children[environment].encoding.get("source") if environment in tree.children else None
    return str(source) if source else None


def text_labels(names: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Labels as an object array of str, which NetCDF and Zarr can both hold (not so pandas string arrays)."""
    labels = np.empty(len(names), dtype=object)
    labels[:] = [name.decode() if isinstance(name, bytes) else str(name) for name in names]
    return labels


def plain_labels(values: np.ndarray) -> np.ndarray:
    """Sample labels: numbers and dates as they are, anything else as text."""
    array = np.asarray(values)
    return array if array.dtype.kind in "iufMm" else text_labels(list(values))


def listed(names: Sequence[str] | Any, limit: int = 8) -> str:
    """``a, b, c`` … cut after ``limit`` names."""
    names = [str(name) for name in names]
    return ", ".join(names[:limit]) + (f", … ({len(names)} in all)" if len(names) > limit else "") or "none"
