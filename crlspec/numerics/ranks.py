"""Ranks, and how far two distributions are apart: what scipy.stats has too, without the cost of loading it."""

from __future__ import annotations

import numpy as np

__all__ = ["distribution_distance", "ranks", "uniform_distance"]


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1 of each column of (sample,) or (sample, column); equal values share the mean of theirs."""
    if values.ndim == 1:
        order = np.argsort(values)
        ordered = values[order]
        if (ordered[1:] > ordered[:-1]).all():  # no two are equal, and none is NaN
            found = np.empty(len(values))
            found[order] = np.arange(1.0, len(values) + 1)
            return found
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        last = counts.cumsum()
        return np.asarray((last - (counts - 1) / 2)[place])
    return np.stack([ranks(column) for column in values.T], axis=1)


def distribution_distance(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of the distribution functions of two samples (Kolmogorov and Smirnov's statistic)."""
    first, second = np.sort(one), np.sort(other)
    points = np.concatenate([first, second])
    shares = [np.searchsorted(each, points, side="right") / len(each) for each in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def uniform_distance(values: np.ndarray) -> float:
    """The same of a sample and the uniform distribution on [0, 1]."""
    ordered, count = np.sort(values), len(values)
    above = np.arange(1, count + 1) / count - ordered
    return float(max(above.max(), (ordered - np.arange(count) / count).max()))
