"""Tests: of Gaussianity, of the number of components, of paired losses, of agreement between two fits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

__all__ = [
    "agreement_p_value",
    "explained_by_squares",
    "gaussianity_p_value",
    "normality_p_values",
    "paired_p_value",
]


def normality_p_values(y: np.ndarray) -> np.ndarray:
    """p-values (2, component) of "this column is normal", by skewness and by kurtosis: (sample, component).

    Skewness by D'Agostino's transformation (Biometrika 57, 1970), kurtosis by that of Anscombe and Glynn
    (Biometrika 70, 1983): both nearly standard normal from some hundreds of samples on, in the tail too, which
    the sum of squares of the untransformed ones (Jarque and Bera) is not before tens of thousands. Fewer than
    20 samples say nothing.
    """
    if len(y) < 20:
        return np.ones((2, y.shape[1]))
    return np.stack([test(y, axis=0).pvalue for test in (stats.skewtest, stats.kurtosistest)])


def gaussianity_p_value(samples: Sequence[np.ndarray]) -> float:
    """p-value of "every column of every array (sample, component) is normal".

    Bonferroni over columns and both tests: the sum of the transformed squares would be too heavy in the tail.
    """
    values = np.concatenate([normality_p_values(y).ravel() for y in samples])
    return float(min(1.0, len(values) * values.min()))


def explained_by_squares(targets: np.ndarray, inputs: np.ndarray) -> float:
    """p-value of "targets do not depend on the inputs through a quadratic polynomial" (F-test, Bonferroni).

    targets  (sample, target); inputs (sample, input)
    """
    count, n = inputs.shape
    upper = np.triu_indices(n)
    squares = (inputs[:, :, None] * inputs[:, None, :])[:, upper[0], upper[1]]
    design = np.concatenate([np.ones((count, 1)), inputs, squares], axis=1)
    basis, _ = np.linalg.qr(design)
    centred = targets - targets.mean(0)
    total = (centred**2).sum(0)
    left = ((targets - basis @ (basis.T @ targets)) ** 2).sum(0)
    free, used = count - design.shape[1], design.shape[1] - 1
    ratio = (np.maximum(total - left, 0) / used) / np.maximum(left / free, np.finfo(float).tiny)
    return float(min(1.0, targets.shape[1] * stats.f.sf(ratio.max(), used, free)))


def paired_p_value(gains: np.ndarray) -> float:
    """One-sided p-value of "the mean gain is not positive", for paired held-out gains (sample,)."""
    error = gains.std() / np.sqrt(len(gains))
    return float(stats.norm.sf(gains.mean() / error)) if error > 0 else 1.0


def agreement_p_value(first: np.ndarray, second: np.ndarray, freedom: int) -> float:
    """One-sided p-value of "two independent estimates of a function share nothing", by Fisher's z.

    first, second  (sample,) values of the two estimates; freedom: how many free coefficients their noise has
    """
    size = np.sqrt((first**2).mean() * (second**2).mean())
    if size == 0:
        return 1.0
    correlation = np.clip((first * second).mean() / size, -1 + 1e-12, 1 - 1e-12)
    return float(stats.norm.sf(np.arctanh(correlation) * np.sqrt(max(freedom - 3, 1))))
