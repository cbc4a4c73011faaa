"""Tests: of Gaussianity, of the number of components, of paired losses, of agreement between two fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy import special

from crlspec.numerics.kept import kept
from crlspec.numerics.linalg import blocks, column_means, covariance, side_by_side
from crlspec.numerics.rows import Rows
from crlspec.numerics.scan import folded

__all__ = [
    "agreement_p_value",
    "curvature_p_value",
    "explained_by_squares",
    "gaussianity_p_value",
    "multivariate_skewness_p_value",
    "normality_of_moments",
    "normality_p_values",
    "paired_p_value",
    "shape_moments",
    "third_moments",
]

ROUNDING = 1e-28
"""Variance, as a share of the squared mean, that is rounding of the mean and no variation."""


@kept
def shape_moments(y: np.ndarray) -> np.ndarray:
    """(2, component) skewness and kurtosis (3 where normal) of (sample, component); NaN where nothing varies."""
    mean, sums = column_means(y), np.zeros((3, y.shape[1]))
    for part in blocks(y):
        centred = part - mean
        squares = centred * centred
        sums[0] += squares.sum(0)
        sums[1] += np.einsum("si,si->i", squares, centred)
        sums[2] += np.einsum("si,si->i", squares, squares)
    second, third, fourth = sums / len(y)
    varied = second > ROUNDING * mean**2
    scale = np.where(varied, second, np.nan)
    return np.stack([third / scale**1.5, fourth / scale**2])


def normality_p_values(y: np.ndarray, size: float | None = None) -> np.ndarray:
    """p-values (2, component) of "this column is normal", by skewness and by kurtosis: (sample, component).

    size  effective number of samples for third moments, where rows depend on each other

    Skewness by D'Agostino's transformation (Biometrika 57, 1970), kurtosis by that of Anscombe and Glynn
    (Biometrika 70, 1983), which the sum of squares of the untransformed ones (Jarque and Bera) is far from before
    tens of thousands of samples. Their far tails are too heavy where samples are few, those of light-tailed
    columns most (fourteen times too many at p = 1e-5 and 60 samples), and are drawn in by what normal samples of
    60 to 1000 showed. Fewer than 20 samples, and columns in which nothing varies, say nothing.
    """
    count = len(y) if size is None else size
    if count < 20:
        return np.ones((2, y.shape[1]))
    return normality_of_moments(shape_moments(y), count)


def normality_of_moments(moments: np.ndarray, count: float) -> np.ndarray:
    """The same p-values from the ``shape_moments`` (2, component) of so many samples, 20 or more; effective ones
    where rows depend on each other."""
    skewness, kurtosis = _skewness_score(moments[0], count), _kurtosis_score(moments[1], count)
    slight = 0.002 / (1 + count / 5000)
    tail = np.where(kurtosis < 0, 0.012 / (1 + count / 350), slight)
    drawn = np.stack([np.full_like(skewness, slight), tail])
    scores = np.stack([skewness, kurtosis])
    scores = scores / np.sqrt(1 + 2 * drawn * scores**2)
    return np.asarray(np.where(np.isfinite(scores), 2 * special.ndtr(-np.abs(scores)), 1.0))


def _skewness_score(skewness: np.ndarray, n: float) -> np.ndarray:
    y = skewness * np.sqrt((n + 1) * (n + 3) / (6.0 * (n - 2)))
    fourth = 3.0 * (n**2 + 27 * n - 70) * (n + 1) * (n + 3) / ((n - 2.0) * (n + 5) * (n + 7) * (n + 9))
    square = np.sqrt(2 * (fourth - 1)) - 1
    return np.asarray(np.arcsinh(y / np.sqrt(2 / (square - 1))) / np.sqrt(0.5 * np.log(square)))


def _kurtosis_score(kurtosis: np.ndarray, n: float) -> np.ndarray:
    variance = 24.0 * n * (n - 2) * (n - 3) / ((n + 1) ** 2 * (n + 3.0) * (n + 5))
    x = (kurtosis - 3.0 * (n - 1) / (n + 1)) / np.sqrt(variance)
    skew = (
        6.0
        * (n**2 - 5 * n + 2)
        / ((n + 7) * (n + 9))
        * np.sqrt(6.0 * (n + 3) * (n + 5) / (n * (n - 2) * (n - 3)))
    )
    a = 6 + 8 / skew * (2 / skew + np.sqrt(1 + 4 / skew**2))
    root = np.cbrt((1 - 2 / a) / np.abs(1 + x * np.sqrt(2 / (a - 4))))
    return np.asarray(
        (1 - 2 / (9 * a) - np.copysign(root, 1 + x * np.sqrt(2 / (a - 4)))) / np.sqrt(2 / (9 * a))
    )


def multivariate_skewness_p_value(y: np.ndarray, size: float | None = None) -> float:
    """p-value of "no third-order cumulant of the columns, cross ones too": Mardia's skewness; y (sample, component).

    size  effective number of samples for third moments, where rows depend on each other

    Invariant to linear maps, and sees a column that depends on the squares of others while each column alone looks
    normal. Correction for small samples by Mardia (Sankhya B 36, 1974). Directions in which nothing varies are left
    out, and too few samples say nothing.
    """
    mean = column_means(y)
    values, vectors = np.linalg.eigh(covariance(y) * ((len(y) - 1) / len(y)))
    varied = values > max(1e-12 * values[-1], ROUNDING * float((mean**2).max()))
    count, n = len(y) if size is None else size, int(varied.sum())
    if n == 0 or count < 20 + n:
        return 1.0
    white = (vectors[:, varied] / np.sqrt(values[varied])).T
    corrected = (n + 1) * (count + 1) * (count + 3) / (count * ((count + 1) * (n + 1) - 6))
    third = np.tensordot(white, third_moments(y), 1)
    statistic = count * corrected / 6 * float(np.square(white @ third @ white.T).sum())
    return float(special.chdtrc(n * (n + 1) * (n + 2) / 6, statistic))


@kept
def third_moments(y: np.ndarray) -> np.ndarray:
    """(component, component, component) third moments of (sample, component) about the mean; those with i ≤ j, k
    alone are summed, some thousand samples at a time."""
    n, mean = y.shape[1], column_means(y)
    found = np.zeros((n, n, n))
    for part in blocks(y):
        z = (part - mean).T
        for i in range(n):
            found[i, i:, i:] += (z[i] * z[i:]) @ z[i:].T
    return np.asarray(found[tuple(np.sort(np.indices(found.shape), axis=0))] / len(y))


def gaussianity_p_value(samples: Sequence[np.ndarray], sizes: Sequence[float] | None = None) -> float:
    """p-value of "every array (sample, component) is jointly normal".

    sizes  effective numbers of samples for third moments, where rows depend on each other

    Bonferroni over arrays, and over skewness and kurtosis of each column and the skewness of all of them together:
    the sum of transformed squares would be too heavy in the tail.
    """
    given = list(zip(samples, sizes or [len(y) for y in samples], strict=True))
    columns = np.concatenate([normality_p_values(y, size).ravel() for y, size in given])
    joint = np.array([multivariate_skewness_p_value(y, size) for y, size in given])
    return float(min(1.0, 2 * min(len(columns) * columns.min(), len(joint) * joint.min())))


def explained_by_squares(targets: np.ndarray | Rows, inputs: np.ndarray) -> float:
    """p-value of "targets do not depend on the inputs through a quadratic polynomial" (F-test, Bonferroni).

    targets  (sample, target); inputs (sample, input)
    """
    count, n = inputs.shape
    size = 1 + n + n * (n + 1) // 2
    factor = _regressed(targets, inputs, _products)
    total, left = np.square(factor[1:]).sum(0), np.square(factor[size:]).sum(0)
    free, used = count - size, size - 1
    ratio = (np.maximum(total - left, 0) / used) / np.maximum(left / free, np.finfo(float).tiny)
    return float(min(1.0, targets.shape[1] * special.fdtrc(used, free, ratio.max())))


def _regressed(
    targets: np.ndarray | Rows, inputs: np.ndarray, further: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Targets in an orthonormal basis of (1, inputs, further functions of them) and, after it, of what they leave:
    (direction, target), of some thousand rows at a time. Squares of the rows add up to those of the targets."""
    origin = targets[0] if len(targets) else 0.0

    def factors() -> Iterator[np.ndarray]:
        for y, u in side_by_side(targets, inputs):
            table = np.column_stack([np.ones(len(u)), u, further(u), y - origin])
            yield np.asarray(np.linalg.qr(table, mode="r"))

    return folded(factors())[:, -targets.shape[1] :]


def _products(inputs: np.ndarray) -> np.ndarray:
    """Products of two of the inputs, squares too."""
    upper = np.triu_indices(inputs.shape[1])
    return np.asarray(inputs[:, upper[0]] * inputs[:, upper[1]])


def curvature_p_value(targets: np.ndarray | Rows, inputs: np.ndarray) -> float:
    """p-value of "products of the inputs add nothing to a linear function of them" (F-test, Bonferroni).

    Products of two, and of a square and one where there are four samples a coefficient of them; with fewer than two
    for those of two nothing can be told, and the answer is 1.

    targets  (sample, target); inputs (sample, input)
    """
    count, n = inputs.shape
    upper = np.triu_indices(n)
    if count < 2 * (1 + n + len(upper[0])) or targets.shape[1] == 0:
        return 1.0
    cubic = count >= 4 * (1 + n + len(upper[0]) + n * n)

    def products(u: np.ndarray) -> np.ndarray:
        cubes = (u[:, :, None] ** 2 * u[:, None, :]).reshape(len(u), -1)
        return np.concatenate([_products(u), cubes], axis=1) if cubic else _products(u)

    used = len(upper[0]) + n * n * cubic
    factor = _regressed(targets, inputs, products)
    gained, left = np.square(factor[1 + n : 1 + n + used]).sum(0), np.square(factor[1 + n + used :]).sum(0)
    free = count - (1 + n + used)
    ratio = (gained / used) / np.maximum(left / free, np.finfo(float).tiny)
    return float(min(1.0, targets.shape[1] * special.fdtrc(used, free, ratio.max())))


def paired_p_value(gains: np.ndarray) -> float:
    """One-sided p-value of "the mean gain is not positive", for paired held-out gains (sample,)."""
    error = gains.std() / np.sqrt(len(gains))
    return float(special.ndtr(-gains.mean() / error)) if error > 0 else 1.0


def agreement_p_value(first: np.ndarray, second: np.ndarray, freedom: int) -> float:
    """One-sided p-value of "two independent estimates of a function share nothing", by Fisher's z.

    first, second  (sample,) values of the two estimates; freedom: how many free coefficients their noise has
    """
    size = np.sqrt((first**2).mean() * (second**2).mean())
    if size == 0:
        return 1.0
    correlation = np.clip((first * second).mean() / size, -1 + 1e-12, 1 - 1e-12)
    return float(special.ndtr(-np.arctanh(correlation) * np.sqrt(max(freedom - 3, 1))))
