"""Monotone maps of one number to another: from a latent to the unit of its labels, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

__all__ = ["MonotoneMap", "Units"]

HALVINGS = 60
"""Of an interval in which an inverse is sought; more would not change a float64."""


@dataclass(frozen=True)
class MonotoneMap:
    """A strictly monotone piecewise cubic, by value and slope at its knots; a straight line beyond the outer ones.

    knots   (knot,) increasing, in the units of the latent; two at least
    values  (knot,) strictly increasing, or strictly decreasing
    slopes  (knot,) of the sign of the values' direction, the outer two not 0

    Raises ValueError where these do not fit, or a cubic between two knots turns back.
    """

    knots: np.ndarray
    values: np.ndarray
    slopes: np.ndarray

    def __post_init__(self) -> None:
        if self.knots.ndim != 1 or len(self.knots) < 2 or (np.diff(self.knots) <= 0).any():
            raise ValueError("the knots of a monotone map must be two or more, and increase")
        if not self.knots.shape == self.values.shape == self.slopes.shape:
            raise ValueError(
                f"{len(self.knots)} knots, {self.values.shape} values, {self.slopes.shape} slopes"
            )
        if not np.isfinite([self.knots, self.values, self.slopes]).all():
            raise ValueError("the numbers of a monotone map must be finite")
        if (
            not (np.diff(self.values) * self.direction > 0).all()
            or not (self.slopes[[0, -1]] * self.direction > 0).all()
        ):
            raise ValueError("the values of a monotone map must all rise or all fall, its ends too")
        if self._least_slope() < -1e-9:
            raise ValueError("a cubic of the monotone map turns back between two knots")

    @classmethod
    def line(cls, ends: tuple[float, float], values: tuple[float, float]) -> Self:
        """The straight line through two points."""
        slope = (values[1] - values[0]) / (ends[1] - ends[0])
        return cls(np.array(ends), np.array(values), np.full(2, slope))

    @property
    def direction(self) -> float:
        """1 for a rising map, −1 for a falling one."""
        return float(np.sign(self.values[-1] - self.values[0]))

    @property
    def affine(self) -> bool:
        """Whether it is one straight line."""
        return len(self.knots) == 2 and bool(self.slopes[0] == self.slopes[1])

    def __call__(self, z: np.ndarray | float) -> np.ndarray:
        """Latents of any shape to values; NaN stays NaN."""
        z = np.asarray(z, dtype=float)
        piece = np.clip(np.searchsorted(self.knots, z, side="right") - 1, 0, len(self.knots) - 2)
        inside = self._cubic(piece, np.clip(z, self.knots[0], self.knots[-1]))
        below, above = np.minimum(z - self.knots[0], 0), np.maximum(z - self.knots[-1], 0)
        return np.asarray(inside + below * self.slopes[0] + above * self.slopes[-1])

    def inverse(self, value: np.ndarray | float) -> np.ndarray:
        """Values of any shape to latents."""
        value = np.asarray(value, dtype=float)
        rising = value * self.direction
        ends = self.values * self.direction
        piece = np.clip(np.searchsorted(ends, rising, side="right") - 1, 0, len(ends) - 2)
        low, high = self.knots[piece], self.knots[piece + 1]
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            up = self._cubic(piece, middle) * self.direction < rising
            low, high = np.where(up, middle, low), np.where(up, high, middle)
        found = 0.5 * (low + high)
        below, above = np.minimum(rising - ends[0], 0), np.maximum(rising - ends[-1], 0)
        outside = below / np.abs(self.slopes[0]) + above / np.abs(self.slopes[-1])
        return np.asarray(np.where(np.isnan(value), np.nan, found + outside))

    def _cubic(self, piece: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The cubic of each piece, in Hermite's form."""
        width = self.knots[piece + 1] - self.knots[piece]
        t = (z - self.knots[piece]) / width
        rise = self.values[piece + 1] - self.values[piece]
        a = self.slopes[piece] * width - rise
        b = rise - self.slopes[piece + 1] * width
        return np.asarray(self.values[piece] + t * rise + t * (1 - t) * (a * (1 - t) + b * t))

    def _least_slope(self) -> float:
        """The least slope within a piece, in its direction, relative to that of the piece's chord."""
        width, rise = np.diff(self.knots), np.diff(self.values)
        first, last = self.slopes[:-1] * width / rise, self.slopes[1:] * width / rise
        bend = first + last - 2  # slope(t) = first + 2 t (3 − 2 first − last) + 3 t² bend, a chord of slope 1
        with np.errstate(divide="ignore", invalid="ignore"):
            turn = np.where(bend > 0, np.clip((2 * first + last - 3) / (3 * bend), 0, 1), 0.0)
        least = first + 2 * turn * (3 - 2 * first - last) + 3 * turn**2 * bend
        return float(min(first.min(), last.min(), least.min()))


@dataclass(frozen=True)
class Units:
    """A map for each latent, in the order of the latents; None for one that keeps its unit."""

    maps: tuple[MonotoneMap | None, ...]

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Latents (…, latent) in observational standard deviations to those in the units of their labels."""
        columns = [z[..., k] if one is None else one(z[..., k]) for k, one in enumerate(self.maps)]
        return np.stack(columns, axis=-1)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """The way back: (…, latent) to (…, latent)."""
        columns = [
            values[..., k] if one is None else one.inverse(values[..., k]) for k, one in enumerate(self.maps)
        ]
        return np.stack(columns, axis=-1)
