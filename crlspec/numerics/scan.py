"""What one pass over the rows of a table tells, none of which is held: moments, extremes, faults, a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["Scan", "folded", "scanned"]

BLOCK = 8192
"""Rows whose triangular factor is taken at once."""

WIDE = 256
"""Columns above which no covariance is taken."""

HEAD = 256
"""Rows that are kept as they are."""


@dataclass(frozen=True)
class Scan:
    """Of a table (row, column).

    mean      (column,)
    variances (column,) about it, of all rows
    triangle  (column, column) upper triangular, or fewer rows where there are fewer: its Gram matrix is that of the
              rows less their mean; None of more than 256 columns, and where a cell is not finite
    low, high (column,) extremes
    steps     (2, column) least and largest difference of a row to the one before; NaN of a single row
    bad       (column,) how many cells are not finite
    worst     (column,) the first row with such a cell; −1 where there is none
    first     (row,) the first column
    head      (row, column) the first 256 rows
    digest    SHA-256 of all cells as float64, row by row
    """

    count: int
    mean: np.ndarray
    variances: np.ndarray
    triangle: np.ndarray | None
    low: np.ndarray
    high: np.ndarray
    steps: np.ndarray
    bad: np.ndarray
    worst: np.ndarray
    first: np.ndarray
    head: np.ndarray
    digest: bytes

    @cached_property
    def covariance(self) -> np.ndarray:
        """(column, column), unbiased, of a table that has a triangle."""
        assert self.triangle is not None
        return np.asarray(self.triangle.T @ self.triangle / max(self.count - 1, 1))

    def about(self, offset: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """A triangle of (x − offset) / scale: (1 + column, column), of the same Gram matrix."""
        assert self.triangle is not None
        gap = np.sqrt(self.count) * (self.mean - offset)
        return np.asarray(np.vstack([gap, self.triangle]) / scale)


def folded(factors: Iterator[np.ndarray], most: int = 32) -> np.ndarray:
    """One triangular factor of all, each that of some rows, ``most`` of them at a time."""
    held: list[np.ndarray] = []
    for factor in factors:
        held.append(factor)
        if len(held) > most:
            held = [np.asarray(np.linalg.qr(np.concatenate(held), mode="r"))]
    return np.asarray(np.linalg.qr(np.concatenate(held), mode="r"))


def scanned(
    blocks: Callable[[int], Iterator[np.ndarray]], shape: tuple[int, int], told: Callable[[int], None]
) -> Scan:
    """The pass over ``blocks(size)``, rows in their order; ``told`` is called with the rows of each block.

    The triangular factor of the rows (1, x − x₁) has that of x − mean as its lower right part: mean and covariance
    come from one pass, without the squares that lose half of the digits.
    """
    count, size = shape
    found = _Pass(count, size)

    def factors() -> Iterator[np.ndarray]:
        for part in blocks(BLOCK):
            yield found.taken(part)
            told(len(part))

    # the factors are asked for one by one, so that one pass over the blocks serves all
    if size <= WIDE:
        whole = folded(factors())
    else:
        for _ in factors():
            pass
        whole = np.zeros((1, 1))
    return found.closed(whole)


class _Pass:
    """What has been seen of a table so far."""

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size, self.seen = count, size, 0
        self.low, self.high = np.full(size, np.inf), np.full(size, -np.inf)
        self.steps = np.stack([np.full(size, np.inf), np.full(size, -np.inf)])
        self.bad, self.worst = np.zeros(size, dtype=int), np.full(size, -1)
        self.first, self.head = np.empty(count), np.empty((min(HEAD, count), size))
        self.origin, self.last = np.zeros(size), np.empty((0, size))
        self.sums = np.zeros((2, size))
        self.hash = hashlib.sha256()

    def taken(self, part: np.ndarray) -> np.ndarray:
        """The triangular factor of a block (row, column), once the rest of it has been noted."""
        start, end = self.seen, self.seen + len(part)
        part = np.ascontiguousarray(part)
        self.hash.update(part.data)
        self.first[start:end] = part[:, 0] if self.size else 0.0
        if start < len(self.head):
            self.head[start:end] = part[: len(self.head) - start]
        self._faults(part, start)
        self.low, self.high = np.minimum(self.low, part.min(0)), np.maximum(self.high, part.max(0))
        steps = np.diff(np.concatenate([self.last, part]), axis=0)
        if len(steps):
            self.steps[0] = np.minimum(self.steps[0], steps.min(0))
            self.steps[1] = np.maximum(self.steps[1], steps.max(0))
        self.last, self.seen = part[-1:].copy(), end
        if start == 0:
            self.origin = np.where(np.isfinite(part[0]), part[0], 0.0)
        moved = part - self.origin
        if self.size > WIDE:
            self.sums += moved.sum(0), np.square(moved).sum(0)
            return np.zeros((1, 1))
        return np.asarray(np.linalg.qr(np.column_stack([np.ones(len(part)), moved]), mode="r"))

    def _faults(self, part: np.ndarray, start: int) -> None:
        if np.isfinite(part.sum()):  # no cell of it is NaN or infinite
            return
        wrong = ~np.isfinite(part)
        here = wrong.any(0)
        fresh = here & (self.worst < 0)
        self.worst[fresh] = start + wrong.argmax(0)[fresh]
        self.bad += wrong.sum(0)

    def closed(self, whole: np.ndarray) -> Scan:
        """All of it. ``whole``: the triangular factor of (1, x − x₁)."""
        triangle = None
        if self.size > WIDE:
            gap = self.sums[0] / self.count
            variances = np.maximum(self.sums[1] / self.count - gap**2, 0.0)
        else:
            gap = whole[0, 1:] / whole[0, 0]
            triangle = whole[1:, 1:]
            variances = np.square(triangle).sum(0) / self.count
        sound = not self.bad.any()
        steps = self.steps if self.count > 1 else np.full((2, self.size), np.nan)
        return Scan(
            self.count, self.origin + gap, variances, triangle if sound else None, self.low, self.high, steps,
            self.bad, self.worst, self.first, self.head, self.hash.digest(),
        )  # fmt: skip
