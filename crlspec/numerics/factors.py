"""Factor analysis by maximum likelihood: S = L Lᵀ + Ψ with diagonal Ψ, and how well it fits.

The statistic has its chi-square distribution whatever the distributions of factors and noise, as long as the noise of
each variable is independent of everything else (Anderson & Amemiya, Annals of Statistics 16, 1988). So it holds for
the pooled covariance of environments too, in which the factors are a mixture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

__all__ = ["FactorModel", "count_factors", "degrees_of_freedom", "fit_factors", "most_factors"]

LEAST = 1e-3
"""The least noise of a variable, as a share of what the others do not explain of it; there it is a Heywood case."""


@dataclass(frozen=True)
class FactorModel:
    """A fitted factor model.

    factors    their number
    variances  Ψ (observed,) of the noise of each variable, in the units of the covariance
    statistic  of the likelihood ratio against any covariance, with Bartlett's correction
    degrees    of freedom; 0 where every covariance fits
    misfit     per degree of freedom, the root mean square error of approximation (Steiger); 0 where nothing is amiss
    heywood    indices of variables whose noise is zero in the fit
    """

    factors: int
    variances: np.ndarray
    statistic: float
    degrees: int
    misfit: float
    heywood: tuple[int, ...]

    @property
    def p_value(self) -> float:
        """Of "the covariance is that of so many factors and independent noise"; 1 without degrees of freedom."""
        return float(chdtrc(self.degrees, self.statistic)) if self.degrees > 0 else 1.0


def degrees_of_freedom(observed: int, factors: int) -> int:
    """((d − n)² − d − n) / 2: covariances less free parameters. Below 0 the noise is not identified."""
    return ((observed - factors) ** 2 - observed - factors) // 2


def most_factors(observed: int) -> int:
    """The largest number of factors that so many variables identify (Ledermann, Psychometrika 2, 1937)."""
    return max((k for k in range(observed) if degrees_of_freedom(observed, k) >= 0), default=0)


def fit_factors(covariance: np.ndarray, samples: int, factors: int) -> FactorModel:
    """The factor model that is most likely for a covariance (observed, observed) of so many samples.

    The likelihood is maximised over Ψ alone, loadings given in closed form (Jöreskog, Psychometrika 32, 1967), in
    logarithms. The covariance must be of full rank, the model identified.
    """
    size = len(covariance)
    deviations = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviations, deviations)
    unexplained = 1 / np.diag(np.linalg.inv(correlation))

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        roots = np.exp(logs / 2)
        values, vectors = np.linalg.eigh(correlation / np.outer(roots, roots))
        rest = np.maximum(values[: size - factors], 1e-300)
        kept, along = values[size - factors :], vectors[:, size - factors :]
        value = float((rest - np.log(rest) - 1).sum())
        fitted = (along**2 * np.maximum(kept - 1, 0)).sum(1) + 1
        return value, fitted - np.diag(correlation) / roots**2

    from scipy import optimize

    found = optimize.minimize(
        loss,
        np.log((1 - factors / (2 * size)) * unexplained),
        jac=True,
        method="L-BFGS-B",
        bounds=[(low, 0.0) for low in np.log(LEAST * unexplained)],
        options={"maxiter": 2000, "ftol": 1e-13, "gtol": 1e-8},
    )
    degrees = degrees_of_freedom(size, factors)
    scaled = samples - 1 - (2 * size + 5) / 6 - 2 * factors / 3
    statistic = max(float(found.fun), 0.0) * max(scaled, 0.0)
    excess = max(statistic - degrees, 0.0)
    return FactorModel(
        factors=factors,
        variances=np.exp(found.x) * deviations**2,
        statistic=statistic,
        degrees=degrees,
        misfit=float(np.sqrt(excess / (degrees * samples))) if degrees > 0 else 0.0,
        heywood=tuple(int(k) for k in np.flatnonzero(found.x < np.log(2 * LEAST * unexplained))),
    )


def count_factors(covariance: np.ndarray, samples: int, alpha: float) -> FactorModel | None:
    """The model with the fewest factors that is not rejected at level ``alpha``; None where all are.

    One after another (Lawley & Maxwell, 1971), so that the count is too large with probability ``alpha`` at most. Of
    models without degrees of freedom left none is tried: nothing rejects them.
    """
    size = len(covariance)
    for factors in range(most_factors(size) + 1):
        if degrees_of_freedom(size, factors) == 0:
            break
        model = fit_factors(covariance, samples, factors)
        if model.p_value >= alpha:
            return model
    return None
