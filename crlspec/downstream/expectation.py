"""Means of latents and of observed variables in an environment: exact where all is affine, else by simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from crlspec.generative.intervention import Environment
from crlspec.generative.mixing import Mixing
from crlspec.generative.scm import SCM, gather
from crlspec.typing import Tensor

__all__ = ["Means", "means"]


@dataclass(frozen=True)
class Means:
    """Mean latents (latent,) and observations (observed,), and the standard errors of having simulated them."""

    z: np.ndarray
    x: np.ndarray
    z_error: np.ndarray
    x_error: np.ndarray


def means(
    environment: Environment, mixing: Mixing, baseline: Environment | None, samples: int, seed: int
) -> Means:
    """Means in an environment, or by how much they differ from those of a baseline.

    Where simulation is needed each latent keeps its stream of random numbers, so that noise which both environments
    share cancels from the difference.
    """
    pair = [environment.scm] if baseline is None else [environment.scm, baseline.scm]
    with torch.no_grad():
        if mixing.affine and all(_affine(scm) for scm in pair):
            exact = [_mean(scm) for scm in pair]
            z, x = _difference(exact), _difference([mixing(one) for one in exact])
            return Means(z.numpy(), x.numpy(), np.zeros(len(z)), np.zeros(len(x)))
        draws = [scm.sample(samples, seed) for scm in pair]
        z, x = _difference(draws), _difference([mixing(draw) for draw in draws])
    root = samples**0.5
    return Means(*(part.numpy() for part in (z.mean(0), x.mean(0), z.std(0) / root, x.std(0) / root)))


def _affine(scm: SCM) -> bool:
    return all(mechanism.clamped or mechanism.affine for mechanism in scm.mechanisms.values())


def _mean(scm: SCM) -> Tensor:
    """(latent,): each node at the mean of its parents and of its noise."""
    columns: dict[str, Tensor] = {}
    for name in scm.order:
        mechanism = scm.mechanisms[name]
        parents = gather(columns, mechanism.parents, like=torch.empty(1, dtype=torch.float64))
        if mechanism.clamped:
            columns[name] = mechanism.distribution(parents).mean
        else:
            noise, response = mechanism.explicit(parents)
            columns[name] = response(noise.mean)
    return torch.cat([columns[name] for name in scm.latents])


def _difference(values: list[Tensor]) -> Tensor:
    return values[0] if len(values) == 1 else values[0] - values[1]
