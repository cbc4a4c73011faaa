"""The recovered encoder and decoder with labels: from observations, new ones too, to named latents and back."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np
import xarray as xr

from crlspec.data.images import DIMS
from crlspec.data.lazily import rows_of
from crlspec.data.prepare import Transform
from crlspec.errors import DataError, EstimationError
from crlspec.maps.convolutional_code import AnyCode
from crlspec.maps.maps import AnyEncoder, LinearEncoder, encoded
from crlspec.maps.monotone import Units
from crlspec.numerics.axes import Axes
from crlspec.results.stored_code import columns_of, shows_images, variable_of

if TYPE_CHECKING:
    from crlspec.data import Problem

__all__ = ["Decoder", "Encoder", "align", "labels"]


@dataclass(frozen=True)
class Encoder:
    """Observations → latents, by name.

    Takes an array (sample, observed) in the order of ``observed``; or anything labelled: a DataArray with a
    dimension ``observed`` (its other dimensions are kept), a Dataset with a variable ``x``, a DataTree with
    one such Dataset per environment. Labelled variables are found by name, in any order; those not needed are
    left out. A missing value in a row gives missing latents for that row. Raises DataError where names or
    sizes do not fit.

    Where it was fitted to images: an array or DataArray (sample, channel, row, column), uint8 or float from 0 to 1; a
    Dataset with a variable ``image``, and ``x`` where columns were observed beside them; a DataTree of such. They are
    taken in batches.

    Latents are in observational standard deviations, or where labels gave ``units`` in these. Where the data were
    transformed, ``before`` does the same to what is given here.
    """

    function: AnyEncoder
    observed: tuple[str, ...]
    latents: tuple[str, ...]
    code: AnyCode | None = None
    units: Units | None = None
    before: Transform | None = None

    @property
    def linear(self) -> LinearEncoder:
        """The encoder without labels, where it is linear. Raises EstimationError where it is not."""
        if not isinstance(self.function, LinearEncoder):
            raise EstimationError(
                "this encoder is not linear: it has neither matrix nor offset",
                remedy="Apply it to observations, or take the decoder: result.traverse(latent, values).",
            )
        return self.function

    @property
    def matrix(self) -> xr.DataArray:
        """(latent, observed) float64: ẑ = matrix · (x − offset), in observational standard deviations."""
        coords = {"latent": labels(self.latents), "observed": labels(self.observed)}
        return xr.DataArray(self.linear.matrix, dims=("latent", "observed"), coords=coords, name="encoder")

    @property
    def offset(self) -> xr.DataArray:
        """(observed,) float64, in the units of x: the point that is encoded as 0."""
        return xr.DataArray(
            self.linear.offset, dims=("observed",), coords={"observed": labels(self.observed)}, name="offset"
        )

    @overload
    def __call__(self, x: np.ndarray | xr.DataArray) -> xr.DataArray: ...
    @overload
    def __call__(self, x: xr.Dataset) -> xr.Dataset: ...
    @overload
    def __call__(self, x: xr.DataTree) -> xr.DataTree: ...
    def __call__(
        self, x: np.ndarray | xr.DataArray | xr.Dataset | xr.DataTree
    ) -> xr.DataArray | xr.Dataset | xr.DataTree:
        """Latents of x: a DataArray (…, latent); for a Dataset or a DataTree, its variable ``z_hat``."""
        if isinstance(x, xr.DataTree):
            return self._tree(x)
        if isinstance(x, xr.Dataset):
            return xr.Dataset({"z_hat": self._labelled(variable_of(x, self.code))})
        if self.code is not None and shows_images(x):
            return self._labelled(columns_of(self.code, x))
        if isinstance(x, xr.DataArray):
            return self._labelled(x)
        return self._array(np.asarray(x, dtype=float))

    def of_all(self, data: Problem | xr.DataTree) -> xr.DataTree:
        """Latents of all environments of a problem, or of a DataTree as a call gives them."""
        if isinstance(data, xr.DataTree):
            return self._tree(data)
        tables = {name: encoded(self._apply, x) for name, x in data.samples.items()}
        dims, coords = ("sample", "latent"), Axes({"latent": labels(self.latents)}).coordinates("latent")
        return xr.DataTree.from_dict(
            {name: xr.Dataset({"z_hat": (dims, z)}, coords) for name, z in tables.items()}
        )

    def _tree(self, tree: xr.DataTree) -> xr.DataTree:
        wanted = "x" if self.code is None else "image"
        found = {
            name: node for name, node in tree.children.items() if {"x", wanted} & {*node.dataset.data_vars}
        }
        if not found:
            raise DataError(
                f"the data hold no environment with a variable '{wanted}'; there are {_listed(tree.children)}",
                remedy="Give one child per environment, with a variable x of dimensions (sample, observed)."
                if self.code is None
                else "Give one child per environment, with a variable image of dimensions (sample, channel, row, "
                "column).",
            )
        return xr.DataTree.from_dict(
            {name: self(node.to_dataset(inherit=True)) for name, node in found.items()}, name=tree.name
        )

    def _labelled(self, x: xr.DataArray) -> xr.DataArray:
        x = align(x, self.observed)
        rows = rows_of(x)
        z = self._apply(np.asarray(x.values, dtype=float)) if rows is None else encoded(self._apply, rows)
        coords = {key: value for key, value in x.coords.items() if "observed" not in value.dims}
        coords["latent"] = xr.DataArray(labels(self.latents), dims="latent")
        return xr.DataArray(z, dims=(*x.dims[:-1], "latent"), coords=coords, name="z_hat")

    def _array(self, x: np.ndarray) -> xr.DataArray:
        if x.ndim != 2:
            raise DataError(
                f"an unlabelled array must have dimensions (sample, observed), got shape {x.shape}",
                remedy=f"Give one row per sample and {len(self.observed)} columns.",
            )
        return self._of_samples(self._apply(x))

    def _of_samples(self, z: np.ndarray) -> xr.DataArray:
        return xr.DataArray(z, {"latent": labels(self.latents)}, ("sample", "latent"), "z_hat")

    def _apply(self, x: np.ndarray) -> np.ndarray:
        _require_count(x.shape[-1], self.observed)
        z = self.function(x if self.before is None else self.before(x))
        return z if self.units is None else self.units(z)


@dataclass(frozen=True)
class Decoder:
    """Latents → observations, by name.

    Takes an array (sample, latent) in the order of ``latents``, or a DataArray with a dimension ``latent`` (its other
    dimensions are kept). Raises DataError where names or sizes do not fit. Where images are observed it gives them.
    """

    function: Callable[[np.ndarray], np.ndarray]
    observed: tuple[str, ...]
    latents: tuple[str, ...]
    code: AnyCode | None = None

    def __call__(self, z: np.ndarray | xr.DataArray) -> xr.DataArray:
        """Observations of z: a DataArray (…, observed); images (…, channel, row, column) float32 from 0 to 1 where
        those are observed."""
        columns = self.columns(z)
        if self.code is None:
            return columns
        flat = columns.values[..., : len(self.code.names)].reshape(-1, len(self.code.names))
        coords = {key: value for key, value in columns.coords.items() if "observed" not in value.dims}
        return xr.DataArray(
            self.code.decoded(flat).reshape(*columns.shape[:-1], *self.code.shape),
            dims=(*columns.dims[:-1], *DIMS[1:]),
            coords=coords,
            name="image_hat",
        )

    def columns(self, z: np.ndarray | xr.DataArray) -> xr.DataArray:
        """Observed variables of z: a DataArray (…, observed); of images their code, and the columns beside them."""
        others: list[Hashable] = ["sample"]
        coords: dict[Hashable, object] = {}
        if isinstance(z, xr.DataArray):
            if "latent" not in z.dims:
                raise DataError(
                    f"the latents have no dimension 'latent'; they have {_listed(z.dims)}",
                    remedy="Rename the dimension that holds the latents to latent.",
                )
            if "latent" in z.coords:
                z = self._ordered(z)
            others = [dim for dim in z.dims if dim != "latent"]
            z = z.transpose(*others, "latent")
            coords = {key: value for key, value in z.coords.items() if "latent" not in value.dims}
        values = np.asarray(z, dtype=float)
        if values.shape[-1:] != (len(self.latents),) or values.ndim != len(others) + 1:
            raise DataError(
                f"latents must be given as (sample, latent) with {len(self.latents)} latents, got {values.shape}",
                remedy=f"Give one column for each of {_listed(self.latents)}.",
            )
        flat = self.function(values.reshape(-1, len(self.latents)))
        coords["observed"] = xr.DataArray(labels(self.observed), dims="observed")
        shape = (*values.shape[:-1], len(self.observed))
        return xr.DataArray(flat.reshape(shape), dims=(*others, "observed"), coords=coords, name="x_hat")

    def _ordered(self, z: xr.DataArray) -> xr.DataArray:
        names = [str(name) for name in z["latent"].values]
        if sorted(names) != sorted(self.latents):
            raise DataError(
                f"the latents are named {_listed(names)}; the decoder was fitted to {_listed(self.latents)}",
                remedy="Give every latent once, under its name.",
            )
        return z.isel(latent=[names.index(name) for name in self.latents])


def align(x: xr.DataArray, observed: tuple[str, ...]) -> xr.DataArray:
    """x (…, observed) with the variables ``observed`` in this order, found by name where they have names.

    Raises DataError where one is missing, or named twice, or their number is another.
    """
    if "observed" not in x.dims:
        raise DataError(
            f"the data have no dimension 'observed'; they have {_listed(x.dims)}",
            remedy="Rename the dimension that holds the observed variables to observed.",
        )
    if "observed" in x.coords:
        names = [str(name) for name in x["observed"].values]
        missing = [name for name in observed if name not in names]
        if missing or len(set(names)) != len(names):
            wrong = f"lack {_listed(missing)}" if missing else "name an observed variable twice"
            raise DataError(
                f"the data {wrong}; the encoder was fitted to {_listed(observed)}",
                remedy="Give new data under the names of the data that the result was made from.",
            )
        if names != list(observed):
            x = x.isel(observed=[names.index(name) for name in observed])
    _require_count(x.sizes["observed"], observed)
    return x.transpose(*(dim for dim in x.dims if dim != "observed"), "observed")


def _require_count(count: int, observed: tuple[str, ...]) -> None:
    if count != len(observed):
        raise DataError(
            f"the data have {count} observed variables, the encoder takes {len(observed)}: {_listed(observed)}",
            remedy="Give the same variables as the data that the result was made from.",
        )


def labels(names: tuple[str, ...]) -> np.ndarray:
    """Names as an object array, the one kind of text coordinate that NetCDF gives back unchanged."""
    return np.array(names, dtype=object)


def _listed(names: object, most: int = 12) -> str:
    texts = [str(name) for name in names]  # type: ignore[attr-defined]
    text = ", ".join(texts[:most]) or "none"
    return text + (f" and {len(texts) - most} more" if len(texts) > most else "")
