"""Whether the log ratio of the two environments of a latent turns back within the data, or is monotone in it.

For Gaussian noise the log ratio is quadratic in the latent. Where the turning point lies δ standard deviations from
the mean of an environment it is there, up to scale, a chi-square of one degree of freedom and noncentrality δ²:
skewed away from its bound, in both environments alike. Where the pair shifts the mean alone it is normal in both;
where other noise bends it, it is so towards opposite ends, for each environment is the other's mirror image. So the
mean of the two skewnesses tells, by Kelly's measure of quantiles, which no tail moves. It is .67 for a turning point
at the mean, .43 at 1.5 standard deviations, .32 at 2, .21 at 3; .46 for Laplace noise whose scale changes; 0 for a
shift.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special, stats

__all__ = ["TURNS", "TWO_SIDED", "normal_scores", "skewnesses", "turns"]

TURNS, TWO_SIDED = 0.28, 0.45
"""Skewnesses from which on a log ratio turns within the data (2.3 standard deviations from the mean, 1 % of the
samples beyond), and so near their middle that two sides can be told apart. Conventions, chosen on closed forms: with
up to a tenth of the samples beyond, the log ratio itself is the nearer to the latent."""


def skewnesses(ratios: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(latent,) in [0, 1]: |Kelly's skewness| of log ratios, which is how much further the ninth decile is from the
    median than the first; of their two environments the mean, weighted by the width between these deciles.

    ratios  for each latent, its log ratio at the samples (sample,) of each of its two environments
    """
    found = []
    for pair in ratios:
        low, middle, high = np.stack([np.quantile(values, [0.1, 0.5, 0.9]) for values in pair]).sum(0)
        found.append(abs(high + low - 2 * middle) / (high - low) if high > low else 0.0)
    return np.array(found)


def turns(ratios: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[bool, ...]:
    """For each latent, whether its log ratio turns back within the data; ``ratios`` as :func:`skewnesses`."""
    return tuple((skewnesses(ratios) >= TURNS).tolist())


def normal_scores(values: np.ndarray) -> np.ndarray:
    """The increasing map of each column of (sample, latent) that makes it standard normal."""
    return np.asarray(special.ndtri((stats.rankdata(values, axis=0) - 0.5) / len(values)))
