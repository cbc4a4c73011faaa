"""The column space of the observations: whitening, its spectrum, and moments that carry a constant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crlspec.numerics.kept import Kept, Table, kept
from crlspec.numerics.rows import Rows
from crlspec.numerics.scan import NEAR, WIDE, folded, rows_at_once

__all__ = [
    "EXACT", "READABLE", "WIDE", "ColumnSpace", "augmented_moments", "blocks", "column_means", "covariance",
    "principal", "projected", "projector_off", "recombined", "side_by_side", "squares_about", "weighted",
]  # fmt: skip

EXACT = 1e-11
"""An eigenvalue below this share of the largest is rounding, not noise."""
READABLE = 1e-5
"""Share of the largest variance from which on that of a direction can be read off products to ten digits."""
BLOCK = 4096
"""Rows that are worked on at once: few enough to stay in a processor's cache."""


@dataclass(frozen=True)
class ColumnSpace:
    """The space that the observations of all environments span, in white coordinates y = W (x − offset).

    Units of x and the number of observed variables are gone from y, so that nothing after it depends on them.

    offset    (observed,) pooled mean, in the units of x
    whitener  W (component, observed); the pooled y has covariance I
    coloring  (observed, component), its right inverse: x = offset + coloring y on the space
    spectrum  (observed,) eigenvalues of the covariance of the standardised pooled observations, descending; of more
              than 256 variables the leading ones, and beyond them the mean of the others
    residual  (observed, rest): orthonormal directions off the space, acting on standardised observations; those along
              which these vary by rounding alone are left out, since rounding depends on what is rounded
    scale     (observed,) pooled standard deviations, by which observations are standardised (1 where nothing varies);
              where the ``units`` of noise were given, those, times one factor: the principal directions of noisy
              data are those of the signal only in units in which the noise of all variables is equal
    """

    offset: np.ndarray
    whitener: np.ndarray
    coloring: np.ndarray
    spectrum: np.ndarray
    residual: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(
        cls,
        samples: Sequence[np.ndarray | Rows],
        components: int,
        *,
        units: np.ndarray | None = None,
        further: int = 0,
        share: float = 1e-7,
    ) -> ColumnSpace:
        """The leading ``components`` principal directions of the pooled samples, each (sample, observed).

        And up to ``further`` beyond them, those whose eigenvalue exceeds that ``share`` of the largest. ``units``
        (observed,) are in proportion to the deviations of noise on x, ones where it is isotropic.
        """
        count = sum(len(x) for x in samples)
        offset = np.asarray(sum(len(x) / count * column_means(x) for x in samples))
        factor = _factor(samples, offset) if len(offset) <= WIDE else None
        if factor is None:
            squares = np.asarray(sum(squares_about(x, offset) for x in samples))
        else:
            squares = np.square(factor).sum(0)
        scale = np.sqrt(squares / count)
        if units is not None:
            scale = units * np.sqrt(((scale / units) ** 2).mean())
        else:
            scale[scale <= 1e-14 * np.abs(offset)] = 1.0
        spectrum, directions = principal(samples, offset, scale, components + further, factor)
        significant = int((spectrum[: components + further] > share * spectrum[0]).sum())
        components = max(components, significant) if further else components
        return cls.along(offset, scale, spectrum, directions, components)

    @classmethod
    def along(
        cls,
        offset: np.ndarray,
        scale: np.ndarray,
        spectrum: np.ndarray,
        directions: np.ndarray,
        components: int,
    ) -> ColumnSpace:
        """The space of the first ``components`` of principal ``directions`` (direction, observed)."""
        deviations, rest = np.sqrt(spectrum[:components]), directions[components:]
        return cls(
            offset=offset,
            whitener=directions[:components] / deviations[:, None] / scale,
            coloring=(directions[:components] * deviations[:, None]).T * scale[:, None],
            spectrum=spectrum,
            residual=rest[spectrum[components : components + len(rest)] > EXACT * spectrum[0]].T,
            scale=scale,
        )

    def __call__(self, x: np.ndarray | Rows) -> np.ndarray:
        """Observations (sample, observed) in white coordinates (sample, component)."""
        return projected(x, self.offset, self.whitener)

    def off(self, x: np.ndarray | Rows) -> Any:
        """What of the standardised observations (sample, observed) lies off the space: (sample, rest)."""
        if isinstance(x, Rows):
            return x.mapped(self.off, self.residual.shape[1])
        return np.asarray(((x - self.offset) / self.scale) @ self.residual)


MORE, PASSES = 20, 5


def principal(
    samples: Sequence[np.ndarray | Rows],
    offset: np.ndarray,
    scale: np.ndarray,
    components: int,
    factor: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (observed,) and directions (direction, observed) of (x − offset) / scale of all samples together.

    factor  a matrix with the Gram matrix of x − offset, where it is known. Of wide samples the leading directions
    alone, ``MORE`` than asked for, by random projections (Halko, Martinsson & Tropp, SIAM Review 2011), exact up to
    rounding where no others are left.
    """
    count, size = sum(len(x) for x in samples), len(offset)
    if size <= WIDE:
        # Singular values, not squared ones: components down to 1e-15 of the largest stay readable.
        found = _factor(samples, offset) if factor is None else factor
        _, singular, directions = np.linalg.svd(found / scale)
        spectrum = np.zeros(size)
        spectrum[: len(singular)] = singular**2 / count
        return spectrum, directions
    leading = min(components + MORE, count, size)
    if any(isinstance(x, Rows) for x in samples):
        singular, directions = _leading(samples, offset, scale, leading)
        total = float(sum((squares_about(x, offset) / scale**2).sum() for x in samples)) / count
    else:
        from sklearn.utils.extmath import randomized_svd

        standard = np.concatenate([(x - offset) / scale for x in samples])
        _, singular, directions = randomized_svd(standard, leading, n_iter=4, random_state=0)
        total = np.einsum("sx,sx->", standard, standard) / count
    found = singular**2 / count
    rest = max(0.0, total - found.sum()) / max(1, size - leading)
    return np.concatenate([found, np.full(size - leading, rest)]), directions


def _factor(samples: Sequence[np.ndarray | Rows], offset: np.ndarray) -> np.ndarray:
    """The triangular factor of x − offset of all samples together: that of the factors of some thousand rows each."""
    factors = []
    for x in samples:
        if isinstance(x, Rows):
            factors.append(x.scan.about(offset, np.ones_like(offset)))
        else:
            factors += [np.asarray(np.linalg.qr(part - offset, mode="r")) for part in blocks(x)]
    return np.asarray(np.linalg.qr(np.concatenate(factors), mode="r"))


def _leading(
    samples: Sequence[np.ndarray | Rows], offset: np.ndarray, scale: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The largest singular values (count,) and right singular vectors (count, observed) of (x − offset) / scale, of
    samples that do not fit: by subspace iteration on a random start, a pass each (Halko, Martinsson & Tropp, SIAM
    Review 2011). Directions below 1e-7 of the largest singular value are rounding."""

    def standard() -> Iterator[np.ndarray]:
        return ((part - offset) / scale for x in samples for part in blocks(x))

    subspace = np.linalg.qr(np.random.default_rng(0).normal(size=(len(offset), count)))[0]
    for _ in range(PASSES):
        image = np.zeros_like(subspace)
        for part in standard():
            image += part.T @ (part @ subspace)
        subspace = np.linalg.qr(image)[0]
    factors = (np.asarray(np.linalg.qr(part @ subspace, mode="r")) for part in standard())
    _, singular, turned = np.linalg.svd(folded(factors))
    return singular, turned @ subspace.T


def squares_about(x: np.ndarray | Rows, offset: np.ndarray) -> np.ndarray:
    """(column,) sums of (x − offset)² over the rows."""
    if isinstance(x, Rows):
        return np.asarray(len(x) * (x.scan.variances + np.square(x.scan.mean - offset)))
    return np.asarray(sum(np.square(part - offset).sum(0) for part in blocks(x)))


@kept
def column_means(samples: np.ndarray | Rows) -> np.ndarray:
    """Means of samples (sample, component), by one product: several times faster than a sum of few columns."""
    if isinstance(samples, Rows | Table):
        return samples.scan.mean
    return np.asarray(np.ones(len(samples)) @ samples / len(samples))


@kept
def covariance(samples: np.ndarray) -> np.ndarray:
    """(component, component) of samples (sample, component), unbiased."""
    found, mean = np.zeros((samples.shape[1],) * 2), column_means(samples)
    for part in blocks(samples):
        centred = part - mean
        found += centred.T @ centred
    return found / max(len(samples) - 1, 1)


def projected(samples: np.ndarray | Rows, centre: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """rows (x − centre) of samples (sample, observed): (sample, row), each column in one piece of memory.

    Of a :class:`Table` the answer to the last question is kept.
    """
    if not isinstance(samples, Table):
        return _projected(samples, centre, rows)
    last = samples.projection
    if last is not None and np.array_equal(last[0], centre) and np.array_equal(last[1], rows):
        return last[2]
    samples.projection = last = None  # its memory is free for the next one
    samples.projection = (centre, rows, _projected(samples, centre, rows).view(Kept))
    return samples.projection[2]


def recombined(samples: np.ndarray | Rows, centre: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The same, from the answer that a :class:`Table` keeps where what is asked for are combinations of it."""
    if isinstance(samples, Table) and samples.projection is not None:
        found = _combined(samples.projection, centre, rows)
        if found is not None:
            samples.projection = (centre, rows, found.view(Kept))
    return projected(samples, centre, rows)


def _combined(
    last: tuple[np.ndarray, np.ndarray, np.ndarray], centre: np.ndarray, rows: np.ndarray
) -> np.ndarray | None:
    """What is asked for, from the centre, rows and values (sample, row) of another projection; None where other rows
    are asked for than combinations of these."""
    origin, basis, values = last
    if np.array_equal(basis, rows) or len(rows) > len(basis):
        return None
    weights = np.linalg.lstsq(basis.T, rows.T, rcond=None)[0].T
    if np.abs(rows - weights @ basis).max() > 1e-13 * np.abs(rows).max():
        return None
    found = np.empty((len(rows), len(values)))
    np.matmul(weights, np.asarray(values).T, out=found)
    found += (rows @ (origin - centre))[:, None]
    return found.T


def _projected(samples: np.ndarray | Rows, centre: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The centre is taken off the answers where it is near zero, and off the samples where it is far."""
    near = isinstance(samples, Table) and bool(
        (np.abs(centre) <= NEAR * np.sqrt(samples.scan.variances)).all()
    )
    found, first = np.empty((len(rows), len(samples))), 0
    for part in blocks(samples):
        turned = part @ rows.T - rows @ centre if near else (part - centre) @ rows.T
        found[:, first : first + len(part)] = turned.T
        first += len(part)
    return found.T


def blocks(samples: np.ndarray | Rows) -> Iterator[np.ndarray]:
    """Views of some thousand rows each, fewer of more than 256 columns; of rows that are not in memory, as they are
    read."""
    return (part for (part,) in side_by_side(samples))


def side_by_side(*tables: np.ndarray | Rows) -> Iterator[tuple[np.ndarray, ...]]:
    """The same rows of several tables at a time."""
    size = rows_at_once(max(one.shape[1] for one in tables), BLOCK)
    return zip(*(_runs(one, size) for one in tables), strict=True)


def _runs(samples: np.ndarray | Rows, size: int) -> Iterator[np.ndarray]:
    if isinstance(samples, Rows):
        return samples.blocks(size)
    return (samples[first : first + size] for first in range(0, len(samples), size))


def augmented_moments(samples: np.ndarray) -> np.ndarray:
    """E[(1, y)(1, y)ᵀ] of samples (sample, component): (1 + component, 1 + component)."""
    found, mean = np.ones((samples.shape[1] + 1,) * 2), column_means(samples)
    found[0, 1:] = found[1:, 0] = mean
    found[1:, 1:] = covariance(samples) * ((len(samples) - 1) / len(samples)) + np.outer(mean, mean)
    return found


def weighted(weights: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Sums (…, row, column) of matrices (matrix, row, column) by weights (…, matrix), in one product."""
    flat = weights @ matrices.reshape(len(matrices), -1)
    return np.asarray(flat.reshape(*weights.shape[:-1], *matrices.shape[1:]))


def projector_off(rows: np.ndarray) -> np.ndarray:
    """The orthogonal projector off the span of rows (row, component); I for no rows."""
    identity = np.eye(rows.shape[1])
    return identity if len(rows) == 0 else identity - np.linalg.pinv(rows) @ rows
