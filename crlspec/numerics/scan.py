"""What one pass over the rows of a table tells, none of which is held: moments, extremes, faults, a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["WIDE", "Scan", "extremes_of", "folded", "rows_at_once", "scanned", "scanned_in_memory"]

BLOCK = 8192
"""Rows whose triangular factor is taken at once."""

CACHED = 2**17
"""Numbers of a table in memory that are worked on at once, about: few enough to stay in a processor's cache."""

NEAR = 3.0
"""Deviations up to which a centre may lie off zero, so that what is linear is computed about zero first."""

WIDE = 256
"""Columns above which no covariance is taken."""


@dataclass(frozen=True)
class Scan:
    """Of a table (row, column).

    mean      (column,)
    variances (column,) about it, of all rows
    scatter   (column, column) the Gram matrix of the rows less their mean; None of more than 256 columns, and where
              a cell is not finite
    low, high (column,) extremes
    bad       (column,) how many cells are not finite
    worst     (column,) the first row with such a cell; −1 where there is none
    first     (row,) the first column
    digest    SHA-256 of all cells as float64, row by row
    triangle  (column, column) upper triangular, or fewer rows where there are fewer, with that Gram matrix, free of
              the rounding that squares bring; None where there is no Gram matrix, and of tables in memory
    steps     (2, column) least and largest difference of a row to the one before, NaN of a single row; None of tables
              in memory
    """

    count: int
    mean: np.ndarray
    variances: np.ndarray
    scatter: np.ndarray | None
    low: np.ndarray
    high: np.ndarray
    bad: np.ndarray
    worst: np.ndarray
    first: np.ndarray
    digest: bytes
    triangle: np.ndarray | None = None
    steps: np.ndarray | None = None

    @property
    def covariance(self) -> np.ndarray:
        """(column, column), unbiased, of a table that has a Gram matrix."""
        assert self.scatter is not None
        return self.scatter / max(self.count - 1, 1)

    def about(self, offset: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """A triangle of (x − offset) / scale: (1 + column, column), of the same Gram matrix."""
        assert self.triangle is not None
        gap = np.sqrt(self.count) * (self.mean - offset)
        return np.asarray(np.vstack([gap, self.triangle]) / scale)


def rows_at_once(columns: int, narrow: int = BLOCK) -> int:
    """So many rows, ``narrow`` of a table of up to 256 columns; of a wider one as many as hold no more numbers."""
    return max(16, narrow * WIDE // max(columns, WIDE))


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
    found, steps = _Pass(*shape), _Steps(shape[1])

    def moved() -> Iterator[np.ndarray]:
        for block in blocks(rows_at_once(shape[1])):
            part = np.ascontiguousarray(block)
            steps.taken(part)
            yield found.taken(part)
            told(len(part))

    # blocks are asked for one by one, so that one pass over them serves all
    if shape[1] > WIDE:
        for part in moved():
            found.squared(part)
        return found.closed(found.sums / shape[0], None, None, steps.ends)
    ones = (np.column_stack([np.ones(len(part)), part]) for part in moved())
    whole = folded(np.asarray(np.linalg.qr(part, mode="r")) for part in ones)
    triangle = whole[1:, 1:]
    return found.closed(whole[0, 1:] / whole[0, 0], triangle.T @ triangle, triangle, steps.ends)


def scanned_in_memory(table: np.ndarray) -> Scan:
    """The same pass over a table that lies row by row in memory, where what is missed can be had later: sums and
    squares about the mean of its first rows, in place of triangular factors."""
    count, size = table.shape
    found = _Pass(count, size)
    step = max(16, CACHED // max(1, size) // 16 * 16)
    products = np.zeros((size, size))
    with np.errstate(invalid="ignore", over="ignore"):
        for first in range(0, count, step):
            moved = found.taken(table[first : first + step])
            if size <= WIDE:
                found.sums += np.ones(len(moved)) @ moved
                products += moved.T @ moved
            else:
                found.squared(moved)
        gap = found.sums / max(count, 1)
        scatter = products - count * np.outer(gap, gap) if size <= WIDE else None
    return found.closed(gap, scatter)


def extremes_of(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(column,) minima and maxima of a table that has rows."""
    return _reduced(np.minimum, table), _reduced(np.maximum, table)


def _reduced(which: np.ufunc, x: np.ndarray) -> np.ndarray:
    """Maximum or minimum of each column; sixteen rows at a time, which is faster for narrow tables."""
    whole = len(x) // 16 * 16
    if whole * x.shape[1] == 0 or not x.flags.c_contiguous:
        return np.asarray(which.reduce(x, axis=0))
    first = which.reduce(which.reduce(x[:whole].reshape(-1, 16 * x.shape[1]), axis=0).reshape(16, -1), axis=0)
    return np.asarray(which.reduce(np.vstack([first, x[whole:]]), axis=0))


class _Pass:
    """What has been seen of a table so far; ``origin`` is about what sums are taken, ``near`` whether it is zero."""

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size, self.seen = count, size, 0
        self.low, self.high = np.full(size, np.inf), np.full(size, -np.inf)
        self.bad, self.worst = np.zeros(size, dtype=int), np.full(size, -1)
        self.first, self.origin, self.near = np.empty(count), np.zeros(size), False
        self.sums, self.squares = np.zeros(size), np.zeros(size)
        self.hash = hashlib.sha256()

    def taken(self, part: np.ndarray) -> np.ndarray:
        """A block (row, column), less the origin, once the rest of it has been noted."""
        start, end = self.seen, self.seen + len(part)
        self.hash.update(part.data)
        self.first[start:end] = part[:, 0] if self.size else 0.0
        low, high = extremes_of(part)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            self._faults(part, start)
        self.low, self.high, self.seen = np.minimum(self.low, low), np.maximum(self.high, high), end
        if start == 0:
            with np.errstate(invalid="ignore", over="ignore"):
                middle, spread = part.mean(0), part.std(0)
            self.near = bool((np.abs(middle) < NEAR * spread).all())
            self.origin = np.where(np.isfinite(middle) & (not self.near), middle, 0.0)
        return part if self.near else np.asarray(part - self.origin)

    def squared(self, moved: np.ndarray) -> None:
        """Sums of a block and of its squares, where no products are taken."""
        self.sums += moved.sum(0)
        self.squares += np.square(moved).sum(0)

    def _faults(self, part: np.ndarray, start: int) -> None:
        wrong = ~np.isfinite(part)
        here = wrong.any(0)
        fresh = here & (self.worst < 0)
        self.worst[fresh] = start + wrong.argmax(0)[fresh]
        self.bad += wrong.sum(0)

    def closed(
        self,
        gap: np.ndarray,
        scatter: np.ndarray | None,
        triangle: np.ndarray | None = None,
        steps: np.ndarray | None = None,
    ) -> Scan:
        """All of it. ``gap``: the mean less the origin."""
        if scatter is None:
            variances = np.maximum(self.squares / max(self.count, 1) - gap**2, 0.0)
        else:
            variances = np.maximum(np.diagonal(scatter), 0.0) / max(self.count, 1)
        if self.bad.any():
            scatter = triangle = None
        if steps is not None and self.count < 2:
            steps = np.full_like(steps, np.nan)
        return Scan(
            self.count, self.origin + gap, variances, scatter, self.low, self.high, self.bad, self.worst,
            self.first, self.hash.digest(), triangle, steps,
        )  # fmt: skip


class _Steps:
    """The least and the largest difference of a row to the one before, seen so far."""

    def __init__(self, size: int) -> None:
        self.ends = np.stack([np.full(size, np.inf), np.full(size, -np.inf)])
        self.last = np.empty((0, size))

    def taken(self, part: np.ndarray) -> None:
        """A block (row, column) more."""
        steps = np.diff(np.concatenate([self.last, part]), axis=0)
        if len(steps):
            self.ends[0] = np.minimum(self.ends[0], steps.min(0))
            self.ends[1] = np.maximum(self.ends[1], steps.max(0))
        self.last = part[-1:].copy()
