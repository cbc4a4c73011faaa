"""A small convolutional network as plain frozen numpy values, so that a result needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from crlspec.numerics.batches import batches, unit_interval

__all__ = ["ConvolutionalMap"]

NUMBERS = 2**21
"""Numbers of the images that are taken at a time: hidden maps hold several times as many."""


@dataclass(frozen=True)
class ConvolutionalMap:
    """f(image) = second a(first a(c_L … a(c₁ (image − level) / spread)) + bias) with SiLU a.

    All float32.

    kernels  of c₁ … c_L, each (out, in, 3, 3): convolutions of stride 2 within a rim of one pixel of 0; and their
             shifts (out,)
    side     (row, column) of the last maps, to which larger ones are averaged down
    first    (unit, feature); bias (unit,)
    second   (output, unit)
    shape    (channel, row, column) of an image; level, spread (channel,) of its brightness
    """

    shape: tuple[int, int, int]
    level: np.ndarray
    spread: np.ndarray
    kernels: tuple[np.ndarray, ...]
    shifts: tuple[np.ndarray, ...]
    side: tuple[int, int]
    first: np.ndarray
    bias: np.ndarray
    second: np.ndarray

    def __post_init__(self) -> None:
        sizes = [self.shape[0], *(len(shift) for shift in self.shifts)]
        wanted = [(out, into, 3, 3) for out, into in zip(sizes[1:], sizes)]
        features = sizes[-1] * self.side[0] * self.side[1]
        units = len(self.bias)
        if (
            [kernel.shape for kernel in self.kernels] != wanted
            or self.first.shape != (units, features)
            or self.second.shape[1:] != (units,)
            or not self.level.shape == self.spread.shape == (self.shape[0],)
        ):
            raise ValueError(
                f"kernels {[kernel.shape for kernel in self.kernels]}, first {self.first.shape} and second "
                f"{self.second.shape} do not lead from images {self.shape} to numbers"
            )

    @property
    def outputs(self) -> int:
        """How many numbers it gives."""
        return len(self.second)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Images (sample, channel, row, column), uint8 or float, to (sample, output) float64; in batches."""
        found = np.empty((len(images), self.outputs))
        start = 0
        for batch in batches(images, NUMBERS):
            found[start : start + len(batch)] = self._of(unit_interval(batch))
            start += len(batch)
        return found

    def rows(self, index: list[int]) -> Self:
        """The outputs ``index`` alone, in that order."""
        return replace(self, second=self.second[index])

    def _of(self, images: np.ndarray) -> np.ndarray:
        seen = (images - self.level[:, None, None]) / self.spread[:, None, None]
        for kernel, shift in zip(self.kernels, self.shifts, strict=True):
            seen = _silu(_convolved(seen, kernel) + shift[:, None, None])
        flat = _averaged(seen, self.side).reshape(len(images), -1)
        return np.asarray(_silu(flat @ self.first.T + self.bias) @ self.second.T)


def _silu(u: np.ndarray) -> np.ndarray:
    return np.asarray(u * (0.5 * (1 + np.tanh(0.5 * u))))


def _convolved(images: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """(sample, out, ⌈row / 2⌉, ⌈column / 2⌉)."""
    rows, columns = (-(-size // 2) for size in images.shape[2:])
    padded = np.pad(images, ((0, 0), (0, 0), (1, 2), (1, 2)))
    found: np.ndarray | float = 0.0
    for a in range(3):
        for b in range(3):
            part = padded[:, :, a : a + 2 * rows : 2, b : b + 2 * columns : 2]
            found = found + np.tensordot(part, kernel[:, :, a, b], ([1], [1]))
    return np.moveaxis(np.asarray(found), 3, 1)


def _averaged(maps: np.ndarray, side: tuple[int, int]) -> np.ndarray:
    """Maps averaged down to a side of so many rows and columns: parts of about equal size, which may share a row."""
    for axis, count in zip((2, 3), side, strict=True):
        size = maps.shape[axis]
        if size == count:
            continue
        cuts = [(k * size // count, -(-(k + 1) * size // count)) for k in range(count)]
        maps = np.stack([maps.take(range(*cut), axis).mean(axis) for cut in cuts], axis)
    return maps
