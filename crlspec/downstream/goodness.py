"""How well fitted mechanisms fit latents that were held out: the noise must not know the parents, and be as declared.

For every mechanism in every environment the noise of held-out samples is taken back out of the latents. Tests,
each with an effect size, since with many samples any model is refuted:

- dependence: do quadratic polynomials of the parents explain the noise, or its square? F-test; effect: the share of
  variance explained. A root has no parents, and nothing to test.
- size: the same of its square alone, which knows the parents where the noise's size depends on them.
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
from scipy.special import kolmogorov

from crlspec.generative.model import Model
from crlspec.generative.scm import gather
from crlspec.numerics.ranks import uniform_distance
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

    Returns effects ``dependence``, ``size``, ``distribution`` and their p-values ``dependence_p`` and so on, each
    (environment, latent); ``replaced`` marks those mechanisms that an environment replaced.
    """
    shape = (len(samples), len(model.latents))
    tests = ("dependence", "size", "distribution")
    found = {key: np.full(shape, np.nan) for test in tests for key in (test, f"{test}_p")}
    replaced = np.zeros(shape, dtype=bool)
    for row, (name, z) in enumerate(samples.items()):
        environment = model.environments[name]
        columns = dict(zip(model.latents, model.tensor(z).unbind(-1)))
        for k, latent in enumerate(model.latents):
            mechanism = environment.scm.mechanisms[latent]
            replaced[row, k] = latent in environment.targets
            parents = gather(columns, mechanism.parents)
            with torch.no_grad():
                noise, response = mechanism.explicit(parents)
                values = response.inv(columns[latent])
                quantiles = noise.cdf(values).cpu().numpy()
            distance = uniform_distance(quantiles)
            found["distribution"][row, k] = distance
            found["distribution_p"][row, k] = kolmogorov(np.sqrt(len(quantiles)) * distance)
            if mechanism.parents:
                standard, inputs = values.cpu().numpy(), parents.cpu().numpy()
                square = np.minimum(standard**2, 9.0)
                both = np.column_stack([standard, square])
                for key, targets in (("dependence", both), ("size", square[:, None])):
                    found[key][row, k], found[f"{key}_p"][row, k] = _dependence(targets, inputs)
    dims = ("environment", "latent")
    return xr.Dataset(
        {**{key: (dims, value) for key, value in found.items()}, "replaced": (dims, replaced)},
        coords={"environment": labels(tuple(samples)), "latent": labels(model.latents)},
    )


def _dependence(targets: np.ndarray, parents: np.ndarray) -> tuple[float, float]:
    """Share of the variance of targets (sample, target) that the parents explain, the largest; and its p-value."""
    count = len(parents)
    upper = np.triu_indices(parents.shape[1])
    squares = (parents[:, :, None] * parents[:, None, :])[:, upper[0], upper[1]]
    design = np.column_stack([np.ones(count), parents, squares])
    basis, _ = np.linalg.qr(design)
    centred = targets - targets.mean(0)
    explained = ((basis.T @ centred) ** 2).sum(0) / (centred**2).sum(0)
    chance = (design.shape[1] - 1) / count
    return float(max((explained - chance).max(), 0.0)), explained_by_squares(targets, parents)
