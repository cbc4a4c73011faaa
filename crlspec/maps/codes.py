"""Codes of images, as plain frozen numpy values: a few numbers for each image, and images of such numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlspec.maps.convolutional import ConvolutionalMap
from crlspec.maps.maps import AnyEncoder, NetworkEncoder
from crlspec.numerics.batches import batches, unit_interval

__all__ = ["Eyes", "ImageEncoder", "PcaCode"]


@dataclass(frozen=True)
class Eyes:
    """numbers = network(components of the image) + added(image): what is seen of an image beyond its components.

    network  from the columns that the components make
    added    of the image itself, as many numbers
    """

    network: NetworkEncoder
    added: ConvolutionalMap

    def __call__(self, images: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Images (sample, channel, row, column), and their components (sample, component), to (sample, number)."""
        return self.network(columns) + self.added(images)


@dataclass(frozen=True)
class PcaCode:
    """code = components · (image − mean); image ≈ mean + pictures · code, cut to 0 … 1. Where there are eyes the
    code is that and what they see.

    components  (component, channel, row, column) float32: principal components, blurred and averaged as the images
                that they are of, so that they apply to images as they come
    mean        (channel, row, column) float32, from 0 to 1
    pictures    (component, channel, row, column) float32: what a component of 1 adds to an image
    eyes        what is seen beyond the components, if anything
    """

    components: np.ndarray
    mean: np.ndarray
    pictures: np.ndarray
    eyes: Eyes | None = None

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
        """code1, code2, …, and seen1, seen2, … where there are eyes: the columns that the code makes."""
        seen = 0 if self.eyes is None else self.eyes.added.outputs
        return (
            *(f"code{k + 1}" for k in range(len(self.components))),
            *(f"seen{k + 1}" for k in range(seen)),
        )

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Images (sample, channel, row, column), uint8 or float, to (sample, name) float64; in batches."""
        if images.shape[1:] != self.shape:
            raise ValueError(f"images {images.shape[1:]} where the code takes {self.shape}")
        flat = self.components.reshape(len(self.components), -1)
        found = np.empty((len(images), len(flat)))
        start = 0
        for batch in batches(images):
            found[start : start + len(batch)] = unit_interval(batch).reshape(len(batch), -1) @ flat.T
            start += len(batch)
        found = np.asarray(found - flat.astype(np.float64) @ self.mean.reshape(-1).astype(np.float64))
        return found if self.eyes is None else np.concatenate([found, self.eyes(images, found)], axis=1)

    def decoded(self, code: np.ndarray) -> np.ndarray:
        """(sample, name) to images (sample, channel, row, column) float32, from 0 to 1, by the components alone."""
        flat = code[:, : len(self.pictures)].astype(np.float32) @ self.pictures.reshape(
            len(self.pictures), -1
        )
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
