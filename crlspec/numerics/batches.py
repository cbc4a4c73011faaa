"""Images in batches: arrays (sample, channel, row, column) that lie on disk pass through memory piece by piece."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import numpy as np

__all__ = ["BYTES", "batches", "release", "rows_of", "unit_interval"]

BYTES = 2**24
"""Numbers in a batch, about: 16 million, 64 MB of float32."""


def batches(images: np.ndarray, numbers: int = BYTES) -> Iterator[np.ndarray]:
    """Views of consecutive images, each of so many ``numbers`` at most (one image at least).

    The pages of a memory map are given back after each batch, so that memory holds one batch of it and no more.
    """
    step = max(1, numbers // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), step):
        yield images[start : start + step]
        release(images)


def rows_of(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A copy of the images with these indices, taken in rising order and given back in the order of ``rows``."""
    order = np.argsort(rows, kind="stable")
    taken = np.empty((len(rows), *images.shape[1:]), dtype=images.dtype)
    step = max(1, BYTES // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(rows), step):
        some = order[start : start + step]
        taken[some] = images[rows[some]]
        release(images)
    return taken


def unit_interval(images: np.ndarray) -> np.ndarray:
    """Images as float32 from 0 to 1: uint8 divided by 255, floats as they are. A copy."""
    found = np.array(images, dtype=np.float32)
    if images.dtype == np.uint8:
        found /= 255
    return found


def release(images: np.ndarray) -> None:
    """Let go of the pages of the memory map that an array lies in, if it does; they are read again when asked for.

    Private maps (mode ``c``) keep theirs: their changes are nowhere else.
    """
    base: object = images
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode == "c":
            return
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)
