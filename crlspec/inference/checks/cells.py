"""Cells and columns that no estimator can use: huge ones, an outlier, an index, rounded values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from crlspec.inference.check import Check
from crlspec.inference.design_thresholds import DesignThresholds
from crlspec.numerics.rows import Rows, extremes

__all__ = ["Ends", "check_cells", "check_rounding", "ends_of"]

Ends = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Environment → the least and the largest value of every column."""

PROBED = 256
"""Rows of an environment in which equal values are looked for, and that give a first idea of deviations."""


def ends_of(samples: Mapping[str, np.ndarray]) -> Ends:
    """Of samples, environment → (sample, observed)."""
    return {name: extremes(x) for name, x in samples.items()}


def check_cells(
    samples: Mapping[str, np.ndarray], ends: Ends, observed: Sequence[str], limits: DesignThresholds
) -> list[Check]:
    """Cells and columns that stand out, named by environment, row (counted from 1) and column.

    samples  environment → (sample, observed), finite
    """
    low, high = (np.stack([ends[name][side] for name in samples]) for side in (0, 1))
    if (huge := np.maximum(high, -low)).max() > limits.huge:
        return _huge(samples, observed, huge, limits.huge)
    checks: list[Check] = []
    for e, (name, x) in enumerate(samples.items()):
        some = x[:PROBED]
        far = np.maximum(high[e] - some.mean(0), some.mean(0) - low[e])
        for k in np.flatnonzero(far > limits.suspect * some.std(0)).tolist():
            checks += _outlier(name, x[:, k], observed[k], limits)
    return checks or _indices(samples, observed)


def check_rounding(
    samples: Mapping[str, np.ndarray], observed: Sequence[str], spare: bool, limits: DesignThresholds
) -> list[Check]:
    """Columns whose values are so coarse that rounding is noise on the observations.

    spare  whether there are more variables than latents, so that the rounding averages out to some extent
    """
    worst, column = 0.0, 0
    for x in samples.values():
        some = np.sort(x[:PROBED], axis=0)
        if len(some) < 20 or not (some[1:] == some[:-1]).any():
            continue
        some = np.sort(np.unique(x[:PROBED], axis=0), axis=0)  # rows that stand twice are another fault
        equal = some[1:] == some[:-1]
        for k in np.flatnonzero(equal.sum(0) > limits.repeats * len(some)).tolist():
            _, counts = np.unique(some[:, k], return_counts=True)
            pairs = (counts * (counts - 1)).sum() / (len(some) * (len(some) - 1))
            step = 2 * np.sqrt(np.pi) * pairs
            if step > worst:
                worst, column = float(step), int(k)
    if worst < limits.negligible:
        return []
    share = worst**2 / 12
    coarse = worst > limits.coarse and not spare
    bound = limits.coarse if coarse else limits.negligible
    return [
        Check(
            "rounded", "undecided" if coarse else "note", worst, bound,
            f"Values are rounded: column '{observed[column]}' has steps of about {worst:.2g} standard deviations. "
            f"Rounding adds noise of {share:.1%} of its variance, which a linear mixing does not allow for.",
            "Give the values before rounding, or observe more variables than latents.",
        )
    ]  # fmt: skip


def _steps(x: np.ndarray | Rows, column: int) -> tuple[float, float]:
    """The least and the largest difference of a row to the one before, in one column."""
    if isinstance(x, Rows) and x.scan.steps is not None:
        return float(x.scan.steps[0, column]), float(x.scan.steps[1, column])
    steps = np.diff(x[:, column])
    return float(steps.min()), float(steps.max())


def _huge(
    samples: Mapping[str, np.ndarray], observed: Sequence[str], high: np.ndarray, bound: float
) -> list[Check]:
    """One check a column that holds values whose squares leave the range of numbers."""
    checks = []
    for k in np.flatnonzero((high > bound).any(0)).tolist():
        name = list(samples)[int(high[:, k].argmax())]
        column, label, size = samples[name][:, k], observed[k], float(high[:, k].max())
        rows = np.flatnonzero(np.abs(column) > bound)
        place = f"In environment '{name}', row {rows[0] + 1}, column '{label}' is {column[rows[0]]:.3g}."
        remedy = "Mend this cell, or leave the row out."
        if len(rows) > 0.5 * len(column):
            place = f"In environment '{name}' column '{label}' holds values as large as {size:.3g}."
            remedy = f"Give column '{label}' in a larger unit, in every environment."
        told = (
            f"{place} The square exceeds the range of floating-point numbers, so no variance can be computed."
        )
        checks.append(Check("huge-values", "refuted", size, bound, told, remedy, (name,)))
    return checks


def _outlier(name: str, column: np.ndarray, label: str, limits: DesignThresholds) -> list[Check]:
    away = np.abs(column - np.median(column))
    first = int(away.argmax())
    others = np.delete(away, first)
    middle = float(np.median(others)) or float(others.mean())  # most cells may be equal
    if middle == 0:
        return []
    ratio = float(away[first] / middle)
    if not (ratio > limits.towers and away[first] > limits.alone * others.max()):
        return []
    return [
        Check(
            "outlier", "refuted", ratio, limits.towers,
            f"In environment '{name}', row {first + 1}, column '{label}' is {column[first]:.6g}. This lies "
            f"{ratio:.2g} median absolute deviations from the median. It alone decides mean and variance of the "
            "column.",
            "Mend this cell, or leave the row out.", (name,),
        )
    ]  # fmt: skip


def _indices(samples: Mapping[str, np.ndarray], observed: Sequence[str]) -> list[Check]:
    """Columns that count the rows, or go one way only, in every environment."""
    rows = min(len(x) for x in samples.values())
    if rows < 10:
        return []
    probes = [x[:PROBED] for x in samples.values()]
    rising = np.logical_and.reduce([(np.diff(x, axis=0) > 0).all(0) for x in probes])
    falling = np.logical_and.reduce([(np.diff(x, axis=0) < 0).all(0) for x in probes])
    checks = []
    for k in np.flatnonzero(rising | falling).tolist():
        steps = [_steps(x, k) for x in samples.values()]
        if not all(least > 0 or most < 0 for least, most in steps):
            continue
        even = all(most - least <= 1e-9 * max(abs(least), abs(most)) for least, most in steps)
        what = "counts the rows" if even else "only rises or only falls from row to row"
        means = (
            "It is an index, not a measurement."
            if even
            else "It is a time stamp, or the file is sorted by it."
        )
        remedy = f"Leave column '{observed[k]}' out" + (
            "." if even else ", or shuffle the rows if the file was sorted."
        )
        checks.append(
            Check(
                "index-column", "refuted", 1.0, 1.0,
                f"In every environment, column '{observed[k]}' {what}. {means}", remedy,
            )
        )  # fmt: skip
    return checks
