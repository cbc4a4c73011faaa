"""Arrays in memory that are not changed, and keep what was computed of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any, TypeVar

import numpy as np

from crlspec.numerics.scan import Scan, scanned_in_memory

__all__ = ["Kept", "Table", "kept"]

Answer = TypeVar("Answer")


class Kept(np.ndarray):
    """An array that nobody changes. What a function that is ``kept`` tells of it is computed once.

    A part of it, and what is computed of it, is an array as any other.
    """

    def __array_wrap__(self, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Any:
        return np.asarray(array)[()]

    def __getitem__(self, key: Any) -> Any:
        return np.asarray(self)[key]


class Table(Kept):
    """Observations (row, column) float64 that lie row by row in memory, read-only; as ``Rows`` do elsewhere.

    projection  centre, rows and answer of the projection that was asked for last
    """

    projection: tuple[np.ndarray, np.ndarray, Kept] | None = None

    @classmethod
    def of(cls, values: np.ndarray) -> Table:
        """The table of an array, which is copied where it lies otherwise."""
        view = np.ascontiguousarray(values, dtype=np.float64).view(cls)
        view.flags.writeable = False
        return view

    @cached_property
    def scan(self) -> Scan:
        """What one pass over all rows tells; the pass is made once."""
        return scanned_in_memory(np.asarray(self))


def kept(function: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """The function, which remembers what it answered of a :class:`Kept`."""
    key = f"_{function.__name__}"

    @wraps(function)
    def found(given: Any) -> Answer:
        if not isinstance(given, Kept):
            return function(given)
        if key not in given.__dict__:
            given.__dict__[key] = function(given)
        answer: Answer = given.__dict__[key]
        return answer

    return found
