"""Images beside, or in place of, tables: the variable ``image`` (sample, channel, row, column) of an environment.

uint8 from 0 to 255, or float32 or float64 from 0 to 1; the channels of several cameras one after another. Large
arrays stay memory maps: nothing here copies them. Dimensions called y and x are taken too, but ``x`` is the name of
the table beside the images.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.disk.write import failures
from crlspec.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["CAMERAS", "DIMS", "VARIABLE", "camera_notes", "empty_images", "image_array"]

VARIABLE = "image"
DIMS = ("sample", "channel", "row", "column")
ALIASES = {"y": "row", "x": "column"}
CAMERAS = "cameras"
"""Provenance: names of the cameras, whose channels lie one after another, as many of each."""

IN_MEMORY = 2**26
"""Bytes up to which images are held in memory; larger ones lie in a temporary file."""


def image_array(values: Any, where: str) -> xr.DataArray:
    """Images as a DataArray of the convention, without a copy; ``where`` begins an error.

    Raises DataError for another type or shape, and where the channels seem to come last.
    """
    import xarray as xr

    if isinstance(values, xr.DataArray):
        values = values.rename({old: new for old, new in ALIASES.items() if old in values.dims})
        if set(values.dims) != set(DIMS):
            raise DataError(
                f"{where}: the images have the dimensions ({', '.join(map(str, values.dims))}).",
                remedy=f"Name them {', '.join(DIMS)}.",
            )
        coords = {"sample": values["sample"]} if "sample" in values.coords else {}
        array = values.transpose(*DIMS).values
    else:
        coords = {}
        array = values.detach().cpu().numpy() if hasattr(values, "detach") else values
        array = array if isinstance(array, np.ndarray) else np.asarray(array)
    if array.dtype != np.uint8 and array.dtype not in (np.float32, np.float64):
        raise DataError(
            f"{where}: the images are of type {array.dtype}.",
            remedy="Give uint8 from 0 to 255, or float32 or float64 from 0 to 1.",
        )
    if array.ndim != 4 or 0 in array.shape:
        grey = " Grey images without a channel: images[:, None]." if array.ndim == 3 else ""
        raise DataError(
            f"{where}: the images have the shape {array.shape}.",
            remedy=f"Give (sample, channel, row, column), one or more of each.{grey}",
        )
    if not isinstance(values, xr.DataArray) and array.shape[3] <= 4 < min(array.shape[1:3]):
        raise DataError(
            f"{where}: the images have the shape {array.shape}, as if the channels came last.",
            remedy="Put them second: np.moveaxis(images, -1, 1).",
        )
    return xr.DataArray(array, dims=DIMS, coords=coords)


def empty_images(shape: Sequence[int], dtype: Any = np.uint8) -> np.ndarray:
    """Room for images: in memory, or of many in a temporary file that goes when the array does.

    Raises WriteError where the disk of temporary files is full.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size <= IN_MEMORY:
        return np.empty(tuple(shape), dtype=dtype)
    with failures(Path(tempfile.gettempdir())), tempfile.TemporaryFile() as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)  # a map that finds the disk full kills the process
        else:
            file.truncate(size)
        return np.memmap(file, dtype=dtype, mode="r+", shape=tuple(shape))


def camera_notes(cameras: Sequence[str], channels: int) -> dict[str, list[str]]:
    """What the provenance says of cameras. Raises DataError where they cannot share the channels."""
    if cameras and channels % len(cameras):
        raise DataError(
            f"{channels} channels cannot be shared by {len(cameras)} cameras ({', '.join(map(str, cameras))}).",
            remedy="Give as many channels of each camera.",
        )
    return {CAMERAS: [str(name) for name in cameras]} if cameras else {}
