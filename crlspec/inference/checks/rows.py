"""Whether rows are independent in the order of the file, and how many independent ones they are worth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import chdtrc, fdtrc, ndtri

from crlspec.inference.check import Check, chance, listed
from crlspec.inference.design_thresholds import DesignThresholds
from crlspec.numerics.autocorrelation import effective_size
from crlspec.numerics.linalg import column_means, covariance

__all__ = ["check_rows", "row_p_values"]

BLOCKS = 20
"""Blocks of rows whose means are compared."""

RANKED = 2000
"""Rows up to which their normal scores are tested, so that heavy tails do no harm; beyond them sums are normal."""


def check_rows(
    y: Mapping[str, np.ndarray], limits: DesignThresholds, p_values: Mapping[str, float] | None = None
) -> tuple[list[Check], dict[str, float]]:
    """Tests each environment for dependence of rows, and measures the effective number of rows where there is some.

    y         environment → (sample, component), in white coordinates and in file order
    p_values  of :func:`row_p_values`, where they are known

    Two tests: of correlations with the row before (Hosking's portmanteau, JASA 75, 1980), and of the means of
    consecutive blocks, which also sees a slow drift. Returns checks, and environment → effective number of rows.
    """
    found = row_p_values(y, limits) if p_values is None else p_values
    dependent = {name: p_value for name, p_value in found.items() if p_value < limits.dependent / len(y)}
    sizes = {name: effective_size(v) if name in dependent else float(len(v)) for name, v in y.items()}
    if not dependent:
        return [], sizes
    least = min(dependent, key=lambda name: sizes[name] / len(y[name]))
    size, count = sizes[least], len(y[least])
    enough = min(sizes[name] for name in dependent) >= limits.effective * y[least].shape[1]
    many = "s" * (len(dependent) > 1)
    return [
        Check(
            "rows-independent", "note" if enough else "undecided", size, float(count),
            f"Rows of environment{many} {listed(dependent)} depend on the rows before them ("
            f"{chance(min(dependent.values()))}). The {count} rows of '{least}' are worth about {size:.0f} "
            "independent ones.",
            "If the file was sorted afterwards, shuffle it. If rows were measured in this order, give more of them, "
            "or rows further apart: a shuffle would only hide what they share.",
            tuple(dependent),
        )
    ], sizes  # fmt: skip


def row_p_values(y: Mapping[str, np.ndarray], limits: DesignThresholds) -> dict[str, float]:
    """Environment → p-value of independent rows."""
    return {name: _p_value(values, limits.rows) for name, values in y.items()}


def _p_value(y: np.ndarray, fewest: int) -> float:
    """Of independent rows (sample, component): twice the lesser of two tests; 1 of fewer rows than ``fewest``."""
    count, size = y.shape
    if count < fewest or count < 4 * size:
        return 1.0
    if count <= RANKED:
        y = ndtri((y.argsort(0).argsort(0) + 1) / (count + 1))
    mean = column_means(y)
    values, vectors = np.linalg.eigh(covariance(y) * ((count - 1) / count))
    varied = values > 1e-10 * max(values[-1], 1e-300)
    if not varied.any():
        return 1.0
    white, size = vectors[:, varied] / np.sqrt(values[varied]), int(varied.sum())
    columns = np.asarray(y).T
    later, before = (count * mean - columns[:, end] for end in (0, -1))
    lagged = columns[:, 1:] @ columns[:, :-1].T - np.outer(later, mean) - np.outer(mean, before)
    lagged = white.T @ (lagged + (count - 1) * np.outer(mean, mean)) @ white
    first = float(chdtrc(size**2, (lagged**2).sum() / (count - 1)))
    length = count // BLOCKS
    if length < 3:
        return min(1.0, 2 * first)
    used = length * BLOCKS
    means = (columns[:, :used].reshape(len(columns), BLOCKS, length).mean(2) - mean[:, None]).T @ white
    between = length * ((means - means.mean(0)) ** 2).sum(0)
    within = np.maximum(count - between, 1e-12)  # each column has variance one, rows left over included
    ratio = (between / (BLOCKS - 1)) / (within / (count - BLOCKS))
    drift = size * float(fdtrc(BLOCKS - 1, count - BLOCKS, ratio.max()))
    return min(1.0, 2 * min(first, drift))
