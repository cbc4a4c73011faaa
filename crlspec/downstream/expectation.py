"""Means and deviations of latents and of observed variables: exact where all is affine, else by simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from crlspec.generative.intervention import Environment
from crlspec.generative.mixing import Mixing
from crlspec.generative.scm import SCM, gather

__all__ = ["Moment", "Statistic", "statistic"]

Moment = Literal["mean", "deviation"]


@dataclass(frozen=True)
class Statistic:
    """A number for each latent (latent,) and observed variable (observed,), and its error from having simulated."""

    z: np.ndarray
    x: np.ndarray
    z_error: np.ndarray
    x_error: np.ndarray


def statistic(
    moment: Moment,
    environment: Environment,
    mixing: Mixing,
    baseline: Environment | None,
    samples: int,
    seed: int,
) -> Statistic:
    """The mean or standard deviation in an environment, or by how much it differs from that of a baseline.

    Where simulation is needed each latent keeps its stream of random numbers, so that noise which both environments
    share cancels from the difference.
    """
    pair = [environment.scm] if baseline is None else [environment.scm, baseline.scm]
    with torch.no_grad():
        if mixing.affine and all(_affine(scm) for scm in pair):
            exact = [_exact(moment, scm, mixing) for scm in pair]
            z, x = (_difference([one[k] for one in exact]) for k in (0, 1))
            return Statistic(z, x, np.zeros(len(z)), np.zeros(len(x)))
        draws = [scm.sample(samples, seed) for scm in pair]
        z, z_error = _simulated(moment, [draw.cpu().numpy() for draw in draws])
        x, x_error = _simulated(moment, [mixing(draw).cpu().numpy() for draw in draws])
    return Statistic(z, x, z_error, x_error)


def _affine(scm: SCM) -> bool:
    return all(mechanism.clamped or mechanism.affine for mechanism in scm.mechanisms.values())


def _exact(moment: Moment, scm: SCM, mixing: Mixing) -> tuple[np.ndarray, np.ndarray]:
    """(latent,), (observed,) of an affine SCM: z = mean + root · noise, with noise of variance 1."""
    n = len(scm.latents)
    like = next(mixing.buffers(), torch.empty(0, dtype=torch.float64))
    centre, root = like.new_zeros(n), like.new_zeros(n, n)
    place = {name: i for i, name in enumerate(scm.latents)}
    for name in scm.order:
        i, mechanism = place[name], scm.mechanisms[name]
        rows = [place[parent] for parent in mechanism.parents]
        # the means of the parents, and one column more of root at each further sample
        points = torch.cat([centre[None], centre + root.T])
        parents = gather(dict(zip(scm.latents, points.unbind(-1))), mechanism.parents, like=points[:, 0])
        if mechanism.clamped:
            centre[i] = mechanism.distribution(parents).mean[0]
            continue
        noise, response = mechanism.explicit(parents)
        at = response(noise.mean)
        centre[i] = at[0]
        root[i] = at[1:] - at[0] if rows else 0.0
        root[i, i] = (response(noise.mean + noise.stddev) - at)[0]
    x = mixing(centre)
    if moment == "mean":
        return centre.cpu().numpy(), x.cpu().numpy()
    spread = mixing(centre + root.T) - x
    return root.norm(dim=1).cpu().numpy(), spread.norm(dim=0).cpu().numpy()


def _simulated(moment: Moment, draws: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The statistic of paired draws (sample, variable), and its standard error by the delta method."""
    if moment == "mean":
        terms = draws
    else:
        terms = [
            d.std(0) + ((d - d.mean(0)) ** 2 - d.var(0)) / (2 * np.maximum(d.std(0), 1e-12)) for d in draws
        ]
    influence = _difference(terms)
    return influence.mean(0), influence.std(0) / np.sqrt(len(influence))


def _difference(values: list[np.ndarray]) -> np.ndarray:
    return values[0] if len(values) == 1 else values[0] - values[1]
