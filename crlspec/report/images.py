"""Observations that are images, as strips of pictures: PNG inside the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["as_images", "beside", "by_camera", "image_shape", "png", "rows_of_pictures", "strip"]

GAP = 1
"""White pixels between two pictures."""


def image_shape(result: Record) -> tuple[int, int, int] | None:
    """(row, column, channel) where the first observed variables are the pixels of an image; None where not."""
    shape = result.provenance.get("image")
    if not isinstance(shape, Sequence) or len(shape) != 3:
        return None
    rows, columns, channels = (int(length) for length in shape)
    fits = channels in (1, 3) and 0 < rows * columns * channels <= len(result.observed)
    return (rows, columns, channels) if fits else None


def as_images(x: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The pixels of observations (sample, observed) as images (sample, row, column, channel), cut to 0 … 1."""
    return np.clip(x[:, : int(np.prod(shape))], 0, 1).reshape(len(x), *shape)


def by_camera(images: np.ndarray, cameras: int) -> list[np.ndarray]:
    """Images (sample, channel, row, column) as (sample, row, column, 1 or 3), one array a camera; other numbers of
    channels are shown as their mean."""
    found = []
    for part in np.split(images, cameras if images.shape[1] % cameras == 0 else 1, axis=1):
        seen = part if part.shape[1] in (1, 3) else part.mean(axis=1, keepdims=True)
        found.append(np.moveaxis(seen, 1, -1))
    return found


def beside(cameras: Sequence[np.ndarray]) -> np.ndarray:
    """The images of several cameras, each (sample, row, column, 1 or 3), next to each other: (sample, row, column,
    3)."""
    parts = []
    for images in cameras:
        coloured = np.broadcast_to(images, (*images.shape[:3], 3))
        parts += [np.ones((*images.shape[:2], GAP, 3)), coloured]
    return np.concatenate(parts[1:], axis=2)


def rows_of_pictures(rows: Sequence[np.ndarray]) -> np.ndarray:
    """One picture (row, column, 3) of rows of pictures, each (picture, row, column, channel) of values in 0 … 1."""
    lines = []
    for pictures in rows:
        count, height, width, channels = pictures.shape
        line = np.ones((height + GAP, count * (width + GAP), 3))
        for k, picture in enumerate(pictures):
            line[:height, k * (width + GAP) : k * (width + GAP) + width] = picture  # one channel is grey
        lines.append(line)
    return np.concatenate(lines)[:-GAP, :-GAP]


def png(picture: np.ndarray) -> bytes:
    """A picture (row, column, 3) of values in 0 … 1 as a PNG file."""
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, picture, format="png")
    return buffer.getvalue()


def strip(rows: Sequence[np.ndarray], alt: str) -> str:
    """An HTML image: rows of pictures, each (picture, row, column, channel) of values in 0 … 1."""
    text = base64.b64encode(png(rows_of_pictures(rows))).decode("ascii")
    return f'<img class="strip" alt="{escape(alt, quote=True)}" src="data:image/png;base64,{text}">'
