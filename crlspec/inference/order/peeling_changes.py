"""Derivatives of encoder rows along changes of the moments and covariances that they come from."""

from __future__ import annotations

import numpy as np

__all__ = ["image_rows_changes", "rows_in_order_changes", "unmix_changes"]


def image_rows_changes(moments: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """(direction, environment, component): of :func:`crlspec.inference.order.peeling.image_rows`.

    moments  (environment, component, component); changes (direction, environment, component, component)
    """
    found = np.empty(changes.shape[:-1])
    for m, moment in enumerate(moments):
        leading, response = _leading(moment)
        found[:, m] = changes[:, m] @ leading @ response
    return found


def rows_in_order_changes(moments: np.ndarray, order: tuple[int, ...], changes: np.ndarray) -> np.ndarray:
    """(direction, position, component): of :func:`crlspec.inference.order.peeling.rows_in_order`.

    moments  (environment, component, component); changes (direction, environment, component, component)
    """
    n = moments.shape[-1]
    rows, found = np.zeros((0, n)), np.zeros((len(changes), 0, n))
    for m in order:
        projector = np.eye(n) - rows.T @ rows
        leading, response = _leading(projector @ moments[m] @ projector)

        def turned(vector: np.ndarray, rows: np.ndarray = rows, found: np.ndarray = found) -> np.ndarray:
            """The projector's change times a vector (component,)."""
            return np.asarray(-(found @ vector) @ rows - np.tensordot(found, rows @ vector, (1, 0)))

        moved = turned(moments[m] @ leading) + changes[:, m] @ leading @ projector
        moved = moved + turned(leading) @ moments[m] @ projector
        rows = np.concatenate([rows, leading[None]])
        found = np.concatenate([found, (moved @ response)[:, None]], 1)
    return found


def unmix_changes(
    rows: np.ndarray, second: np.ndarray, order: tuple[int, ...], changes: np.ndarray, moved: np.ndarray
) -> np.ndarray:
    """(direction, position, component): of :func:`crlspec.inference.order.peeling.unmix`.

    rows    (position, component), second (environment, component, component), as there
    changes (direction, position, component) of the rows
    moved   (direction, environment, component, component) of the covariances
    """
    clean, found = rows.copy(), changes.copy()
    for position in range(1, len(rows)):
        before, covariance = clean[:position], second[order[position]]
        read = before @ covariance
        inverse = np.linalg.inv(read @ before.T)
        slope = inverse @ (read @ rows[position])
        clean[position] = rows[position] - slope @ before
        row, shifted = clean[position], found[:, :position]
        straight = changes[:, position] - np.tensordot(shifted, slope, (1, 0))
        bent = shifted @ (covariance @ row) + (moved[:, order[position]] @ row) @ before.T
        found[:, position] = straight - (bent + straight @ read.T) @ inverse @ before
    lengths = np.linalg.norm(clean, axis=1)[:, None]
    unit = clean / lengths
    return np.asarray((found - (found * unit).sum(-1, keepdims=True) * unit) / lengths)


def _leading(moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The eigenvector v of the eigenvalue of largest absolute value, and the matrix (component, component) that turns
    dM v, for a change dM of the moment, into the change of v."""
    values, vectors = np.linalg.eigh((moment + moment.T) / 2)
    k = len(values) - 1 if abs(values[-1]) > abs(values[0]) else 0
    others = np.delete(np.arange(len(values)), k)
    gaps = values[k] - values[others]
    gaps = np.where(gaps == 0, np.finfo(float).tiny, gaps)
    return vectors[:, k], vectors[:, others] / gaps @ vectors[:, others].T
