"""How many components a covariance has beyond isotropic noise, by a test of each eigenvalue in turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammainccinv

from crlspec.numerics.linalg import EXACT

__all__ = ["Dimension", "count_components", "largest_noise_eigenvalue"]


@dataclass(frozen=True)
class Dimension:
    """The number of components, and the evidence.

    count      components that stand out
    variance   of the noise along every direction, in the unit of the spectrum; 0 where there is none
    edges      (component,) what each eigenvalue had to exceed to stand out; NaN where it was not tested
    spectrum   (component,) the eigenvalues, descending
    """

    count: int
    variance: float
    edges: np.ndarray
    spectrum: np.ndarray

    def __str__(self) -> str:
        values, k = self.spectrum, self.count
        if self.variance == 0:
            after = (
                f"; the next is {values[k]:.2g}, which is rounding" if k < len(values) else ", which are all"
            )
            return (
                f"{k} eigenvalues of the pooled covariance, down to {values[k - 1]:.2g}, are not zero{after}"
            )
        tested = k < len(values) and np.isfinite(self.edges[k])
        alone = f"; the last, {values[-1]:.3g}, has nothing to be compared with" if k < len(values) else ""
        below = f"; the next, {values[k]:.3g}, is below its edge {self.edges[k]:.3g}" if tested else alone
        least = f", down to {values[k - 1]:.3g} against {self.edges[k - 1]:.3g}" if k else ""
        return f"{k} eigenvalues of the pooled covariance stand out of isotropic noise{least}{below}"


def count_components(spectrum: np.ndarray, samples: int, alpha: float) -> Dimension:
    """The components of a covariance with these descending eigenvalues, beyond isotropic noise.

    One after another, eigenvalue k is compared with what ``largest_noise_eigenvalue`` allows to the largest of the
    remaining p = d − k + 1 were they noise, its variance estimated by their mean; the first that does not exceed it
    ends the count (Kritchman & Nadler, "Non-parametric detection of the number of signals", IEEE Transactions on
    Signal Processing 2009). So the count is too large with probability ``alpha`` at most, whatever the signal. Where
    the last eigenvalues are rounding there is no noise, and all others count. The last eigenvalue alone has nothing
    to be compared with: the count ends at d − 1 unless there is no noise.

    spectrum  (component,) eigenvalues of the sample covariance, not rescaled variable by variable
    samples   how many samples the covariance is of
    """
    values = np.maximum(np.asarray(spectrum, dtype=float), 0.0)
    size, edges = len(values), np.full(len(values), np.nan)
    if size == 1 or values[-1] < EXACT * values[0]:
        return Dimension(int((values > EXACT * values[0]).sum()), 0.0, edges, values)
    for k in range(size - 1):
        variance = float(values[k:].mean())
        edges[k] = variance * largest_noise_eigenvalue(size - k, samples, alpha)
        if values[k] <= edges[k]:
            return Dimension(k, variance, edges, values)
    return Dimension(size - 1, float(values[-1]), edges, values)


def largest_noise_eigenvalue(size: int, samples: int, alpha: float) -> float:
    """What the largest eigenvalue of the covariance of unit noise exceeds with probability ``alpha``.

    Tracy–Widom of order 1 around the edge of Marchenko & Pastur (Johnstone, Annals of Statistics 2001; centring by
    n − ½ of Ma 2012), its quantile by the shifted gamma distribution of Chiani (J. Multivariate Analysis 2014).

    size     number of variables
    samples  of each
    """
    rows, columns = np.sqrt(samples - 0.5), np.sqrt(size - 0.5)
    centre = (rows + columns) ** 2
    spread = (rows + columns) * (1 / rows + 1 / columns) ** (1 / 3)
    quantile = 0.186054 * gammainccinv(46.446, alpha) - 9.84801
    return float((centre + spread * quantile) / samples)
