"""The code of images as labelled arrays and back, and the columns that it makes of labelled images."""

from __future__ import annotations

import numpy as np
import xarray as xr

from crlspec.data.images import ALIASES, DIMS, VARIABLE, image_array
from crlspec.errors import DataError
from crlspec.maps.codes import Eyes, PcaCode
from crlspec.maps.convolutional import ConvolutionalMap
from crlspec.maps.convolutional_code import AnyCode, ConvolutionalCode
from crlspec.results.stored_networks import encoder_of, network_dataset

__all__ = [
    "code_dataset",
    "code_of",
    "columns_of",
    "eyes_datasets",
    "eyes_of",
    "shows_images",
    "variable_of",
]


def code_dataset(code: AnyCode) -> xr.Dataset:
    """The arrays of a code; those of its eyes are in :func:`eyes_datasets`."""
    if isinstance(code, ConvolutionalCode):
        return _layers(code)
    each = ("component", *DIMS[1:])
    return xr.Dataset(
        {
            "components": (each, code.components),
            "mean": (DIMS[1:], code.mean),
            "pictures": (each, code.pictures),
        }
    )


def _layers(code: ConvolutionalCode) -> xr.Dataset:
    """Dimensions carry the number of the layer."""
    arrays = {
        "mean": (DIMS[1:], code.mean),
        "dense": (("component", "number"), code.dense),
        "bias": (("component",), code.bias),
        "opening": (("number", "component"), code.opening),
        "level": (("number",), code.level),
    }
    for name, layers in (("kernel", code.kernels), ("enlarging", code.enlarging)):
        for k, one in enumerate(layers):
            arrays[f"{name}{k}"] = tuple(f"{name}{k}_{end}" for end in ("out", "in", "row", "column")), one
    for name, offsets in (("shift", code.shifts), ("level", code.levels)):
        for k, one in enumerate(offsets):
            arrays[f"{name}{k}"] = (f"{name}{k}_out",), one
    return xr.Dataset(arrays, attrs={"layers": len(code.kernels)})


def eyes_datasets(eyes: Eyes) -> dict[str, xr.Dataset]:
    """The arrays of eyes: ``network``, and ``added``, whose dimensions carry the number of the layer."""
    added = eyes.added
    maps = ["channel", *(f"map{k + 1}" for k in range(len(added.kernels)))]
    arrays = {
        "level": (("channel",), added.level),
        "spread": (("channel",), added.spread),
        "first": (("unit", "feature"), added.first),
        "bias": (("unit",), added.bias),
        "second": (("output", "unit"), added.second),
    }
    for k, (kernel, shift) in enumerate(zip(added.kernels, added.shifts, strict=True)):
        arrays[f"kernel{k}"] = ((maps[k + 1], maps[k], "kernel_row", "kernel_column"), kernel)
        arrays[f"shift{k}"] = ((maps[k + 1],), shift)
    facts = {"layers": len(added.kernels), "shape": list(added.shape), "side": list(added.side)}
    network = network_dataset(eyes.network).rename(observed="coded")
    return {"network": network, "added": xr.Dataset(arrays, attrs=facts)}


def eyes_of(network: xr.Dataset, added: xr.Dataset) -> Eyes:
    """What :func:`eyes_datasets` made of eyes."""
    layers = range(int(added.attrs["layers"]))
    channels, rows, columns = (int(size) for size in added.attrs["shape"])
    row, column = (int(size) for size in added.attrs["side"])
    seen = ConvolutionalMap(
        (channels, rows, columns),
        added["level"].values,
        added["spread"].values,
        tuple(added[f"kernel{k}"].values for k in layers),
        tuple(added[f"shift{k}"].values for k in layers),
        (row, column),
        added["first"].values,
        added["bias"].values,
        added["second"].values,
    )
    return Eyes(encoder_of(network), seen)


def code_of(stored: xr.Dataset, eyes: Eyes | None = None) -> AnyCode:
    """What :func:`code_dataset` made of a code, with its eyes."""
    if "dense" in stored:
        layers = range(int(stored.attrs["layers"]))

        def each(name: str) -> tuple[np.ndarray, ...]:
            return tuple(stored[f"{name}{k}"].values for k in layers)

        return ConvolutionalCode(
            mean=stored["mean"].values,
            kernels=each("kernel"),
            shifts=each("shift"),
            dense=stored["dense"].values,
            bias=stored["bias"].values,
            opening=stored["opening"].values,
            level=stored["level"].values,
            enlarging=each("enlarging"),
            levels=each("level"),
        )
    return PcaCode(stored["components"].values, stored["mean"].values, stored["pictures"].values, eyes)


def shows_images(x: np.ndarray | xr.DataArray) -> bool:
    """Whether an array is one of images, by its dimensions."""
    if isinstance(x, xr.DataArray):
        return "observed" not in x.dims and bool({*DIMS[2:], *ALIASES} & set(x.dims))
    return x.ndim == 4


def columns_of(
    code: AnyCode, images: np.ndarray | xr.DataArray, beside: xr.DataArray | None = None
) -> xr.DataArray:
    """(sample, observed): the code of images (sample, channel, row, column), and the columns ``beside`` them.

    Raises DataError for images of another shape than the code was fitted to.
    """
    labelled = image_array(images, "the images")
    found = _coded(labelled.values, code)
    coords = {"observed": np.array(code.names, dtype=object)}
    if "sample" in labelled.coords:
        coords["sample"] = labelled["sample"].values
    columns = xr.DataArray(found, dims=("sample", "observed"), coords=coords)
    return columns if beside is None else xr.concat([columns, beside], "observed", join="override")


def _coded(images: np.ndarray, code: AnyCode) -> np.ndarray:
    """The code (sample, component) of images. Raises DataError for another shape."""
    if images.shape[1:] != code.shape:
        raise DataError(
            f"the images have the shape (channel, row, column) = {images.shape[1:]}, the encoder was fitted to "
            f"{code.shape}",
            remedy="Give images of the same size and cameras as those that the result was made from.",
        )
    return code(images)


def variable_of(dataset: xr.Dataset, code: AnyCode | None) -> xr.DataArray:
    """What of a data set an encoder takes: its variable x (sample, observed), the code of its images before it where
    there is a code. Raises DataError where it is missing."""
    if code is not None and VARIABLE in dataset.data_vars:
        return columns_of(code, dataset[VARIABLE], dataset["x"] if "x" in dataset.data_vars else None)
    wanted = "x" if code is None else VARIABLE
    if wanted not in dataset and "x" not in dataset:
        names = ", ".join(map(str, dataset.data_vars)) or "none"
        raise DataError(
            f"the data set has no variable '{wanted}'; it has {names}",
            remedy="Name the observations x, of dimensions (sample, observed)."
            if code is None
            else f"Name the images {VARIABLE}, of dimensions ({', '.join(DIMS)}).",
        )
    return dataset["x"]
