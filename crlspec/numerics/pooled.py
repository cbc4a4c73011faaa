"""The principal directions of several tables together, from the moments of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crlspec.numerics.linalg import READABLE, ColumnSpace
from crlspec.numerics.rows import Rows, scan_of
from crlspec.numerics.scan import WIDE, Scan

__all__ = ["Pooled", "column_space"]


@dataclass(frozen=True)
class Pooled:
    """What :class:`ColumnSpace` is made of; the same to the last bit in whatever order the tables come.

    offset, scale  as there
    spectrum    (observed,) eigenvalues, descending; below 1e-15 of the largest they are rounding
    directions  (direction, observed)
    """

    offset: np.ndarray
    scale: np.ndarray
    spectrum: np.ndarray
    directions: np.ndarray

    @classmethod
    def of(cls, scans: Sequence[Scan], units: np.ndarray | None = None) -> Pooled:
        """Of scans of tables of up to 256 finite columns; ``units`` as for :meth:`ColumnSpace.fit`."""
        ordered = sorted(scans, key=lambda scan: scan.mean.tolist())
        counts = np.array([scan.count for scan in ordered], dtype=float)
        means = np.stack([scan.mean for scan in ordered])
        offset = counts @ means / counts.sum()
        gaps = means - offset
        products = np.asarray(sum(scan.scatter for scan in ordered if scan.scatter is not None))
        products = (products + gaps.T @ (counts[:, None] * gaps)) / counts.sum()
        scale = np.sqrt(np.diagonal(products))
        if units is not None:
            scale = units * np.sqrt(((scale / units) ** 2).mean())
        else:
            scale = np.where(scale <= 1e-14 * np.abs(offset), 1.0, scale)
        values, vectors = np.linalg.eigh(products / np.outer(scale, scale))
        return cls(offset, scale, np.maximum(values[::-1], 0.0), vectors[:, ::-1].T)

    def space(self, components: int) -> ColumnSpace:
        """The leading ``components`` directions as white coordinates."""
        return ColumnSpace.along(self.offset, self.scale, self.spectrum, self.directions, components)


def column_space(
    samples: Sequence[np.ndarray | Rows], components: int, units: np.ndarray | None = None
) -> ColumnSpace | None:
    """:meth:`ColumnSpace.fit` of samples (sample, observed) from their moments alone; None where these do not tell
    the least of the components to ten digits, and of very many variables."""
    if not components <= samples[0].shape[1] <= WIDE:
        return None
    found = Pooled.of([scan_of(x) for x in samples], units)
    readable = found.spectrum[components - 1] >= READABLE * found.spectrum[0]
    return found.space(components) if readable else None
