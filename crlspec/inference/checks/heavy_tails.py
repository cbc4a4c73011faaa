"""Whether second moments settle at all: heavy tails."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crlspec.inference.check import Check, listed
from crlspec.inference.design_thresholds import DesignThresholds

__all__ = ["check_heavy_tails", "worth"]


def worth(kurtosis: float, count: float) -> float:
    """The normal rows that give a variance as precisely as ``count`` rows of this kurtosis (3 where normal): the
    relative error of a variance is √((κ − 1)/N)."""
    return 2 * count / max(kurtosis - 1, 1e-9)


def check_heavy_tails(
    kurtosis: np.ndarray, y: Mapping[str, np.ndarray], limits: DesignThresholds
) -> list[Check]:
    """Names environments in which few rows hold most of the variance.

    kurtosis  (environment, component) fourth moment over the squared second
    y         environment → (sample, component)
    """
    few: dict[str, tuple[float, float, str]] = {}
    ratios = []
    for name, found in zip(y, kurtosis, strict=True):
        values, k = y[name], int(found.argmax())
        count = len(values)
        bound = min(limits.settled_rows, limits.settled_share * count)
        size = worth(float(found[k]), count)
        ratios.append(size / bound)
        if size < bound:
            squares = (values[:, k] - values[:, k].mean()) ** 2
            most = max(1, round(1e-3 * count))
            held = float(np.partition(squares, -most)[-most:].sum() / squares.sum())
            few[name] = size, bound, f"{most} of {count} rows hold {held:.0%} of the variance"
    settled = sorted(ratios)
    if settled[(len(settled) - 1) // 2] >= 1:
        few = {name: found for name, found in few.items() if found[0] < found[1] * limits.extreme}
    if not few:
        return []
    worst = min(few, key=lambda name: few[name][0])
    size, bound, told = few[worst]
    also = f" The same holds in {listed(name for name in few if name != worst)}." if len(few) > 1 else ""
    return [
        Check(
            "heavy-tails", "undecided", size, bound,
            f"In environment '{worst}' {told} along one direction.{also} Covariances are as uncertain "
            f"there as those of {size:.0f} normal rows, so tests of them say nothing.",
            "Transform the observations if the mixing allows it, or look for faulty rows.", tuple(few),
        )
    ]  # fmt: skip
