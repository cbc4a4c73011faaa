"""Whether the log ratio of the two environments of a latent turns back within the data, or is monotone in it.

For Gaussian noise the log ratio is quadratic in the latent. Where the turning point lies δ standard deviations from
the mean of an environment it is there, up to scale, a chi-square of one degree of freedom and noncentrality δ²:
skewed away from its bound, in both environments alike. Where the pair shifts the mean alone it is normal in both;
where other noise bends it, it is so towards opposite ends, for each environment is the other's mirror image. So the
mean of the two skewnesses tells, by Kelly's measure of quantiles, which few samples far out do not move. It is .77
for a turning point at the mean, .55 at 1.5 standard deviations, .42 at 2, .27 at 3, .21 at 4; 0 for a shift. A
classifier that is blurred, or follows |z| where the log ratio is quadratic, makes it less: .36 for a turning point
at the mean. So between a log ratio that clearly has two sides and one that clearly turns nowhere within the data
restarts begin both ways, and what they come to decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special, stats

from crlspec.inference.thresholds import GscaleThresholds

__all__ = ["normal_scores", "sided_starts", "skewnesses"]

OUTER = 0.05
"""Share of the samples beyond each of the outer quantiles."""


def skewnesses(ratios: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(latent,) in [0, 1]: |Kelly's skewness| of log ratios, which is how much further the quantile of 95 % is from
    the median than that of 5 %; of their two environments the mean, weighted by the width between these quantiles.

    ratios  for each latent, its log ratio at the samples (sample,) of each of its two environments
    """
    found = []
    for pair in ratios:
        low, middle, high = np.stack([np.quantile(values, [OUTER, 0.5, 1 - OUTER]) for values in pair]).sum(0)
        found.append(abs(high + low - 2 * middle) / (high - low) if high > low else 0.0)
    return np.array(found)


def sided_starts(
    skewed: np.ndarray,
    count: int,
    least: float = GscaleThresholds.turns,
    clear: float = GscaleThresholds.two_sided,
) -> tuple[tuple[bool, ...], ...]:
    """For each of ``count`` restarts, and each latent, whether it begins with two sides or at its log ratio.

    Where the skewness (:func:`skewnesses`) is from ``least`` on and below ``clear``, restarts take turns, the first
    with two sides.
    """
    return tuple(
        tuple(((skewed >= clear) | ((skewed >= least) & (k % 2 == 0))).tolist()) for k in range(count)
    )


def normal_scores(values: np.ndarray) -> np.ndarray:
    """The increasing map of each column of (sample, latent) that makes it standard normal."""
    return np.asarray(special.ndtri((stats.rankdata(values, axis=0) - 0.5) / len(values)))
