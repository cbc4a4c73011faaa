"""How well fitted mechanisms fit latents that were held out: the noise must not know the parents, and be as declared.

For every mechanism in every environment the noise of held-out samples is taken back out of the latents. Two tests,
each with an effect size, since with many samples any model is refuted:

- dependence: do quadratic polynomials of the parents explain the noise, or its square? F-test; effect: the share of
  variance explained. A root has no parents, and nothing to test.
- distribution: is the noise distributed as declared? Kolmogorov–Smirnov; effect: the greatest difference of the
  distribution functions.

Parameters come from four times as many samples as are held out (or more), and their error is not in the p-values,
which are a little too small for that.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import xarray as xr
from scipy import stats

from crlspec.generative.model import Model
from crlspec.generative.scm import gather
from crlspec.numerics.statistics import explained_by_squares
from crlspec.results.encoder import labels

__all__ = ["HELD_OUT", "goodness", "split"]

HELD_OUT = 5
"""Every fifth sample is held out."""


def split(samples: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Samples to fit, and samples held out."""
    kept = {name: np.arange(len(z)) % HELD_OUT != 0 for name, z in samples.items()}
    return (
        {name: z[kept[name]] for name, z in samples.items()},
        {name: z[~kept[name]] for name, z in samples.items()},
    )


def goodness(model: Model, samples: Mapping[str, np.ndarray]) -> xr.Dataset:
    """The tests of every mechanism in every environment, on samples that took no part in the fit.

    samples  environment → latents of the model (sample, latent)

    Returns p-values ``dependence_p``, ``distribution_p`` and effects ``dependence``, ``distribution``, each
    (environment, latent); ``replaced`` marks those mechanisms that an environment replaced.
    """
    shape = (len(samples), len(model.latents))
    found = {
        key: np.full(shape, np.nan)
        for key in ("dependence", "dependence_p", "distribution", "distribution_p")
    }
    replaced = np.zeros(shape, dtype=bool)
    for row, (name, z) in enumerate(samples.items()):
        environment = model.environments[name]
        columns = dict(zip(model.latents, torch.as_tensor(z).unbind(-1)))
        for k, latent in enumerate(model.latents):
            mechanism = environment.scm.mechanisms[latent]
            replaced[row, k] = latent in environment.targets
            parents = gather(columns, mechanism.parents)
            with torch.no_grad():
                noise, response = mechanism.explicit(parents)
                values = response.inv(columns[latent])
                quantiles = noise.cdf(values).numpy()
            test = stats.kstest(quantiles, "uniform", method="asymp")
            found["distribution"][row, k], found["distribution_p"][row, k] = test.statistic, test.pvalue
            if mechanism.parents:
                share, p_value = _dependence(values.numpy(), parents.numpy())
                found["dependence"][row, k], found["dependence_p"][row, k] = share, p_value
    dims = ("environment", "latent")
    return xr.Dataset(
        {**{key: (dims, value) for key, value in found.items()}, "replaced": (dims, replaced)},
        coords={"environment": labels(tuple(samples)), "latent": labels(model.latents)},
    )


def _dependence(noise: np.ndarray, parents: np.ndarray) -> tuple[float, float]:
    """Share of the variance of noise and of its square that the parents explain, the larger; and its p-value."""
    targets = np.column_stack([noise, np.minimum(noise**2, 9.0)])
    count = len(parents)
    upper = np.triu_indices(parents.shape[1])
    squares = (parents[:, :, None] * parents[:, None, :])[:, upper[0], upper[1]]
    design = np.column_stack([np.ones(count), parents, squares])
    basis, _ = np.linalg.qr(design)
    centred = targets - targets.mean(0)
    explained = ((basis.T @ centred) ** 2).sum(0) / (centred**2).sum(0)
    chance = (design.shape[1] - 1) / count
    return float(max((explained - chance).max(), 0.0)), explained_by_squares(targets, parents)
