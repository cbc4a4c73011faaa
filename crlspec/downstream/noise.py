"""The family of a mechanism's noise, from its residuals: normal, or a mixture of normals."""

from __future__ import annotations

import warnings

import numpy as np

__all__ = ["mixture"]

MOST = 4
ROWS = 20_000


def mixture(residuals: np.ndarray, seed: int = 0) -> dict[str, float | str | list[float]]:
    """A mixture of at most four normals as a noise declaration, without mean and variance; their number by BIC."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    values = (residuals - residuals.mean()) / residuals.std()
    rows = values[:: max(1, len(values) // ROWS), None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fits = [GaussianMixture(k, random_state=seed, n_init=2).fit(rows) for k in range(1, MOST + 1)]
    best = min(fits, key=lambda one: one.bic(rows))
    if best.n_components == 1:
        return {"kind": "normal"}
    order = np.argsort(best.means_[:, 0])
    return {
        "kind": "mixture",
        "weights": best.weights_[order].tolist(),
        "means": best.means_[order, 0].tolist(),
        "deviations": np.sqrt(best.covariances_[order, 0, 0]).tolist(),
    }
