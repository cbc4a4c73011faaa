"""Tables that lie elsewhere, on disk most often: read a run of rows at a time, and never held whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from crlspec.numerics.kept import Table
from crlspec.numerics.scan import Scan, extremes_of, scanned

__all__ = ["Rows", "Told", "digest_of", "extremes", "scan_of"]

RUN = 2**20
"""Numbers that are read at once, about: 8 MB."""

Told = Callable[[int], None]
"""Called with the number of rows that were read since the last call."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A table (row, column) of float64 that is read when it is asked for.

    read    (first, last) → rows first … last − 1, (row, column) float64
    shape   (rows, columns)
    chunk   rows that lie together where they are, and are best read together
    width   numbers that are read for a row, where they are more than columns

    All of the rows, in any columns, are a table of this kind again; fewer rows are an array. ``numpy.asarray`` reads
    everything into memory. xarray takes it as the values of a DataArray.
    """

    read: Callable[[int, int], np.ndarray]
    shape: tuple[int, int]
    chunk: int = 1
    width: int = 0

    @property
    def dtype(self) -> np.dtype[Any]:
        """float64."""
        return np.dtype(np.float64)

    @property
    def ndim(self) -> int:
        """Two."""
        return 2

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.shape[0] * self.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes that they would take in memory."""
        return 8 * self.size

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def step(self) -> int:
        """Rows that are read at once: whole chunks of about a million numbers in all."""
        return self.chunk * max(1, RUN // max(1, self.chunk * max(self.width, self.shape[1])))

    @cached_property
    def scan(self) -> Scan:
        """What one pass over all rows tells; the pass is made once."""
        return self.scanned(lambda rows: None)

    def scanned(self, told: Told) -> Scan:
        """The same, ``told`` being called as the pass goes on; nothing is read where it was made before."""
        if "scan" not in self.__dict__:
            self.__dict__["scan"] = scanned(self.blocks, self.shape, told)
        found: Scan = self.__dict__["scan"]
        return found

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All rows in their order, ``size`` at a time: the same blocks wherever the chunks begin."""
        step = self.step
        held = np.empty((0, self.shape[1]))
        for first in range(0, len(self), step):
            part = self.read(first, min(first + step, len(self)))
            start = 0
            if len(held):
                start = size - len(held)
                held = np.concatenate([held, part[:start]])
                if len(held) < size:
                    continue
                yield held
            stop = start + (len(part) - start) // size * size
            for at in range(start, stop, size):
                yield part[at : at + size]
            held = part[stop:].copy()
        if len(held):
            yield held

    def mapped(self, function: Callable[[np.ndarray], np.ndarray], columns: int) -> Rows:
        """The table of ``function``, which takes (row, column) to (row, new column) row by row."""
        width = max(self.width, self.shape[1])
        return Rows(
            lambda first, last: function(self.read(first, last)), (len(self), columns), self.chunk, width
        )

    def taken(self, rows: np.ndarray) -> Rows:
        """The table of some rows, their indices in rising order."""

        def read(first: int, last: int) -> np.ndarray:
            chosen = rows[first:last]
            if len(chosen) == 0:
                return np.empty((0, self.shape[1]))
            return self.read(int(chosen[0]), int(chosen[-1]) + 1)[chosen - chosen[0]]

        return Rows(read, (len(rows), self.shape[1]), self.chunk, self.width)

    def mean(self, axis: int = 0) -> np.ndarray:
        """(column,) means; ``axis`` 0 alone."""
        assert axis == 0
        return self.scan.mean

    def std(self, axis: int = 0) -> np.ndarray:
        """(column,) standard deviations, those of all rows; ``axis`` 0 alone."""
        assert axis == 0
        return np.asarray(np.sqrt(self.scan.variances))

    def __getitem__(self, key: Any) -> Any:
        given = [one for one in (key if isinstance(key, tuple) else (key,)) if one is not Ellipsis]
        rows, columns = (*given, slice(None), slice(None))[:2]
        whole = isinstance(rows, slice) and rows.indices(len(self)) == (0, len(self), 1)
        if whole and isinstance(columns, slice) and columns == slice(None):
            return self
        if whole and not isinstance(columns, int | np.integer):
            index = np.arange(self.shape[1])[columns]
            return self.mapped(lambda part: np.ascontiguousarray(part[:, index]), len(index))
        if isinstance(rows, slice) and rows.indices(len(self))[2] == 1:
            first, last, _ = rows.indices(len(self))
            if 8 * (last - first) * self.shape[1] <= 8 * RUN:
                return self.read(first, max(first, last))[:, columns]
        return self._some(np.arange(len(self))[rows])[..., columns] if not whole else self._column(columns)

    def _some(self, rows: np.ndarray) -> np.ndarray:
        """Some rows, in the order asked for; (column,) where one alone is asked for."""
        one = np.ndim(rows) == 0
        wanted = np.atleast_1d(rows)
        order = np.argsort(wanted, kind="stable")
        sought, found, first = wanted[order], np.empty((len(wanted), self.shape[1])), 0
        step = self.step
        for at in range(0, len(self), step):
            last = int(np.searchsorted(sought, at + step))
            if last > first:
                part = self.read(at, min(at + step, len(self)))
                found[order[first:last]] = part[sought[first:last] - at]
                first = last
        return found[0] if one else found

    def _column(self, column: int) -> np.ndarray:
        return np.concatenate([part[:, column] for part in self.blocks(RUN // max(1, self.shape[1]) + 1)])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        found = np.empty(self.shape)
        first = 0
        for part in self.blocks(max(1, RUN // max(1, self.shape[1]))):
            found[first : first + len(part)] = part
            first += len(part)
        return found if dtype is None else found.astype(dtype, copy=False)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """numpy's functions take the table as an array in memory."""
        return function(*(_held(one) for one in args), **{key: _held(one) for key, one in kwargs.items()})

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(function, method)(*(_held(one) for one in inputs), **kwargs)


def scan_of(x: np.ndarray | Rows) -> Scan:
    """What one pass over the rows of a table tells; of an array that keeps nothing the pass is made at every call."""
    return x.scan if isinstance(x, Rows | Table) else Table.of(x).scan


def digest_of(x: np.ndarray | Rows) -> bytes:
    """SHA-256 of the cells of a table as float64, row by row."""
    if isinstance(x, Rows | Table):
        return x.scan.digest
    return hashlib.sha256(np.ascontiguousarray(x, dtype=np.float64).data).digest()


def extremes(x: np.ndarray | Rows) -> tuple[np.ndarray, np.ndarray]:
    """(column,) minima and maxima of a table that has rows."""
    return (x.scan.low, x.scan.high) if isinstance(x, Rows | Table) else extremes_of(x)


def _held(given: Any) -> Any:
    """Tables as arrays in memory, everything else as it is."""
    if isinstance(given, Rows):
        return np.asarray(given.__array__())
    if isinstance(given, list | tuple):
        return type(given)(_held(one) for one in given)
    return given
