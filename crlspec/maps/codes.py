"""Codes of images, as plain frozen numpy values: a few numbers for each image, and images of such numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlspec.maps.maps import AnyEncoder
from crlspec.numerics.batches import batches, unit_interval

__all__ = ["ImageEncoder", "PcaCode"]


@dataclass(frozen=True)
class PcaCode:
    """code = components · (image − mean); image ≈ mean + pictures · code, cut to 0 … 1.

    components  (component, channel, row, column) float32: principal components, blurred and averaged as the images
                that they are of, so that they apply to images as they come
    mean        (channel, row, column) float32, from 0 to 1
    pictures    (component, channel, row, column) float32: what a component of 1 adds to an image
    """

    components: np.ndarray
    mean: np.ndarray
    pictures: np.ndarray

    def __post_init__(self) -> None:
        if self.mean.ndim != 3 or not (
            self.components.shape == self.pictures.shape == (len(self.components), *self.mean.shape)
        ):
            raise ValueError(
                f"components {self.components.shape} and pictures {self.pictures.shape} do not fit a mean "
                f"{self.mean.shape}"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channel, row, column) of an image."""
        channels, rows, columns = self.mean.shape
        return channels, rows, columns

    @property
    def names(self) -> tuple[str, ...]:
        """code1, code2, …: the columns that the code makes."""
        return tuple(f"code{k + 1}" for k in range(len(self.components)))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Images (sample, channel, row, column), uint8 or float, to (sample, component) float64; in batches."""
        if images.shape[1:] != self.shape:
            raise ValueError(f"images {images.shape[1:]} where the code takes {self.shape}")
        flat = self.components.reshape(len(self.components), -1)
        found = np.empty((len(images), len(flat)))
        start = 0
        for batch in batches(images):
            found[start : start + len(batch)] = unit_interval(batch).reshape(len(batch), -1) @ flat.T
            start += len(batch)
        return np.asarray(found - flat.astype(np.float64) @ self.mean.reshape(-1).astype(np.float64))

    def decoded(self, code: np.ndarray) -> np.ndarray:
        """(sample, component) to images (sample, channel, row, column) float32, from 0 to 1."""
        flat = code.astype(np.float32) @ self.pictures.reshape(len(self.pictures), -1)
        return np.asarray(np.clip(flat.reshape(len(code), *self.shape) + self.mean, 0, 1))


@dataclass(frozen=True)
class ImageEncoder:
    """Images, and columns beside them, to latents: function(code(image), columns).

    code      from images to the first columns
    function  from the columns of the code, and those beside them, to the latents
    """

    code: PcaCode
    function: AnyEncoder

    def __call__(self, images: np.ndarray, columns: np.ndarray | None = None) -> np.ndarray:
        """Images (sample, channel, row, column), and (sample, observed) where there are further columns, to (sample,
        latent)."""
        found = self.code(images)
        return self.function(found if columns is None else np.concatenate([found, columns], axis=1))
