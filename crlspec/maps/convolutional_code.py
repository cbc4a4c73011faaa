"""A convolutional code of images as a plain frozen numpy value, and what any code of images is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from crlspec.maps.codes import PcaCode
from crlspec.numerics.batches import batches, unit_interval

__all__ = ["AnyCode", "ConvolutionalCode"]

NUMBERS = 2**20
"""Numbers of images, about, that pass at a time: a convolution holds some fifty times as many."""


@dataclass(frozen=True)
class ConvolutionalCode:
    """code = W a(c_k … a(c₁ (image − mean))) + b, and image ≈ mean + u₁ a(u₂ … a(V code + v)), cut to 0 … 1.

    a is SiLU; c are 3 × 3 convolutions with stride 2, u enlarge a map twice, each place repeated, and then convolve.

    mean      (channel, row, column) float32, from 0 to 1
    kernels   of c, each (map, map before, 3, 3) float32, and ``shifts`` (map,)
    dense     W (component, number) float32, and ``bias`` (component,)
    opening   V (number, component) float32, and ``level`` (number,)
    enlarging kernels of u, the one that gives the image last, and ``levels`` (map,)
    """

    mean: np.ndarray
    kernels: tuple[np.ndarray, ...]
    shifts: tuple[np.ndarray, ...]
    dense: np.ndarray
    bias: np.ndarray
    opening: np.ndarray
    level: np.ndarray
    enlarging: tuple[np.ndarray, ...]
    levels: tuple[np.ndarray, ...]

    def __post_init__(self) -> None:
        maps, rows, columns = self._sides[-1]
        flat = maps * rows * columns
        if self.dense.shape[1] != flat or self.opening.shape != self.dense.shape[::-1]:
            raise ValueError(
                f"dense {self.dense.shape} and opening {self.opening.shape} do not fit {flat} numbers of a mean "
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
        return tuple(f"code{k + 1}" for k in range(len(self.dense)))

    @property
    def _sides(self) -> list[tuple[int, int, int]]:
        """(map, row, column) of the image and of what each convolution leaves."""
        found = [self.shape]
        for kernel in self.kernels:
            _, rows, columns = found[-1]
            found.append((len(kernel), -(-rows // 2), -(-columns // 2)))
        return found

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Images (sample, channel, row, column), uint8 or float, to (sample, component) float64; in batches."""
        if images.shape[1:] != self.shape:
            raise ValueError(f"images {images.shape[1:]} where the code takes {self.shape}")
        found = np.empty((len(images), len(self.dense)))
        start = 0
        for batch in batches(images, NUMBERS):
            seen = unit_interval(batch) - self.mean
            for kernel, shift in zip(self.kernels, self.shifts, strict=True):
                seen = _silu(_convolved(seen, kernel, shift, 2))
            found[start : start + len(batch)] = seen.reshape(len(seen), -1) @ self.dense.T + self.bias
            start += len(batch)
        return found

    def decoded(self, code: np.ndarray) -> np.ndarray:
        """(sample, component) to images (sample, channel, row, column) float32, from 0 to 1."""
        found = np.empty((len(code), *self.shape), dtype=np.float32)
        step = max(1, NUMBERS // max(1, int(np.prod(self.shape)) * len(self.kernels)))
        for start in range(0, len(code), step):
            some = code[start : start + step].astype(np.float32)
            maps = _silu(some @ self.opening.T + self.level).reshape(len(some), *self._sides[-1])
            sides = self._sides[-2::-1]
            for k, (_, rows, columns) in enumerate(sides):
                large = maps.repeat(2, axis=2).repeat(2, axis=3)[:, :, :rows, :columns]
                maps = _convolved(large, self.enlarging[k], self.levels[k], 1)
                maps = maps if k == len(sides) - 1 else _silu(maps)
            found[start : start + step] = np.clip(maps + self.mean, 0, 1)
        return found


AnyCode = PcaCode | ConvolutionalCode


def _convolved(maps: np.ndarray, kernel: np.ndarray, shift: np.ndarray, stride: int) -> np.ndarray:
    """(sample, map, row, column) with 3 × 3 kernels (map, map before, 3, 3), a border of zeros around."""
    padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::stride, ::stride]
    found = np.tensordot(windows, kernel, axes=((1, 4, 5), (1, 2, 3))) + shift
    return np.ascontiguousarray(np.moveaxis(found, -1, 1))


def _silu(u: np.ndarray) -> np.ndarray:
    return np.asarray(u * (0.5 * (1 + np.tanh(0.5 * u))))
